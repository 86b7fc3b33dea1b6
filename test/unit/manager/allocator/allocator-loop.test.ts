import assert from "node:assert/strict";
import { must } from "../../../../src/base/assert.ts";
import { ClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import type { EndpointSpecInput } from "../../../../src/gen/skep/EndpointSpec.ts";
import type { NetworkSpecInput } from "../../../../src/gen/skep/NetworkSpec.ts";
import type { Task, TaskInput } from "../../../../src/gen/skep/Task.ts";
import { startAllocator } from "../../../../src/manager/allocator/allocator-loop.ts";
import { noLongerFits } from "../../../../src/manager/orchestrator/constraint-enforcer.ts";
import type { Store } from "../../../../src/store/store.ts";
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
import {
  createMemoryStore,
  type MemoryProposer,
  type MemoryStore,
} from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const overlay = { driver: { name: "overlay" } };

/** A store with its allocator, and short ways to put things in. */
class World {
  readonly clock = new FakeClock();
  readonly store: Store;
  readonly proposer: MemoryProposer;
  readonly seed: MemoryStore["seed"];
  #loop: { stop(): Promise<void> } | undefined;

  constructor() {
    const { store, proposer, seed } = createMemoryStore(this.clock);
    this.seed = seed;
    this.store = store;
    this.proposer = proposer;
  }

  async start(): Promise<this> {
    if (this.store.view().cluster() === undefined) {
      await this.store.update((tx) => tx.create("cluster", aCluster()));
    }
    const { store, clock } = this;
    this.#loop = startAllocator({ store, clock, random: seededRandom(1), log: silentLogger });
    await settle();
    return this;
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  async network(id: string, spec: NetworkSpecInput = {}): Promise<void> {
    const annotations = { name: id };
    const network = aNetwork({
      id,
      spec: { annotations, ...overlay, ...spec },
      ipam: null,
      vni: 0,
    });
    await this.#write((store) => store.update((tx) => tx.create("network", network)));
  }

  async service(id: string, endpoint: EndpointSpecInput | null, networks: string[] = []) {
    const task = aTaskSpec({ networks: networks.map((target) => ({ target })) });
    const spec = aServiceSpec({ annotations: { name: id }, task, endpoint });
    const service = aService({ id, spec, specVersion: null });
    await this.#write((store) => store.update((tx) => tx.create("service", service)));
  }

  /** NEW tasks of the service, made as the orchestrator does. */
  async tasks(serviceId: string, ids: readonly string[], given: TaskInput = {}): Promise<void> {
    const spec = must(this.store.view().get("service", serviceId), serviceId).spec?.task ?? null;
    const status = { state: "NEW" as const };
    const tasks = ids.map((id) => aTask({ id, serviceId, spec, status, nodeId: "", ...given }));
    const changes = tasks.map(
      (task) => (tx: { create(table: "task", task: TaskInput): void }) => tx.create("task", task),
    );
    await this.#write((store) => store.batch(changes));
  }

  async changeTask(id: string, change: Partial<Task>): Promise<void> {
    await this.#write((store) =>
      store.update((tx) => tx.update("task", { ...must(tx.get("task", id), id), ...change })),
    );
  }

  async remove(table: "task" | "service" | "network", id: string): Promise<void> {
    await this.#write((store) => store.update((tx) => tx.remove(table, id)));
  }

  async #write(write: (store: Store) => Promise<unknown>): Promise<void> {
    await write(this.store);
    await settle();
  }

  task(id: string): Task {
    return must(this.store.view().get("task", id), id);
  }

  subnet(id: string): string | undefined {
    return this.store.view().get("network", id)?.ipam?.configs[0]?.subnet;
  }

  addresses(id: string): string[] {
    return this.task(id).networks.flatMap((attachment) => attachment.addresses);
  }
}

function ended(task: Task, state: "SHUTDOWN" | "REJECTED", err = ""): Partial<Task> {
  return { desiredState: "SHUTDOWN", status: { ...must(task.status, "status"), state, err } };
}

