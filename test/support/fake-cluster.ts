import { BoundedQueue } from "../../src/base/bounded-queue.ts";
import type { Clock } from "../../src/base/clock.ts";
import { ClusterError } from "../../src/base/errors.ts";
import { newId } from "../../src/base/ids.ts";
import type { Random } from "../../src/base/random.ts";
import type { Annotations } from "../../src/gen/skep/Annotations.ts";
import type { Cluster } from "../../src/gen/skep/Cluster.ts";
import type { Config, ConfigInput } from "../../src/gen/skep/Config.ts";
import type { ListFiltersInput } from "../../src/gen/skep/ListFilters.ts";
import type { Meta } from "../../src/gen/skep/Meta.ts";
import type { Network, NetworkInput } from "../../src/gen/skep/Network.ts";
import type { Node } from "../../src/gen/skep/Node.ts";
import type { Secret, SecretInput } from "../../src/gen/skep/Secret.ts";
import type { Service, ServiceInput } from "../../src/gen/skep/Service.ts";
import type { Task } from "../../src/gen/skep/Task.ts";
import type { Version, VersionInput } from "../../src/gen/skep/Version.ts";
import type { WatchMessage } from "../../src/gen/skep/WatchMessage.ts";
import { desiredReplicas } from "../../src/model/service-mode.ts";
import { toTimestamp } from "../../src/model/time.ts";
import type { ClusterApi } from "../../src/rest/backend/cluster-api.ts";
import { matchesLabels } from "../../src/rest/http/filters.ts";
import { messageCodec } from "../../src/rpc/load-proto.ts";
import { aCluster, aNode, aTask } from "./builders.ts";

interface Stored {
  id: string;
  meta: Meta | null;
  spec?: { annotations: Annotations | null } | { annotations?: Annotations | null } | object | null;
}

const codecs = {
  service: messageCodec<ServiceInput, Service>("Service"),
  network: messageCodec<NetworkInput, Network>("Network"),
  secret: messageCodec<SecretInput, Secret>("Secret"),
  config: messageCodec<ConfigInput, Config>("Config"),
};

/**
 * A cluster of one manager in memory, for tests of REST: objects, versions, names and watch.
 * Tasks of a new service run at once; nothing is scheduled or validated.
 */
export class FakeCluster implements ClusterApi {
  readonly nodes = new Map<string, Node>();
  readonly services = new Map<string, Service>();
  readonly tasks = new Map<string, Task>();
  readonly networks = new Map<string, Network>();
  readonly secrets = new Map<string, Secret>();
  readonly configs = new Map<string, Config>();
  cluster: Cluster;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #watchers = new Set<BoundedQueue<WatchMessage>>();
  #index = 10;

  constructor(deps: { clock: Clock; random: Random }) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.cluster = aCluster({
      id: "clusterabcdefghijklmnopqr",
      rootCa: {
        caCert: Buffer.from("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        joinTokens: { worker: "SWMTKN-1-digest-worker", manager: "SWMTKN-1-digest-manager" },
      },
    });
    this.nodes.set(
      "nodeabcdefghijklmnopqrstu",
      aNode({
        id: "nodeabcdefghijklmnopqrstu",
        spec: { annotations: {}, desiredRole: "MANAGER" },
        role: "MANAGER",
        managerStatus: { addr: "10.77.0.1:2377", leader: true, reachability: "REACHABLE" },
      }),
    );
  }

