import assert from "node:assert/strict";
import { must } from "../../../../src/base/assert.ts";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { ServiceSpec, ServiceSpecInput } from "../../../../src/gen/skep/ServiceSpec.ts";
import type { TaskState } from "../../../../src/gen/skep/TaskState.ts";
import { createControl } from "../../../../src/manager/control/local-control.ts";
import type { ControlMethods } from "../../../../src/manager/control/methods.ts";
import {
  aCluster,
  aNetwork,
  aNode,
  aService,
  aServiceSpec,
  aTask,
  aTaskSpec,
} from "../../../support/builders.ts";
import { CaFixture } from "../../../support/ca-fixtures.ts";
import { createMemoryStore, type MemoryStore } from "../../../support/memory-proposer.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const network = (given = {}) =>
  ({ ...aNetwork().spec, ...given }) as NonNullable<ReturnType<typeof aNetwork>["spec"]>;
const published = (publishedPort: number, publishMode: "INGRESS" | "HOST" = "INGRESS") => ({
  endpoint: { ports: [{ targetPort: 80, publishedPort, publishMode }] },
});

describe("manager: control", () => {
  let memory: MemoryStore;
  let control: ControlMethods;
  let barriers: number;

  beforeEach(() => {
    memory = createMemoryStore();
    barriers = 0;
    control = createControl({
      store: memory.store,
      readBarrier: async () => {
        barriers += 1;
      },
      clock: memory.clock,
      random: seededRandom(7),
    });
  });

  const create = async (given: ServiceSpecInput = {}) => {
    const { service } = await control.createService({ spec: aServiceSpec(given) });
    assert(service !== null);
    return service;
  };
  const update = async (id: string, spec: ServiceSpec | null, given = {}) => {
    const service = memory.store.view().get("service", id);
    const version = service?.meta?.version ?? null;
    const request = {
      serviceId: id,
      version,
      spec,
      rollback: false,
      registryAuthFrom: "",
      ...given,
    };
    return (await control.updateService(request)).service;
  };
  const refused = (work: Promise<unknown>, code: string, text: RegExp) =>
    assert.rejects(work, (error) => {
      assert(isClusterError(error), String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, text);
      return true;
    });

  describe("references", () => {
    it("are an id, a name, or a prefix of the id, in that order", async () => {
      memory.seed(
        "service",
        aService({ id: "abc1" }),
        aService({ id: "abd2", spec: aServiceSpec({ annotations: { name: "abc" } }) }),
      );
      const idOf = async (ref: string) => (await control.getService({ ref })).service?.id;
      assert.equal(await idOf("abc1"), "abc1");
      assert.equal(await idOf("abc"), "abd2");
      assert.equal(await idOf("abd"), "abd2");
      await refused(idOf("ab"), "INVALID_ARGUMENT", /service ab is ambiguous \(2 matches found\)/);
      await refused(idOf("x"), "NOT_FOUND", /service x not found/);
      await refused(idOf(""), "INVALID_ARGUMENT", /name a service/);
      assert.equal(barriers, 6);
    });

    it("nodes are named by host", async () => {
      memory.seed(
        "node",
        aNode(),
        aNode({ id: "n2", description: { hostname: "twin" } }),
        aNode({ id: "n3", description: { hostname: "twin" } }),
      );
      assert.equal((await control.getNode({ ref: "host1" })).node?.id, "node1");
      await refused(control.getNode({ ref: "twin" }), "INVALID_ARGUMENT", /ambiguous/);
    });
  });

  describe("services", () => {
    it("are created with the version of their creation as spec version", async () => {
      const service = await create();
      assert.equal(service.specVersion?.index, service.meta?.version?.index);
      assert.match(service.id, /^[0-9a-z]{25}$/);
    });

    it("names are unique", async () => {
      await create();
      await refused(
        create(),
        "ALREADY_EXISTS",
        /name conflicts with an existing object: service web already exists/,
      );
    });

    it("specs are validated", async () => {
      await refused(create({ annotations: { name: "no good" } }), "INVALID_ARGUMENT", /name/);
    });

    it("networks are resolved to ids; unknown ones and ingress are refused", async () => {
      memory.seed(
        "network",
        aNetwork(),
        aNetwork({
          id: "ing",
          spec: network({ annotations: { name: "ingress", labels: {} }, ingress: true }),
        }),
      );
      const on = (target: string) => create({ task: aTaskSpec({ networks: [{ target }] }) });
      assert.equal((await on("backend")).spec?.task?.networks[0]?.target, "network1");
      await refused(on("nope"), "NOT_FOUND", /network nope not found/);
      await refused(
        on("ingress"),
        "INVALID_ARGUMENT",
        /cannot be explicitly attached to the ingress network "ingress"/,
      );
    });

    it("secrets and configs must exist", async () => {
      const container = {
        image: "x",
        secrets: [{ secretId: "s1", secretName: "key", file: { name: "key" } }],
      };
      await refused(
        create({ task: aTaskSpec({ container }) }),
        "INVALID_ARGUMENT",
        /secret not found: key/,
      );
    });

    const ports: {
      name: string;
      first: ServiceSpecInput;
      second: ServiceSpecInput;
      want: RegExp | undefined;
    }[] = [
      {
        name: "two ingress ports",
        first: published(80),
        second: published(80),
        want: /port '80' is already in use by service 'web' \(\w+\) as an ingress port/,
      },
      {
        name: "host over ingress",
        first: published(80),
        second: published(80, "HOST"),
        want: /as an ingress port/,
      },
      {
        name: "ingress over host",
        first: published(80, "HOST"),
        second: published(80),
        want: /as a host-published port/,
      },
      {
        name: "two host ports",
        first: published(80, "HOST"),
        second: published(80, "HOST"),
        want: undefined,
      },
      { name: "other ports", first: published(80), second: published(81), want: undefined },
      {
        name: "another protocol",
        first: published(80),
        second: { endpoint: { ports: [{ targetPort: 80, publishedPort: 80, protocol: "UDP" }] } },
        want: undefined,
      },
    ];
    for (const { name, first, second, want } of ports) {
      it(`published ports: ${name}`, async () => {
        await create(first);
        const work = create({ ...second, annotations: { name: "api" } });
        if (want === undefined) await work;
        else await refused(work, "INVALID_ARGUMENT", want);
      });
    }

    it("ports the allocator chose count too", async () => {
      memory.seed(
        "service",
        aService({ endpoint: { ports: [{ targetPort: 80, publishedPort: 30_000 }] } }),
      );
      await refused(
        create({ ...published(30_000), annotations: { name: "api" } }),
        "INVALID_ARGUMENT",
        /already in use/,
      );
    });

    it("an update keeps the previous spec and clears the update's status", async () => {
      const { id } = await create();
      await memory.store.update((tx) => {
        const service = tx.get("service", id);
        if (service)
          tx.update("service", {
            ...service,
            updateStatus: {
              state: "UPDATE_COMPLETED",
              startedAt: null,
              completedAt: null,
              message: "",
            },
          });
      });
      const before = memory.store.view().get("service", id);
      const after = await update(id, aServiceSpec({ replicated: { replicas: 3 } }));
      assert.equal(after?.spec?.replicated?.replicas, 3);
      assert.equal(after?.previousSpec?.replicated?.replicas, 1);
      assert.deepEqual(after?.previousSpecVersion, before?.specVersion);
      assert.equal(after?.specVersion?.index, after?.meta?.version?.index);
      assert.equal(after?.updateStatus, null);
    });

    it("a second roll-back undoes the first", async () => {
      const { id } = await create();
      await refused(
        update(id, null, { rollback: true }),
        "FAILED_PRECONDITION",
        /does not have a previous spec/,
      );
      await update(id, aServiceSpec({ replicated: { replicas: 3 } }));
      const back = await update(id, null, { rollback: true });
      assert.deepEqual(
        [back?.spec?.replicated?.replicas, back?.updateStatus?.state],
        [1, "ROLLBACK_STARTED"],
      );
      const again = await update(id, null, { rollback: true });
      assert.equal(again?.spec?.replicated?.replicas, 3);
    });

    it("updates that are refused", async () => {
      const { id } = await create();
      await refused(
        update(id, aServiceSpec(), { version: { index: 99 } }),
        "OUT_OF_DATE",
        /^update out of sequence$/,
      );
      await refused(update(id, aServiceSpec(), { version: null }), "INVALID_ARGUMENT", /version/);
      await refused(
        update(id, aServiceSpec({ annotations: { name: "x" } })),
        "UNIMPLEMENTED",
        /renaming/,
      );
      await refused(update(id, aServiceSpec({ global: {} })), "UNIMPLEMENTED", /mode change/);
      await refused(update("nope", aServiceSpec()), "NOT_FOUND", /service nope not found/);
    });

    it("an update counts as long as the spec is the one the caller saw", async () => {
      const { id } = await create();
      const seen = memory.store.view().get("service", id)?.meta?.version ?? null;
      await memory.store.update((tx) => {
        const service = must(tx.get("service", id), "the service");
        tx.update("service", { ...service, rebalancing: true });
      });
      const spec = aServiceSpec({ replicated: { replicas: 3 } });
      assert.equal((await update(id, spec, { version: seen }))?.spec?.replicated?.replicas, 3);
      await refused(update(id, spec, { version: seen }), "OUT_OF_DATE", /out of sequence/);
    });

    it("credentials stay unless new ones come", async () => {
      const auth = (registryAuth: string) =>
        aServiceSpec({ task: aTaskSpec({ container: { image: "x", registryAuth } }) });
      const { service } = await control.createService({ spec: auth("one") });
      const id = service?.id ?? "";
      assert.equal((await update(id, auth("")))?.spec?.task?.container?.registryAuth, "one");
      await update(id, auth("two"));
      const kept = await update(id, auth(""), { registryAuthFrom: "previous-spec" });
      assert.equal(kept?.spec?.task?.container?.registryAuth, "one");
    });

    it("each change of a job is another run", async () => {
      const job = aServiceSpec({ replicatedJob: { totalCompletions: 1 } });
      const { service } = await control.createService({ spec: job });
      assert.equal(service?.jobStatus?.jobIteration?.index, 0);
      assert.equal((await update(service?.id ?? "", job))?.jobStatus?.jobIteration?.index, 1);
    });

    it("a removed one is gone for people at once, and its name free", async () => {
      const { id } = await create(published(80));
      await control.removeService({ ref: "web" });
      assert.equal(memory.store.view().get("service", id)?.pendingDelete, true);
      assert.deepEqual((await control.listServices({ filters: null })).services, []);
      await refused(control.getService({ ref: id }), "NOT_FOUND", /not found/);
      await create(published(80));
    });

    it("counts tasks as `service ls` shows them", async () => {
      const task = (id: string, state: TaskState, given = {}) =>
        aTask({ id, status: { state }, ...given });
      memory.seed("node", aNode(), aNode({ id: "down", status: { state: "DOWN" } }));
      memory.seed("service", aService({ spec: aServiceSpec({ replicated: { replicas: 4 } }) }));
      memory.seed(
        "task",
        task("a", "RUNNING"),
        task("b", "FAILED"),
        task("c", "RUNNING", { nodeId: "down" }),
      );
      const { counts } = await control.listServiceCounts({ serviceIds: ["service1", "gone"] });
      assert.deepEqual(counts, [
        { serviceId: "service1", desiredTasks: 4, runningTasks: 1, completedTasks: 0 },
      ]);
    });
  });

  describe("networks", () => {
    it("in use: refused; with tasks that still end: later", async () => {
      memory.seed("network", aNetwork());
      const { id } = await create({ task: aTaskSpec({ networks: [{ target: "backend" }] }) });
      await refused(
        control.removeNetwork({ ref: "backend" }),
        "FAILED_PRECONDITION",
        /network network1 is in use by service/,
      );
      memory.seed("task", aTask({ serviceId: id, networks: [{ networkId: "network1" }] }));
      await control.removeService({ ref: id });
      await control.removeNetwork({ ref: "backend" });
      assert.equal(memory.store.view().get("network", "network1")?.pendingDelete, true);
      await control.createNetwork({ spec: network() });
    });

    it("a subnet is of one network, and free again when that leaves", async () => {
      const named = (name: string, subnet: string) => {
        const configs = [{ subnet, range: "", gateway: "", reserved: {} }];
        return network({ annotations: { name, labels: {} }, ipam: { driver: null, configs } });
      };
      memory.seed("network", aNetwork());
      await refused(
        control.createNetwork({ spec: named("other", "10.0.0.0/16") }),
        "INVALID_ARGUMENT",
        /^subnet 10\.0\.0\.0\/16: it overlaps with 10\.0\.1\.0\/24 of network backend$/,
      );
      await control.createNetwork({ spec: named("other", "10.0.2.0/24") });
      await refused(
        control.createNetwork({ spec: named("third", "10.0.2.128/25") }),
        "INVALID_ARGUMENT",
        /of network other$/,
      );
      await control.removeNetwork({ ref: "other" });
      await control.createNetwork({ spec: named("third", "10.0.2.128/25") });
    });

    it("names are unique, and there is one ingress network", async () => {
      await control.createNetwork({ spec: network({ ingress: true }) });
      await refused(
        control.createNetwork({ spec: network() }),
        "ALREADY_EXISTS",
        /network backend already exists/,
      );
      const other = network({ annotations: { name: "two", labels: {} }, ingress: true });
      await refused(
        control.createNetwork({ spec: other }),
        "ALREADY_EXISTS",
        /ingress network \(backend\) is already present/,
      );
    });
  });

  describe("secrets and configs", () => {
    const spec = {
      annotations: { name: "key", labels: {} },
      data: Buffer.from("x"),
      templating: null,
      driver: null,
    };

    it("a secret's data never comes back", async () => {
      const { secret } = await control.createSecret({ spec });
      const id = secret?.id ?? "";
      const seen = [
        secret,
        (await control.getSecret({ ref: id })).secret,
        (await control.listSecrets({ filters: null })).secrets[0],
      ];
      assert.deepEqual(
        seen.map((one) => one?.spec?.data.length),
        [0, 0, 0],
      );
      assert.equal(memory.store.view().get("secret", id)?.spec?.data.toString(), "x");
      await refused(control.createSecret({ spec }), "ALREADY_EXISTS", /secret key already exists/);
    });

    it("only labels change", async () => {
      const { secret } = await control.createSecret({ spec });
      const request = { secretId: secret?.id ?? "", version: secret?.meta?.version ?? null };
      const labels = { a: "b" };
      const wanted = { ...spec, data: Buffer.alloc(0), annotations: { name: "key", labels } };
      await refused(
        control.updateSecret({ ...request, spec: { ...wanted, data: Buffer.from("y") } }),
        "INVALID_ARGUMENT",
        /only updates to Labels are allowed/,
      );
      const after = await control.updateSecret({ ...request, spec: wanted });
      assert.deepEqual(after.secret?.spec?.annotations?.labels, labels);
      assert.equal(memory.store.view().get("secret", request.secretId)?.spec?.data.toString(), "x");
    });

    it("in use: refused with the services' names", async () => {
      const { config } = await control.createConfig({
        spec: { annotations: spec.annotations, data: spec.data, templating: null },
      });
      const configs = [{ configId: config?.id ?? "", configName: "key", file: { name: "/key" } }];
      await create({ task: aTaskSpec({ container: { image: "x", configs } }) });
      await refused(
        control.removeConfig({ ref: "key" }),
        "INVALID_ARGUMENT",
        /config 'key' is in use by the following service: web/,
      );
      await control.removeService({ ref: "web" });
      await control.removeConfig({ ref: "key" });
    });
  });

  describe("nodes", () => {
    const manager = (id: string, given = {}) =>
      aNode({
        id,
        spec: { annotations: {}, desiredRole: "MANAGER", availability: "ACTIVE" },
        role: "MANAGER",
        managerStatus: { raftId: 1, reachability: "REACHABLE", ...given },
      });
    const demote = async (id: string) => {
      const node = memory.store.view().get("node", id);
      const spec = node?.spec ? { ...node.spec, desiredRole: "WORKER" as const } : null;
      return await control.updateNode({ nodeId: id, version: node?.meta?.version ?? null, spec });
    };

    it("the last manager stays one", async () => {
      memory.seed("node", manager("m1"));
      await refused(
        demote("m1"),
        "FAILED_PRECONDITION",
        /attempting to demote the last manager of the swarm/,
      );
    });

    it("a demotion that costs the majority is refused", async () => {
      memory.seed(
        "node",
        manager("m1"),
        manager("m2"),
        manager("m3", { reachability: "UNREACHABLE" }),
      );
      await refused(demote("m1"), "FAILED_PRECONDITION", /loss of quorum/);
      assert.equal((await demote("m3")).node?.spec?.desiredRole, "WORKER");
    });

    it("a manager that has no vote yet keeps no majority, and costs none", async () => {
      memory.seed(
        "node",
        manager("m1"),
        manager("m2"),
        manager("m3", { reachability: "UNREACHABLE" }),
        manager("m4", { reachability: "REACHABILITY_UNKNOWN" }),
      );
      await refused(demote("m1"), "FAILED_PRECONDITION", /loss of quorum/);
      assert.equal((await demote("m4")).node?.spec?.desiredRole, "WORKER");
    });

    it("an update counts as long as the spec is the one the caller saw", async () => {
      await memory.store.update((tx) => tx.create("node", aNode({ specVersion: null })));
      const node = must(memory.store.view().get("node", "node1"), "the node");
      await memory.store.update((tx) =>
        tx.update("node", { ...node, status: { state: "DOWN", message: "", addr: "" } }),
      );
      const drain = () =>
        control.updateNode({
          nodeId: "node1",
          version: node.meta?.version ?? null,
          spec: node.spec && { ...node.spec, availability: "DRAIN" },
        });
      assert.equal((await drain()).node?.spec?.availability, "DRAIN");
      await refused(drain(), "OUT_OF_DATE", /update out of sequence/);
    });

    it("removal: not of managers, not of nodes that are up, unless forced", async () => {
      memory.seed("cluster", aCluster());
      memory.seed(
        "node",
        manager("m1"),
        aNode(),
        aNode({ id: "node2", status: { state: "DOWN" } }),
      );
      await refused(
        control.removeNode({ ref: "m1", force: true }),
        "FAILED_PRECONDITION",
        /must be demoted to worker before removal/,
      );
      await refused(
        control.removeNode({ ref: "node1", force: false }),
        "FAILED_PRECONDITION",
        /node node1 is not down and can't be removed/,
      );
      await control.removeNode({ ref: "node1", force: true });
      await control.removeNode({ ref: "node2", force: false });
      assert.deepEqual(
        memory.store
          .view()
          .cluster()
          ?.blacklistedCertificates.map(({ nodeId }) => nodeId),
        ["node1", "node2"],
      );
      assert.equal(memory.store.view().get("node", "node1"), undefined);
    });
  });

  describe("cluster", () => {
    const ca = new CaFixture(1_700_000_000_000);
    const change = async (given: object, autoLockManagers = false) => {
      const cluster = memory.store.view().cluster();
      const spec = cluster?.spec ? { ...cluster.spec, encryption: { autoLockManagers } } : null;
      const { cluster: after } = await control.updateCluster({
        clusterId: "cluster1",
        version: cluster?.meta?.version ?? null,
        spec,
        rotateWorkerToken: false,
        rotateManagerToken: false,
        rotateUnlockKey: false,
        ...given,
      });
      return after;
    };
    beforeEach(() => memory.seed("cluster", ca.cluster()));

    it("is shown without keys", async () => {
      const { cluster } = await control.getCluster({});
      assert.equal(cluster?.rootCa?.caKey.length, 0);
      assert.equal(cluster?.rootCa?.joinTokens?.worker, ca.workerToken);
    });

    it("rotates one token and not the other, and keeps the root's key", async () => {
      const after = await change({ rotateWorkerToken: true });
      assert.notEqual(after?.rootCa?.joinTokens?.worker, ca.workerToken);
      assert.equal(after?.rootCa?.joinTokens?.manager, ca.managerToken);
      assert(memory.store.view().cluster()?.rootCa?.caKey.length !== 0);
    });

    it("makes an unlock key with autolock, keeps it, changes it when asked, and shows it to nobody", async () => {
      const keyAfter = async (given: object, autolock: boolean): Promise<string> => {
        assert.equal((await change(given, autolock))?.unlockKey, "");
        return memory.store.view().cluster()?.unlockKey ?? "";
      };
      const first = await keyAfter({}, true);
      assert.match(first, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
      assert.equal(await keyAfter({}, true), first);
      const second = await keyAfter({ rotateUnlockKey: true }, true);
      assert.match(second, /^SWMKEY-1-/);
      assert.notEqual(second, first);
      assert.equal(await keyAfter({ rotateUnlockKey: true }, false), "");
    });

    it("a stale version is refused", async () => {
      await refused(change({ version: { index: 77 } }), "OUT_OF_DATE", /update out of sequence/);
    });
  });
});
