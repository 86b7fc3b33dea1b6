import assert from "node:assert/strict";
import fc from "fast-check";
import { numberToIp } from "../../../../src/base/ip.ts";
import { AddressPool } from "../../../../src/manager/allocator/address-pool.ts";

const config = { subnet: "10.0.1.0/29", range: "", gateway: "10.0.1.1", reserved: {} };

function takeAll(pool: AddressPool): string[] {
  const given: string[] = [];
  for (let value = pool.take("o"); value !== undefined; value = pool.take("o")) {
    given.push(numberToIp(value));
  }
  return given;
}

describe("AddressPool", () => {
  const cases = [
    {
      name: "leaves out network, broadcast and gateway",
      given: config,
      want: ["10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5", "10.0.1.6"],
    },
    {
      name: "leaves out reserved addresses",
      given: { ...config, reserved: { router: "10.0.1.3", printer: "10.0.1.6" } },
      want: ["10.0.1.2", "10.0.1.4", "10.0.1.5"],
    },
    {
      name: "stays in the range",
      given: { ...config, range: "10.0.1.4/31" },
      want: ["10.0.1.4", "10.0.1.5"],
    },
    {
      name: "has nothing in a subnet of one",
      given: { ...config, subnet: "10.0.1.1/32" },
      want: [],
    },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => {
      const pool = new AddressPool(given);
      assert.deepEqual(takeAll(pool), want);
      assert.equal(pool.capacity, want.length);
    });
  }

  it("gives a freed address again only after all others", () => {
    const pool = new AddressPool(config);
    const first = pool.take("a") ?? 0;
    pool.release(first, "a");
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => numberToIp(pool.take("b") ?? 0)),
      ["10.0.1.3", "10.0.1.4", "10.0.1.5", "10.0.1.6", "10.0.1.2"],
    );
  });

  it("goes on behind the addresses it is told of", () => {
    const pool = new AddressPool(config);
    const other = new AddressPool(config);
    for (const owner of ["a", "b"]) other.hold(pool.take(owner) ?? 0, owner);
    assert.equal(numberToIp(other.take("c") ?? 0), "10.0.1.4");
    assert.equal(other.hold(pool.subnet.base + 2, "x"), false, "taken by another");
    other.release(pool.subnet.base + 2, "x");
    assert.equal(other.hold(pool.subnet.base + 2, "a"), true, "only its owner frees it");
  });

  it("never gives an address twice, whatever is freed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (steps) => {
        const pool = new AddressPool({ ...config, subnet: "10.0.1.0/28" });
        const held: number[] = [];
        for (const step of steps) {
          if (step < 6) {
            const value = pool.take("o");
            assert.equal(value === undefined, held.length === pool.capacity);
            if (value === undefined) continue;
            assert.ok(!held.includes(value));
            held.push(value);
          } else if (held.length > 0) {
            pool.release(held.splice(step % held.length, 1)[0] ?? 0, "o");
          }
        }
        assert.equal(pool.used, held.length);
      }),
      { numRuns: 50 },
    );
  });
});
