import assert from "node:assert/strict";
import fc from "fast-check";
import { silentLogger } from "../../../../src/base/log.ts";
import { startAllocator } from "../../../../src/manager/allocator/allocator-loop.ts";
import type { StoreView, Transaction } from "../../../../src/store/store-view.ts";
import {
  aCluster,
  aNetwork,
  aNode,
  aService,
  aServiceSpec,
  aTask,
  aTaskSpec,
} from "../../../support/builders.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

// Networks, services and tasks come and go at random; in one small network addresses run out.

const overlay = { driver: { name: "overlay" } };
const small = { ipam: { configs: [{ subnet: "10.9.0.0/29" }] } };
const networkIds = ["small", "wide"];
const serviceIds = ["s0", "s1", "s2"];

const step = fc.oneof(
  fc.record({
    kind: fc.constant("service" as const),
    id: fc.constantFrom(...serviceIds),
    networks: fc.subarray(networkIds),
    port: fc.constantFrom(undefined, 0, 8080),
  }),
  fc.record({ kind: fc.constant("task" as const), service: fc.constantFrom(...serviceIds) }),
  fc.record({ kind: fc.constant("end" as const), pick: fc.nat(20) }),
  fc.record({ kind: fc.constant("removeTask" as const), pick: fc.nat(20) }),
  fc.record({ kind: fc.constant("removeService" as const), id: fc.constantFrom(...serviceIds) }),
  fc.record({ kind: fc.constant("leader" as const) }),
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function change(tx: Transaction, each: Step, number: number): void {
  switch (each.kind) {
    case "service": {
      if (tx.get("service", each.id)) break;
      const ports = each.port === undefined ? [] : [{ targetPort: 80, publishedPort: each.port }];
      const task = aTaskSpec({ networks: each.networks.map((target) => ({ target })) });
      const spec = aServiceSpec({ annotations: { name: each.id }, task, endpoint: { ports } });
      tx.create("service", aService({ id: each.id, spec, specVersion: null }));
      break;
    }
    case "task": {
      const service = tx.get("service", each.service);
      if (service === undefined) break;
      const { specVersion, spec } = service;
      const given = { specVersion, spec: spec?.task ?? null, serviceId: service.id };
      const status = { state: "NEW" as const };
      tx.create("task", aTask({ id: `t${number}`, nodeId: "", status, ...given }));
      break;
    }
    case "end": {
      const task = [...tx.all("task")][each.pick];
      if (!task?.status) break;
      const status = { ...task.status, state: "SHUTDOWN" as const };
      tx.update("task", { ...task, desiredState: "SHUTDOWN", status });
      break;
    }
    case "removeTask": {
      const task = [...tx.all("task")][each.pick];
      if (task) tx.remove("task", task.id);
      break;
    }
    case "removeService": {
      for (const task of tx.tasksOfService(each.id)) tx.remove("task", task.id);
      if (tx.get("service", each.id)) tx.remove("service", each.id);
      break;
    }
    case "leader":
      break;
  }
}

/** What is held in each network, as "network address". */
function held(view: StoreView): string[] {
  const all: string[] = [];
  for (const { id, ipam } of view.all("network")) {
    for (const { gateway } of ipam?.configs ?? []) all.push(`${id} ${gateway}`);
  }
  for (const service of view.all("service")) {
    for (const { networkId, address } of service.endpoint?.virtualIps ?? [])
      all.push(`${networkId} ${address.split("/")[0]}`);
  }
  const attached = [
    ...[...view.all("node")].flatMap((node) => node.attachments),
    ...[...view.all("task")]
      .filter((task) => task.status?.state !== "SHUTDOWN")
      .flatMap((task) => task.networks),
  ];
  for (const { networkId, addresses } of attached) {
    for (const address of addresses) all.push(`${networkId} ${address.split("/")[0]}`);
  }
  return all;
}

function ports(view: StoreView): number[] {
  return [...view.all("service")].flatMap((service) =>
    (service.endpoint?.ports ?? []).map((port) => port.publishedPort),
  );
}

async function worldOf(): Promise<{ made: MemoryStore; clock: FakeClock }> {
  const clock = new FakeClock();
  const made = createMemoryStore(clock);
  made.seed("cluster", aCluster());
  made.seed("node", aNode({ attachments: [] }));
  for (const [id, spec] of [
    ["small", small],
    ["wide", {}],
  ] as const) {
    const network = { annotations: { name: id }, ...overlay, ...spec };
    made.seed("network", aNetwork({ id, ipam: null, vni: 0, spec: network }));
  }
  return { made, clock };
}

describe("allocator, on any course of things", () => {
  it("gives nothing twice, and a new leader wants nothing more", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { made, clock } = await worldOf();
        const { store, proposer } = made;
        const start = () =>
          startAllocator({ store, clock, random: seededRandom(1), log: silentLogger });
        let allocator = start();
        await settle();
        for (const [number, each] of steps.entries()) {
          await store.update((tx) => change(tx, each, number));
          await settle();
          if (each.kind !== "leader") continue;
          await allocator.stop();
          allocator = start();
          await settle();
        }
        const all = held(store.view());
        assert.equal(new Set(all).size, all.length, all.join(", "));
        const published = ports(store.view()).filter((port) => port > 0);
        assert.equal(new Set(published).size, published.length, published.join(", "));
        for (const task of store.view().all("task")) {
          if (task.status?.state === "NEW")
            assert.notEqual(task.status.err, "", `${task.id} waits without a word`);
        }
        await allocator.stop();
        const before = proposer.proposals;
        const next = start();
        await settle();
        await next.stop();
        assert.equal(proposer.proposals, before, "a new leader changed what was given");
      }),
      { numRuns: 60 },
    );
  });
});
