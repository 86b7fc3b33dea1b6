import assert from "node:assert/strict";
import fc from "fast-check";
import { ServiceTallies } from "../../../src/scheduler/service-tallies.ts";

const nodes = 40;

describe("ServiceTallies", () => {
  it("counts by service and node, few as well as many", () => {
    const counted = fc.tuple(fc.constantFrom("a", "b"), fc.nat(nodes - 1));
    fc.assert(
      fc.property(fc.array(counted, { maxLength: 60 }), (steps) => {
        const tallies = new ServiceTallies();
        const indexes = Array.from({ length: nodes }, () => tallies.addNode());
        for (const [serviceId, index] of steps) tallies.add(serviceId, index);
        for (const service of ["a", "b", "none"]) {
          assert.deepEqual(
            indexes.map((index) => tallies.get(service, index)),
            indexes.map(
              (at) => steps.filter(([id, index]) => id === service && index === at).length,
            ),
          );
        }
      }),
    );
  });
});
