import assert from "node:assert/strict";
import {
  initialHealth,
  nextHealth,
  nextProbeDelayMs,
  planHealthCheck,
} from "../../../src/worker/executor/health-check.ts";

const check = {
  args: ["true"],
  intervalMs: 1000,
  timeoutMs: 500,
  retries: 3,
  startPeriodMs: 5000,
  startIntervalMs: 100,
};

describe("health check", () => {
  it("is healthy after the first success", () => {
    const state = nextHealth(initialHealth, { ok: true, sinceStartMs: 0 }, check);
    assert.deepEqual(state, { status: "healthy", failingStreak: 0 });
  });

  it("does not count failures inside the start period", () => {
    const state = nextHealth(initialHealth, { ok: false, sinceStartMs: 4999 }, check);
    assert.deepEqual(state, initialHealth);
  });

  it("is unhealthy after as many failures in a row as retries", () => {
    let state = nextHealth(initialHealth, { ok: true, sinceStartMs: 10 }, check);
    const seen = [1, 2, 3].map(() => {
      state = nextHealth(state, { ok: false, sinceStartMs: 20 }, check);
      return state.status;
    });
    assert.deepEqual(seen, ["healthy", "healthy", "unhealthy"]);
  });

  it("recovers at the next success", () => {
    const state = nextHealth(
      { status: "unhealthy", failingStreak: 7 },
      { ok: true, sinceStartMs: 9000 },
      check,
    );
    assert.deepEqual(state, { status: "healthy", failingStreak: 0 });
  });

  it("probes faster during the start period", () => {
    assert.equal(nextProbeDelayMs(initialHealth, 100, check), 100);
    assert.equal(nextProbeDelayMs(initialHealth, 5000, check), 1000);
  });

  it("takes each field from the service, else the image, else the default", () => {
    const image = {
      test: ["CMD-SHELL", "probe it"],
      intervalMs: 7000,
      timeoutMs: 0,
      retries: 9,
      startPeriodMs: 0,
      startIntervalMs: 0,
    };
    const asked = {
      test: [],
      interval: null,
      timeout: null,
      retries: 2,
      startPeriod: null,
      startInterval: null,
    };
    assert.deepEqual(planHealthCheck(asked, image), {
      args: ["/bin/sh", "-c", "probe it"],
      intervalMs: 7000,
      timeoutMs: 30_000,
      retries: 2,
      startPeriodMs: 0,
      startIntervalMs: 5000,
    });
  });

  it("is off without a test, and with NONE", () => {
    assert.equal(planHealthCheck(null, undefined), undefined);
    const none = { test: ["NONE"], interval: null, timeout: null, retries: 0 };
    const asked = { ...none, startPeriod: null, startInterval: null };
    assert.equal(planHealthCheck(asked, { ...check, test: ["CMD", "x"] }), undefined);
  });
});