  readonly getNode: ClusterApi["getNode"] = async ({ ref }) => ({
    node: find("node", this.nodes, ref, (node) => node.description?.hostname ?? ""),
  });
  readonly listNodes: ClusterApi["listNodes"] = async ({ filters }) => ({
    nodes: [...this.nodes.values()].filter((node) =>
      matches(filters, node, node.description?.hostname ?? "", node.spec?.annotations),
    ),
  });
  readonly updateNode: ClusterApi["updateNode"] = async ({ nodeId, version, spec }) => {
    const old = find("node", this.nodes, nodeId);
    const node = aNode({ ...old, spec: spec ?? null, meta: this.#nextMeta(old.meta, version) });
    this.nodes.set(node.id, node);
    this.#tell("update", "node", node.id, node.description?.hostname ?? "");
    return { node };
  };
  readonly removeNode: ClusterApi["removeNode"] = async ({ ref, force }) => {
    const node = find("node", this.nodes, ref);
    if (force !== true) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `node ${node.id} is not down and can't be removed`,
      );
    }
    this.nodes.delete(node.id);
    return {};
  };

  readonly getService: ClusterApi["getService"] = async ({ ref }) => ({
    service: find("service", this.services, ref),
  });
  readonly listServices: ClusterApi["listServices"] = async ({ filters }) => ({
    services: listed(this.services, filters),
  });
  readonly createService: ClusterApi["createService"] = async ({ spec }) => {
    const service = this.#create("service", this.services, codecs.service, { spec: spec ?? null });
    this.#runTasks(service);
    return { service, warnings: [] };
  };
  readonly updateService: ClusterApi["updateService"] = async (request) => {
    const old = find("service", this.services, request.serviceId);
    const spec = request.rollback === true ? old.previousSpec : request.spec;
    const service = this.#update("service", this.services, codecs.service, old, request.version, {
      ...old,
      spec: spec ?? null,
      previousSpec: old.spec,
    });
    this.#runTasks(service);
    return { service, warnings: [] };
  };
  readonly removeService: ClusterApi["removeService"] = async ({ ref }) => {
    const service = this.#remove("service", this.services, ref);
    for (const task of this.tasks.values()) {
      if (task.serviceId === service.id) this.tasks.delete(task.id);
    }
    return {};
  };
  readonly rebalanceService: ClusterApi["rebalanceService"] = async ({ ref }) => {
    find("service", this.services, ref);
    return {};
  };
  readonly listServiceCounts: ClusterApi["listServiceCounts"] = async ({ serviceIds }) => ({
    counts: (serviceIds ?? []).map((serviceId) => {
      const tasks = [...this.tasks.values()].filter((task) => task.serviceId === serviceId).length;
      return { serviceId, desiredTasks: tasks, runningTasks: tasks, completedTasks: 0 };
    }),
  });

  readonly dryRun: ClusterApi["dryRun"] = async ({ services }) => ({
    services: (services ?? []).map(({ annotations }) => ({
      name: annotations?.name ?? "",
      tasks: [{ slot: 1, nodeId: "nodeabcdefghijklmnopqrstu", hostname: "host1", kept: false }],
      unplaced: [],
      refusal: "",
    })),
    changedSecrets: [],
  });

  readonly getTask: ClusterApi["getTask"] = async ({ ref }) => ({
    task: find("task", this.tasks, ref),
  });
  readonly listTasks: ClusterApi["listTasks"] = async ({ filters }) => ({
    tasks: [...this.tasks.values()].filter(
      (task) =>
        matches(filters, task, "", task.serviceAnnotations) &&
        anyOf(filters?.serviceIds, (id) => task.serviceId === id) &&
        anyOf(filters?.nodeIds, (id) => task.nodeId === id) &&
        anyOf(filters?.desiredStates, (state) => task.desiredState === state),
    ),
  });

  readonly getNetwork: ClusterApi["getNetwork"] = async ({ ref }) => ({
    network: find("network", this.networks, ref),
  });
  readonly listNetworks: ClusterApi["listNetworks"] = async ({ filters }) => ({
    networks: listed(this.networks, filters),
  });
  readonly createNetwork: ClusterApi["createNetwork"] = async ({ spec }) => {
    const number = this.networks.size + 1;
    const network = this.#create("network", this.networks, codecs.network, {
      spec: spec ?? null,
      vni: 4096 + number,
      ipam: {
        driver: { name: "default" },
        configs: [{ subnet: `10.0.${number}.0/24`, gateway: `10.0.${number}.1` }],
      },
    });
    return { network };
  };
  readonly removeNetwork: ClusterApi["removeNetwork"] = async ({ ref }) => {
    this.#remove("network", this.networks, ref);
    return {};
  };

  readonly getSecret: ClusterApi["getSecret"] = async ({ ref }) => ({
    secret: find("secret", this.secrets, ref),
  });
  readonly listSecrets: ClusterApi["listSecrets"] = async ({ filters }) => ({
    secrets: listed(this.secrets, filters),
  });
  readonly createSecret: ClusterApi["createSecret"] = async ({ spec }) => ({
    secret: this.#create("secret", this.secrets, codecs.secret, { spec: spec ?? null }),
  });
  readonly updateSecret: ClusterApi["updateSecret"] = async ({ secretId, version, spec }) => {
    const old = find("secret", this.secrets, secretId);
    const secret = this.#update("secret", this.secrets, codecs.secret, old, version, {
      spec: spec ?? null,
    });
    return { secret };
  };
  readonly removeSecret: ClusterApi["removeSecret"] = async ({ ref }) => {
    this.#remove("secret", this.secrets, ref);
    return {};
  };

  readonly getConfig: ClusterApi["getConfig"] = async ({ ref }) => ({
    config: find("config", this.configs, ref),
  });
  readonly listConfigs: ClusterApi["listConfigs"] = async ({ filters }) => ({
    configs: listed(this.configs, filters),
  });
  readonly createConfig: ClusterApi["createConfig"] = async ({ spec }) => ({
    config: this.#create("config", this.configs, codecs.config, { spec: spec ?? null }),
  });
  readonly updateConfig: ClusterApi["updateConfig"] = async ({ configId, version, spec }) => {
    const old = find("config", this.configs, configId);
    const config = this.#update("config", this.configs, codecs.config, old, version, {
      spec: spec ?? null,
    });
    return { config };
  };
  readonly removeConfig: ClusterApi["removeConfig"] = async ({ ref }) => {
    this.#remove("config", this.configs, ref);
    return {};
  };

  readonly getCluster: ClusterApi["getCluster"] = async () => ({
    cluster: this.cluster,
    wantedTlsInfo: null,
    appliedIndex: 1,
  });
  readonly updateCluster: ClusterApi["updateCluster"] = async (request) => {
    const meta = this.#nextMeta(this.cluster.meta, request.version);
    const tokens = this.cluster.rootCa?.joinTokens;
    const joinTokens = {
      worker: `${tokens?.worker ?? ""}${request.rotateWorkerToken === true ? "2" : ""}`,
      manager: `${tokens?.manager ?? ""}${request.rotateManagerToken === true ? "2" : ""}`,
    };
    this.cluster = aCluster({
      ...this.cluster,
      meta,
      spec: request.spec ?? null,
      rootCa: { ...this.cluster.rootCa, joinTokens },
    });
    return { cluster: this.cluster };
  };

  async *watch(signal: AbortSignal): AsyncGenerator<WatchMessage, void, void> {
    const queue = new BoundedQueue<WatchMessage>({ itemsMax: 100, onFull: "drop-oldest" });
    this.#watchers.add(queue);
    signal.addEventListener("abort", () => queue.close(), { once: true });
    try {
      yield* queue;
    } finally {
      this.#watchers.delete(queue);
    }
  }

  #create<I extends object, O extends Stored>(
    kind: string,
    table: Map<string, O>,
    codec: { encode(input: I): Uint8Array; decode(bytes: Uint8Array): O },
    input: I,
  ): O {
    const made = codec.decode(codec.encode(input));
    const name = nameOf(made);
    if ([...table.values()].some((other) => nameOf(other) === name)) {
      throw new ClusterError(
        "ALREADY_EXISTS",
        `name conflicts with an existing object: ${kind} ${name} already exists`,
      );
    }
    made.id = newId(this.#random);
    made.meta = this.#nextMeta(null, undefined);
    table.set(made.id, made);
    this.#tell("create", kind, made.id, name);
    return made;
  }

  #update<I extends object, O extends Stored>(
    kind: string,
    table: Map<string, O>,
    codec: { encode(input: I): Uint8Array; decode(bytes: Uint8Array): O },
    old: O,
    version: VersionInput | null | undefined,
    input: I,
  ): O {
    const made = codec.decode(codec.encode(input));
    made.id = old.id;
    made.meta = this.#nextMeta(old.meta, version);
    table.set(made.id, made);
    this.#tell("update", kind, made.id, nameOf(made));
    return made;
  }

  #remove<O extends Stored>(kind: string, table: Map<string, O>, ref: string | undefined): O {
    const object = find(kind, table, ref);
    table.delete(object.id);
    this.#tell("remove", kind, object.id, nameOf(object));
    return object;
  }

  #runTasks(service: Service): void {
    for (const task of this.tasks.values()) {
      if (task.serviceId === service.id) this.tasks.delete(task.id);
    }
    const [nodeId = ""] = this.nodes.keys();
    for (let slot = 1; slot <= desiredReplicas(service); slot += 1) {
      const id = newId(this.#random);
      const input = {
        id,
        serviceId: service.id,
        slot,
        nodeId,
        spec: service.spec?.task ?? null,
        meta: this.#nextMeta(null, undefined),
        serviceAnnotations: service.spec?.annotations ?? null,
      };
      const status = { state: "RUNNING", timestamp: toTimestamp(this.#clock.now()) } as const;
      this.tasks.set(id, aTask({ ...input, status }));
    }
  }

  #nextMeta(old: Meta | null, expected: Version | VersionInput | null | undefined): Meta {
    if (old !== null && Number(expected?.index) !== old.version?.index) {
      throw new ClusterError("OUT_OF_DATE", "update out of sequence");
    }
    this.#index += 1;
    const now = toTimestamp(this.#clock.now());
    return { version: { index: this.#index }, createdAt: old?.createdAt ?? now, updatedAt: now };
  }

  #tell(action: string, object: string, id: string, name: string): void {
    const time = toTimestamp(this.#clock.now());
    for (const queue of this.#watchers) {
      queue.push({ action, object, id, attributes: { name }, time });
    }
  }
}

function nameOf(object: Stored): string {
  const annotations =
    object.spec && "annotations" in object.spec ? object.spec.annotations : undefined;
  return annotations?.name ?? "";
}

function find<O extends Stored>(
  kind: string,
  table: ReadonlyMap<string, O>,
  ref: string | undefined,
  name: (object: O) => string = nameOf,
): O {
  const all = [...table.values()];
  const found =
    table.get(ref ?? "") ??
    all.find((object) => name(object) === ref) ??
    all.find((object) => object.id.startsWith(ref ?? "\0"));
  if (found === undefined) throw new ClusterError("NOT_FOUND", `${kind} ${ref} is not there`);
  return found;
}

function listed<O extends Stored>(
  table: ReadonlyMap<string, O>,
  filters: ListFiltersInput | null | undefined,
): O[] {
  return [...table.values()].filter((object) => {
    const annotations =
      object.spec && "annotations" in object.spec ? object.spec.annotations : undefined;
    return matches(filters, object, nameOf(object), annotations);
  });
}

function matches(
  filters: ListFiltersInput | null | undefined,
  object: Stored,
  name: string,
  annotations: Annotations | null | undefined,
): boolean {
  return (
    anyOf(filters?.idPrefixes, (prefix) => object.id.startsWith(prefix)) &&
    anyOf(filters?.namePrefixes, (prefix) => name.startsWith(prefix)) &&
    anyOf(filters?.names, (wanted) => name === wanted) &&
    matchesLabels(annotations?.labels ?? {}, filters?.labels ?? [])
  );
}

function anyOf<T>(wanted: readonly T[] | undefined, matches: (value: T) => boolean): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.some(matches);
}