describe("allocator", () => {
  it("makes the ingress network once, with an address for each node", async () => {
    const world = new World();
    await world.store.update((tx) => {
      for (const id of ["node1", "node2"]) tx.create("node", aNode({ id, attachments: [] }));
    });
    await world.start();
    const ingress = must(world.store.view().byName("network", "ingress"), "ingress");
    assert.equal(world.subnet(ingress.id), "10.0.0.0/24");
    assert.equal(ingress.ipam?.configs[0]?.gateway, "10.0.0.1");
    assert.equal(ingress.vni, 4096);
    const nodes = [...world.store.view().all("node")].map((node) => node.attachments);
    assert.deepEqual(nodes, [
      [{ networkId: ingress.id, addresses: ["10.0.0.2/24"], aliases: [] }],
      [{ networkId: ingress.id, addresses: ["10.0.0.3/24"], aliases: [] }],
    ]);
    await world.stop();
    await world.start();
    assert.equal([...world.store.view().all("network")].length, 1);
    await world.stop();
  });

  it("cuts subnets from the pool and honours the ones asked for", async () => {
    const world = await new World().start();
    await world.network("mine", { ipam: { configs: [{ subnet: "10.0.1.0/28" }] } });
    await world.network("next");
    await world.network("clash", { ipam: { configs: [{ subnet: "10.0.0.0/16" }] } });
    await world.network("local", { driver: { name: "host" } });
    assert.equal(world.subnet("mine"), "10.0.1.0/28");
    assert.equal(world.subnet("next"), "10.0.2.0/24");
    assert.equal(world.subnet("clash"), undefined);
    assert.equal(world.subnet("local"), undefined);
    await world.service("web", null, ["clash"]);
    await world.tasks("web", ["t1"]);
    assert.match(world.task("t1").status?.err ?? "", /clash has no subnet yet/);
    await world.stop();
  });

  it("gives a service its virtual addresses and ports, and a task its addresses", async () => {
    const world = await new World().start();
    await world.network("back");
    const ports = [{ targetPort: 80, publishedPort: 8080 }, { targetPort: 81 }];
    await world.service("web", { ports }, ["back"]);
    await world.tasks("web", ["t1"]);
    const endpoint = world.store.view().get("service", "web")?.endpoint;
    assert.deepEqual(
      endpoint?.ports.map((port) => port.publishedPort),
      [8080, 30000],
    );
    assert.deepEqual(
      endpoint?.virtualIps.map((vip) => vip.address),
      ["10.0.1.2/24", "10.0.0.2/24"],
    );
    const task = world.task("t1");
    assert.equal(task.status?.state, "PENDING");
    assert.equal(task.status?.message, "pending task scheduling");
    assert.deepEqual(world.addresses("t1"), ["10.0.1.3/24", "10.0.0.3/24"]);
    assert.deepEqual(task.endpoint, endpoint);
    await world.stop();
  });

  it("keeps chosen ports and addresses over updates and frees what is dropped", async () => {
    const world = await new World().start();
    await world.service("web", { ports: [{ targetPort: 80 }, { targetPort: 81 }] });
    const change = async (endpoint: EndpointSpecInput) => {
      await world.store.update((tx) => {
        const service = must(tx.get("service", "web"), "web");
        const spec = aServiceSpec({ ...service.spec, endpoint });
        tx.update("service", { ...service, spec, specVersion: null });
      });
      await settle();
      return world.store.view().get("service", "web")?.endpoint;
    };
    const before = world.store.view().get("service", "web")?.endpoint;
    const after = await change({ ports: [{ targetPort: 81 }, { targetPort: 82 }] });
    assert.deepEqual(
      before?.ports.map((port) => port.publishedPort),
      [30000, 30001],
    );
    assert.deepEqual(
      after?.ports.map((port) => port.publishedPort),
      [30001, 30002],
    );
    assert.deepEqual(after?.virtualIps, before?.virtualIps);
    assert.deepEqual((await change({ mode: "DNSRR" }))?.virtualIps, []);
    await world.stop();
  });

  it("lets a service wait for a taken port until it is free", async () => {
    const world = await new World().start();
    const endpoint = { ports: [{ targetPort: 80, publishedPort: 80 }] };
    await world.service("one", endpoint);
    await world.service("two", endpoint);
    await world.tasks("two", ["t2"]);
    assert.equal(world.store.view().get("service", "two")?.endpoint, null);
    assert.equal(world.task("t2").status?.err, "port 80/tcp is in use by another service");
    await world.remove("service", "one");
    assert.equal(world.task("t2").status?.state, "PENDING");
    assert.equal(world.task("t2").status?.err, "");
    await world.stop();
  });

  it("explains exhaustion and goes on when an address is freed", async () => {
    const world = await new World().start();
    await world.network("tiny", { ipam: { configs: [{ subnet: "10.9.0.0/29" }] } });
    await world.service("web", null, ["tiny"]);
    await world.tasks("web", ["t1", "t2", "t3", "t4", "t5"]);
    assert.equal(world.task("t4").status?.state, "PENDING");
    assert.deepEqual(
      [world.task("t5").status?.state, world.task("t5").status?.err],
      ["NEW", "network tiny: no free address in 10.9.0.0/29, all 5 are in use"],
    );
    const [address] = world.addresses("t1");
    await world.changeTask("t1", { desiredState: "SHUTDOWN" });
    assert.equal(world.task("t5").status?.state, "NEW", "t1 may still be running");
    await world.changeTask("t1", ended(world.task("t1"), "REJECTED", noLongerFits));
    assert.equal(world.task("t5").status?.state, "NEW", "nobody has said that t1 stopped");
    await world.remove("task", "t1");
    assert.deepEqual(world.addresses("t5"), [address]);
    await world.stop();
  });

  it("goes on under a new leader without giving anything twice", async () => {
    const world = await new World().start();
    await world.network("back");
    await world.service("web", null, ["back"]);
    await world.tasks("web", ["t1", "t2"]);
    await world.changeTask("t1", ended(world.task("t1"), "SHUTDOWN"));
    await world.stop();
    await world.start();
    await world.tasks("web", ["t3"]);
    assert.deepEqual(world.addresses("t2"), ["10.0.1.4/24"]);
    assert.deepEqual(world.addresses("t3"), ["10.0.1.5/24"]);
    await world.stop();
  });

  it("tries again when a commit failed, and loses nothing by it", async () => {
    const world = await new World().start();
    await world.network("back");
    await world.service("web", null, ["back"]);
    const task = aTask({ id: "t1", serviceId: "web", status: { state: "NEW" }, nodeId: "" });
    const spec = aTaskSpec({ networks: [{ target: "back" }] });
    world.seed("task", { ...task, spec });
    world.proposer.refusal = new ClusterError("UNAVAILABLE", "no quorum");
    await world.clock.run(20_000);
    assert.equal(world.task("t1").status?.state, "NEW");
    world.proposer.refusal = undefined;
    await world.clock.run(5_000);
    assert.deepEqual(world.addresses("t1"), ["10.0.1.3/24"]);
    await world.stop();
  });

  it("gives 1,000 tasks their addresses in few proposals", async () => {
    const world = await new World().start();
    await world.network("wide", { ipam: { configs: [{ subnet: "10.20.0.0/16" }] } });
    await world.service("web", null, ["wide"]);
    const before = world.proposer.proposals;
    const ids = Array.from({ length: 1000 }, (_, n) => `t${n}`);
    await world.tasks("web", ids);
    await settle();
    const given = new Set(ids.flatMap((id) => world.addresses(id)));
    assert.equal(given.size, 1000);
    assert.ok(
      world.proposer.proposals - before <= 44,
      `${world.proposer.proposals - before} proposals`,
    );
    await world.stop();
  });
});
