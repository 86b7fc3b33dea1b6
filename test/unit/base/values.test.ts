import assert from "node:assert/strict";
import fc from "fast-check";
import { assert as assertThat, must, unreachable } from "../../../src/base/assert.ts";
import { Backoff } from "../../../src/base/backoff.ts";
import { ClusterError, errnoCode, errorMessage, isClusterError } from "../../../src/base/errors.ts";
import { bytesToBase36, newContainerId, newId } from "../../../src/base/ids.ts";
import {
  addressOf,
  formatSubnet,
  ipToNumber,
  macOf,
  numberToIp,
  parseSubnet,
  splitHostPort,
  subnetContains,
  subnetsOverlap,
} from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { randomInteger, systemRandom } from "../../../src/base/random.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("ip", () => {
  it("turns addresses into numbers and back", () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        assert.equal(numberToIp(ipToNumber(ip)), ip);
      }),
    );
  });

  const subnets = [
    { text: "10.0.1.7/24", want: "10.0.1.0/24", size: 256 },
    { text: "255.255.255.255/32", want: "255.255.255.255/32", size: 1 },
    { text: "1.2.3.4/0", want: "0.0.0.0/0", size: 2 ** 32 },
  ];
  for (const { text, want, size } of subnets) {
    it(`reads ${text} as ${want}`, () => {
      const subnet = parseSubnet(text);
      assert.equal(formatSubnet(subnet), want);
      assert.equal(subnet.size, size);
    });
  }

  for (const text of ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "::/0", "a/8"]) {
    it(`refuses the subnet "${text}"`, () => {
      assert.throws(() => parseSubnet(text), { code: "INVALID_ARGUMENT" });
    });
  }

  it("knows what is inside and what overlaps", () => {
    const a = parseSubnet("10.0.0.0/16");
    assert.equal(subnetContains(a, "10.0.255.255"), true);
    assert.equal(subnetContains(a, "10.1.0.0"), false);
    assert.equal(subnetsOverlap(a, parseSubnet("10.0.3.0/24")), true);
    assert.equal(subnetsOverlap(a, parseSubnet("10.1.0.0/16")), false);
  });

  it("derives addresses from CIDRs", () => {
    assert.equal(addressOf("10.0.1.5/24"), "10.0.1.5");
    assert.equal(macOf("10.0.1.255/24"), "02:42:0a:00:01:ff");
  });

  const hosts = [
    { text: "a.b:80", want: { host: "a.b", port: 80 } },
    { text: "10.0.0.1", want: { host: "10.0.0.1", port: 7 } },
    { text: "[::1]:80", want: { host: "::1", port: 80 } },
  ];
  for (const { text, want } of hosts) {
    it(`splits ${text}`, () => assert.deepEqual(splitHostPort(text, 7), want));
  }
  for (const text of ["", ":80", "a:b", "a:99999", "::1"]) {
    it(`refuses "${text}" as host and port`, () => {
      assert.throws(() => splitHostPort(text, 7), { code: "INVALID_ARGUMENT" });
    });
  }
});

describe("ids", () => {
  it("have their length and letters", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        assert.match(newId(seededRandom(seed)), /^[0-9a-z]{25}$/);
      }),
    );
    assert.match(newContainerId(systemRandom), /^[0-9a-f]{64}$/);
    assert.equal(
      newId({ float: () => 0, bytes: (count) => new Uint8Array(count) }),
      "0".repeat(25),
    );
  });

  it("differ", () => {
    assert.equal(new Set(Array.from({ length: 1000 }, () => newId(systemRandom))).size, 1000);
  });

  it("write bytes in base 36", () => {
    assert.equal(bytesToBase36(Uint8Array.of(1, 0)), (256).toString(36));
    assert.equal(bytesToBase36(new Uint8Array()), "0");
  });
});

describe("random", () => {
  it("gives integers within the bounds, both included", () => {
    const random = seededRandom(3);
    const seen = new Set(Array.from({ length: 200 }, () => randomInteger(random, 1, 3)));
    assert.deepEqual(seen, new Set([1, 2, 3]));
  });

  it("gives floats in [0, 1)", () => {
    for (let count = 0; count < 100; count += 1) {
      const value = systemRandom.float();
      assert.ok(value >= 0 && value < 1);
    }
  });
});

describe("back-off", () => {
  it("doubles up to its limit, jittered within the upper half, and begins again", () => {
    const backoff = new Backoff({ initialMs: 100, maxMs: 400, random: seededRandom(1) });
    for (const step of [100, 200, 400, 400]) {
      const waitMs = backoff.nextMs();
      assert.ok(waitMs >= step / 2 && waitMs < step, `${waitMs} of ${step}`);
    }
    backoff.reset();
    assert.ok(backoff.nextMs() < 100);
  });
});

describe("errors", () => {
  it("carry code, details and cause", () => {
    const cause = new Error("inner");
    const error = new ClusterError("NOT_FOUND", "no such thing", { details: { a: "b" }, cause });
    assert.equal(error.cause, cause);
    assert.deepEqual(error.details, { a: "b" });
    assert.equal(isClusterError(error), true);
    assert.equal(isClusterError(error, "NOT_FOUND", "INTERNAL"), true);
    assert.equal(isClusterError(error, "INTERNAL"), false);
    assert.equal(isClusterError(cause), false);
    assert.equal("cause" in new ClusterError("INTERNAL", "x"), false);
  });

  it("show the text and the errno of anything thrown", () => {
    assert.equal(errorMessage(new Error("x")), "x");
    assert.equal(errorMessage(7), "7");
    assert.equal(errnoCode(Object.assign(new Error("x"), { code: "ENOENT" })), "ENOENT");
    assert.equal(errnoCode({ code: "ENOENT" }), undefined);
  });

  it("of programmers are assertions", () => {
    assert.throws(() => assertThat(false, "x"), /assertion failed: x/);
    assert.equal(must(0, "zero"), 0);
    assert.throws(() => must(null, "it"), /it is missing/);
    assert.throws(() => unreachable("x" as never), /unexpected value "x"/);
  });
});

describe("the silent logger", () => {
  it("has children that are silent too", () => {
    assert.equal(silentLogger.child({ module: "x" }), silentLogger);
    silentLogger.error({}, "nothing");
  });
});
