import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../src/base/log.ts";
import { KeyFile } from "../../../src/ca/key-file.ts";
import { CertificateRenewer, renewalTimeMs, renewalWaitMs } from "../../../src/ca/renewer.ts";
import type { TlsIdentity } from "../../../src/rpc/credentials.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const nowMs = Date.UTC(2026, 0, 15, 12);
const hourMs = 3_600_000;
const random = { float: () => 0.5, bytes: (count: number) => new Uint8Array(count) };

describe("ca: renewer", () => {
  const ca = new CaFixture(nowMs);

  function start(renew: () => Promise<void>, clock: FakeClock) {
    const listeners = new Set<(identity: TlsIdentity) => void>();
    const identity = ca.identity("n1", "worker", 19 * hourMs); // 20 h with the backdated one: due at 65 % = 13 h
    const source = {
      current: () => identity,
      onChange: (fn: (identity: TlsIdentity) => void) => {
        listeners.add(fn);
        return () => listeners.delete(fn);
      },
    };
    const renewer = new CertificateRenewer({
      identity: source,
      renew,
      clock,
      random,
      log: silentLogger,
    });
    renewer.start();
    return renewer;
  }

  it("picks a point of 50 to 80 % of the life", () => {
    const at = (float: number) =>
      renewalTimeMs({ fromMs: 0, untilMs: 100 }, { ...random, float: () => float });
    assert.deepEqual([at(0), at(1)], [50, 80]);
  });

  it("renews when due, after a clock jump too, at once on request, and tries again", async () => {
    const clock = new FakeClock(nowMs);
    let calls = 0;
    let failures = 1;
    const renewer = start(async () => {
      calls += 1;
      if (failures > 0) {
        failures -= 1;
        throw new Error("no manager");
      }
    }, clock);
    await clock.run(11 * hourMs);
    assert.equal(calls, 0);
    renewer.renewNow();
    await clock.run(1);
    assert.equal(calls, 1);
    await clock.run(2_000);
    assert.equal(calls, 2);
    await renewer.stop();
    assert.equal(clock.pending, 0);
  });

  const plan = { fromMs: 1_000_000, dueMs: 9_000_000, isAsked: false, retryAtMs: 0 };
  const waits: { name: string; given: Partial<typeof plan>; nowMs: number; want: number }[] = [
    { name: "in good time", given: {}, nowMs: 5_000_000, want: 180_000 },
    { name: "shortly before", given: {}, nowMs: 8_999_000, want: 1_000 },
    { name: "when due", given: {}, nowMs: 9_000_000, want: 0 },
    { name: "long past its end", given: {}, nowMs: 9e12, want: 0 },
    { name: "before its beginning", given: {}, nowMs: 999_999, want: 0 },
    { name: "at its beginning", given: {}, nowMs: 1_000_000, want: 180_000 },
    { name: "when asked", given: { isAsked: true }, nowMs: 5_000_000, want: 0 },
    {
      name: "after a failure",
      given: { isAsked: true, retryAtMs: 130_000 },
      nowMs: 5_000_000,
      want: 30_000,
    },
    {
      name: "after a failure, and then the clock was set right",
      given: { retryAtMs: 130_000 },
      nowMs: 5_000_000,
      want: 180_000,
    },
    { name: "a failure long ago", given: { retryAtMs: 5 }, nowMs: 9e9, want: 0 },
  ];
  for (const { name, given, nowMs: at, want } of waits) {
    it(`waits ${want / 1000} s ${name}`, () => {
      assert.equal(renewalWaitMs({ ...plan, ...given }, at, 100_000), want);
    });
  }

  it("does not renew without end when what it gets is due already", async () => {
    const clock = new FakeClock(nowMs + 30 * hourMs);
    let calls = 0;
    const renewer = start(async () => {
      calls += 1;
    }, clock);
    await clock.run(10 * 60_000);
    assert.ok(calls > 1 && calls <= 11, `${calls} renewals in 10 minutes`);
    await renewer.stop();
  });

  it("notices that the clock jumped ahead", async () => {
    let offsetMs = 0;
    class JumpingClock extends FakeClock {
      override now(): number {
        return super.now() + offsetMs;
      }
    }
    const clock = new JumpingClock(nowMs);
    let calls = 0;
    const renewer = start(async () => {
      calls += 1;
      offsetMs = 0;
    }, clock);
    await clock.run(hourMs);
    offsetMs = 12 * hourMs;
    await clock.run(5 * 60_000);
    assert.equal(calls, 1);
    await renewer.stop();
  });
});

describe("ca: key file", () => {
  const ca = new CaFixture(nowMs);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("gives back what it was given, readable by its owner only", async () => {
    const file = new KeyFile(join(folder, "certificates"));
    assert.equal(await file.load(), undefined);
    const identity = ca.identity("n1", "manager");
    await file.save(identity);
    assert.deepEqual(await file.load(), identity);
    const { mode } = await stat(join(folder, "certificates", "swarm-node.key"));
    assert.equal(mode & 0o777, 0o600);
    await file.remove();
    assert.equal(await file.load(), undefined);
  });

  it("a crash between key and certificate loses neither", async () => {
    const file = new KeyFile(folder);
    const [old, next] = [ca.identity("n1", "worker"), ca.identity("n1", "manager")];
    await file.save(old);
    await writeFile(join(folder, "swarm-node.key.next"), next.privateKeyPem, { mode: 0o600 });
    assert.deepEqual(await file.load(), old);
    await writeFile(join(folder, "swarm-node.crt"), next.certificatePem);
    assert.deepEqual(await file.load(), next);
    assert.equal(await readFile(join(folder, "swarm-node.key"), "utf8"), next.privateKeyPem);
  });

  it("damage is told", async () => {
    const file = new KeyFile(folder);
    await file.save(ca.identity("n1", "worker"));
    await writeFile(join(folder, "swarm-node.key"), "x");
    await assert.rejects(file.load(), /is missing, damaged or not the key/);
    await file.save({
      ...ca.identity("n1", "worker"),
      rootCaPem: new CaFixture(nowMs).root.certificatePem,
    });
    await assert.rejects(file.load(), /was not issued by the root/);
  });
});
