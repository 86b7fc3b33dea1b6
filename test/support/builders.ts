import type { Cluster, ClusterInput } from "../../src/gen/skep/Cluster.ts";
import type { Network, NetworkInput } from "../../src/gen/skep/Network.ts";
import type { Node, NodeInput } from "../../src/gen/skep/Node.ts";
import type { Service, ServiceInput } from "../../src/gen/skep/Service.ts";
import type { ServiceSpec, ServiceSpecInput } from "../../src/gen/skep/ServiceSpec.ts";
import type { Task, TaskInput } from "../../src/gen/skep/Task.ts";
import type { TaskSpec, TaskSpecInput } from "../../src/gen/skep/TaskSpec.ts";
import { messageCodec } from "../../src/rpc/load-proto.ts";

// Each builder takes what matters to the test and gives the full decoded form, as the store holds it.
// What is given replaces the default of that field as a whole.

const codecs = {
  cluster: messageCodec<ClusterInput, Cluster>("Cluster"),
  network: messageCodec<NetworkInput, Network>("Network"),
  node: messageCodec<NodeInput, Node>("Node"),
  service: messageCodec<ServiceInput, Service>("Service"),
  serviceSpec: messageCodec<ServiceSpecInput, ServiceSpec>("ServiceSpec"),
  task: messageCodec<TaskInput, Task>("Task"),
  taskSpec: messageCodec<TaskSpecInput, TaskSpec>("TaskSpec"),
};

const meta = {
  version: { index: 1 },
  createdAt: { seconds: 1_700_000_000 },
  updatedAt: { seconds: 1_700_000_000 },
};

/** A task spec that runs `registry.test/web:1`. */
export function aTaskSpec(given: TaskSpecInput = {}): TaskSpec {
  return full(codecs.taskSpec, { container: { image: "registry.test/web:1" }, ...given });
}

/** The spec of service `web`, one replica; give a mode (`global: {}`) to change it. */
export function aServiceSpec(given: ServiceSpecInput = {}): ServiceSpec {
  const hasMode = given.global || given.replicatedJob || given.globalJob || given.replicated;
  return full(codecs.serviceSpec, {
    annotations: { name: "web" },
    task: aTaskSpec(),
    ...(hasMode ? {} : { replicated: { replicas: 1 } }),
    ...given,
  });
}

/** Service `web` with id `service1`, at version 1. */
export function aService(given: ServiceInput = {}): Service {
  return full(codecs.service, {
    id: "service1",
    meta,
    spec: aServiceSpec(),
    specVersion: { index: 1 },
    ...given,
  });
}

/** Task `task1` in slot 1 of `service1`, running on `node1`, at version 1. */
export function aTask(given: TaskInput = {}): Task {
  return full(codecs.task, {
    id: "task1",
    meta,
    spec: aTaskSpec(),
    specVersion: { index: 1 },
    serviceId: "service1",
    slot: 1,
    nodeId: "node1",
    serviceAnnotations: { name: "web" },
    status: { state: "RUNNING", timestamp: { seconds: 1_700_000_000 } },
    desiredState: "RUNNING",
    ...given,
  });
}

/** Node `node1`, host `host1`: a ready and active amd64 worker with 4 CPUs and 8 GiB. */
export function aNode(given: NodeInput = {}): Node {
  return full(codecs.node, {
    id: "node1",
    meta,
    spec: { annotations: {}, desiredRole: "WORKER", availability: "ACTIVE" },
    description: {
      hostname: "host1",
      platform: { architecture: "x86_64", os: "linux" },
      resources: { nanoCpus: 4e9, memoryBytes: 8 * 2 ** 30 },
      engine: { engineVersion: "test" },
      dataPathAddress: "10.77.0.1",
    },
    status: { state: "READY_NODE", addr: "10.77.0.1" },
    role: "WORKER",
    membership: "MEMBERSHIP_ACCEPTED",
    ...given,
  });
}

/** Overlay network `backend` with id `network1`, allocated as 10.0.1.0/24, VNI 4097. */
export function aNetwork(given: NetworkInput = {}): Network {
  return full(codecs.network, {
    id: "network1",
    meta,
    spec: { annotations: { name: "backend" }, driver: { name: "overlay" } },
    ipam: {
      driver: { name: "default" },
      configs: [{ subnet: "10.0.1.0/24", gateway: "10.0.1.1" }],
    },
    vni: 4097,
    ...given,
  });
}

/** The cluster object, id `cluster1`, with default settings. */
export function aCluster(given: ClusterInput = {}): Cluster {
  return full(codecs.cluster, {
    id: "cluster1",
    meta,
    spec: { annotations: { name: "default" } },
    networkDefaults: { addressPools: ["10.0.0.0/8"], subnetSize: 24, vxlanPort: 4789 },
    ...given,
  });
}

function full<I, O>(
  codec: { encode(message: I): Uint8Array; decode(bytes: Uint8Array): O },
  input: I,
): O {
  return codec.decode(codec.encode(input));
}
