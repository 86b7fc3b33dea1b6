import { PassThrough, Readable } from "node:stream";
import { BoundedQueue } from "../../src/base/bounded-queue.ts";
import type { Clock } from "../../src/base/clock.ts";
import { ClusterError } from "../../src/base/errors.ts";
import type { Random } from "../../src/base/random.ts";
import type {
  ContainerData,
  ContainerStatsData,
  LocalContainers,
  StdioSession,
} from "../../src/rest/backend/containers.ts";
import type { ImageData, LocalImages } from "../../src/rest/backend/images.ts";
import type { SwarmStateData } from "../../src/rest/backend/node-info.ts";
import type { Backend, LocalEvent, LocalNode } from "../../src/rest/backend.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { FakeLocalNetworks } from "./fake-local-networks.ts";

/** A daemon in memory for tests of REST: a manager with one image and one running container. */
export class FakeBackend implements Backend {
  readonly cluster: FakeCluster;
  readonly node: LocalNode;
  swarm: SwarmStateData = {
    state: "active",
    manager: true,
    nodeId: "nodeabcdefghijklmnopqrstu",
    nodeAddress: "10.77.0.1",
    error: "",
    remoteManagers: [{ nodeId: "nodeabcdefghijklmnopqrstu", address: "10.77.0.1:2377" }],
  };
  readonly images: ImageData[] = [anImage()];
  readonly containers: ContainerData[];
  /** What `events` shows that is kept. */
  readonly pastEvents: LocalEvent[] = [];
  /** Calls that change something, in order. */
  readonly calls: string[] = [];
  readonly #clock: Clock;

  constructor(deps: { clock: Clock; random: Random }) {
    this.#clock = deps.clock;
    this.cluster = new FakeCluster(deps);
    this.containers = [aContainer(deps.clock.now())];
    this.node = this.#makeNode();
  }

  #makeNode(): LocalNode {
    return {
      info: async () => fakeInfo,
      version: () => fakeVersion,
      swarmState: () => this.swarm,
      initSwarm: async ({ advertiseAddress }) => {
        this.calls.push(`init ${advertiseAddress}`);
        this.swarm = {
          ...this.swarm,
          state: "active",
          manager: true,
          nodeId: "nodeabcdefghijklmnopqrstu",
        };
        return this.swarm.nodeId;
      },
      joinSwarm: async ({ remoteAddresses, joinToken }) => {
        this.calls.push(`join ${remoteAddresses.join(",")} ${joinToken}`);
        this.swarm = { ...this.swarm, state: "active", manager: false };
      },
      leaveSwarm: async (force) => {
        if (!force && this.swarm.manager) {
          throw new ClusterError("FAILED_PRECONDITION", "You are attempting to leave the swarm…");
        }
        this.swarm = { ...this.swarm, state: "inactive", manager: false, nodeId: "" };
      },
      backupSwarm: async ({ stale }) => {
        this.calls.push(`backup${stale ? " stale" : ""}`);
        return { key: "SKBAK-1-fake", chunks: chunksOf("sealed ", "bytes") };
      },
      restoreSwarm: async ({ key, advertiseAddress, listenAddress }, file) => {
        if (key !== "SKBAK-1-fake") {
          throw new ClusterError("INVALID_ARGUMENT", "the key is not this backup's");
        }
        const parts: Uint8Array[] = [];
        for await (const part of file) parts.push(part);
        const text = Buffer.concat(parts).toString();
        this.calls.push(`restore ${text} ${advertiseAddress} ${listenAddress}`);
        return { nodeId: "n1", clusterId: "c1", backupCreatedAt: "2026-01-02T03:04:05.000Z" };
      },
      unlockSwarm: async (key) => {
        if (key !== "SWMKEY-1-right") throw new ClusterError("INVALID_ARGUMENT", "invalid key");
        this.swarm = { ...this.swarm, state: "active", manager: true };
      },
      unlockKey: async () => "SWMKEY-1-right",
      images: this.#makeImages(),
      containers: this.#makeContainers(),
      networks: new FakeLocalNetworks(),
      events: (sinceMs, signal) => this.#events(sinceMs, signal),
      serviceLogs: (request, signal) => this.#serviceLogs(request.serviceIds, signal),
    };
  }

  #makeImages(): LocalImages {
    const find = (reference: string) =>
      this.images.find(
        ({ id, repoTags }) =>
          id === reference ||
          id.startsWith(`sha256:${reference}`) ||
          repoTags.some((tag) => tag === reference || tag === `${reference}:latest`),
      );
    return {
      list: async () => this.images,
      find: async (reference) => find(reference.replace(/^docker\.io\/library\//, "")),
      history: async () => [
        {
          id: "sha256:1",
          createdAtMs: 1.7e12,
          createdBy: "COPY",
          tags: [],
          sizeBytes: 9,
          comment: "",
        },
      ],
      load: async (archive, onProgress) => {
        let bytes = 0;
        for await (const chunk of archive) bytes += (chunk as Buffer).length;
        onProgress({
          id: "layer",
          status: "Loading layer",
          currentBytes: bytes,
          totalBytes: bytes,
        });
        return this.images.map((image) => ({ ...image, archiveNames: image.repoTags }));
      },
      pull: async (reference, { onProgress }) => {
        if (reference.includes("away")) {
          throw new ClusterError("UNAVAILABLE", "cannot reach registry away");
        }
        if (reference.includes("missing")) {
          throw new ClusterError("NOT_FOUND", `manifest for ${reference} not found`);
        }
        onProgress({ id: "abc", status: "Downloading", currentBytes: 1, totalBytes: 2 });
        if (reference.includes("broken"))
          throw new ClusterError("UNAVAILABLE", "registry went away");
        onProgress({ id: "abc", status: "Pull complete" });
        const image = { ...anImage(), id: "sha256:feed", repoTags: [reference] };
        this.images.push(image);
        return image;
      },
      tag: async (reference, target) => void this.calls.push(`tag ${reference} ${target}`),
      remove: async (reference) => ({ untagged: [reference], deleted: ["sha256:gone"] }),
      save: async (references) => Readable.from([Buffer.from(`tar of ${references.join(",")}`)]),
      resolveDigest: async () => ({
        digest: `sha256:${"a".repeat(64)}`,
        mediaType: "application/vnd.docker.distribution.manifest.v2+json",
        sizeBytes: 428,
        platforms: [{ os: "linux", architecture: "amd64" }],
      }),
    };
  }

  #makeContainers(): LocalContainers {
    return {
      list: async () => this.containers,
      logs: async function* () {
        yield {
          atMs: 1_700_000_000_123,
          nanos: 123_456_789,
          stream: "stdout",
          data: Buffer.from("hello\n"),
        };
        yield { atMs: 1_700_000_001_000, nanos: 0, stream: "stderr", data: Buffer.from("oops\n") };
      },
      top: async () => ({ titles: ["PID", "CMD"], processes: [["42", "sleep 1000"]] }),
      stats: async () => this.#stats(),
      start: async (id) => void this.calls.push(`start ${id}`),
      stop: async (id, { graceMs }) => void this.calls.push(`stop ${id} ${graceMs}`),
      kill: async (id, signal) => void this.calls.push(`kill ${id} ${signal}`),
      remove: async (id) => void this.calls.push(`remove ${id}`),
      wait: async () => ({ exitCode: 7, error: "" }),
      exec: async (_, { args, stdin }) => echoSession(args, stdin),
    };
  }

  #stats(): ContainerStatsData {
    return {
      readAtMs: this.#clock.now(),
      cpuTotalNanos: 2e9,
      cpuUserNanos: 1e9,
      cpuKernelNanos: 1e9,
      systemCpuNanos: 1e12,
      onlineCpus: 2,
      memoryUsageBytes: 3 << 20,
      memoryInactiveFileBytes: 1 << 20,
      memoryLimitBytes: 1 << 30,
      pids: 1,
      pidsLimit: 0,
      blockReadBytes: 4096,
      blockWriteBytes: 0,
      networks: [
        { name: "eth0", receivedBytes: 10, receivedPackets: 1, sentBytes: 20, sentPackets: 2 },
      ],
    };
  }

  async *#events(sinceMs: number | undefined, signal: AbortSignal): AsyncGenerator<LocalEvent> {
    if (sinceMs !== undefined) yield* this.pastEvents.filter(({ atMs }) => atMs >= sinceMs);
    const queue = new BoundedQueue<LocalEvent>({ itemsMax: 1, onFull: "refuse" });
    signal.addEventListener("abort", () => queue.close(), { once: true });
    if (signal.aborted) return;
    yield* queue;
  }

  async *#serviceLogs(serviceIds: readonly string[], signal: AbortSignal) {
    for (const task of this.cluster.tasks.values()) {
      if (signal.aborted || (serviceIds.length > 0 && !serviceIds.includes(task.serviceId)))
        continue;
      yield {
        context: { serviceId: task.serviceId, nodeId: task.nodeId, taskId: task.id },
        timestamp: { seconds: 1_700_000_000, nanos: 5 },
        stream: "STDOUT" as const,
        data: Buffer.from(`hello from ${task.slot}\n`),
      };
    }
  }
}

// Says what it was asked to run, then repeats its input; ends with 3.
function echoSession(args: readonly string[], stdin: Readable | undefined): StdioSession {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stdout.write(`ran ${args.join(" ")}\n`);
  stderr.end("to stderr\n");
  if (stdin === undefined) stdout.end();
  else stdin.pipe(stdout);
  return {
    pid: 77,
    stdout,
    stderr,
    wait: async () => 3,
    resize: async () => {},
    close: () => stdout.destroy(),
  };
}

function anImage(): ImageData {
  return {
    id: `sha256:${"b".repeat(64)}`,
    repoTags: ["busybox:latest"],
    repoDigests: [`busybox@sha256:${"d".repeat(64)}`],
    created: "2023-11-14T22:13:20Z",
    sizeBytes: 1_234_567,
    architecture: "amd64",
    os: "linux",
    config: {
      entrypoint: [],
      cmd: ["sh"],
      env: ["PATH=/bin"],
      workingDir: "/",
      user: "",
      labels: { a: "1" },
      exposedPorts: ["80/tcp"],
      volumes: [],
      stopSignal: "",
    },
    layers: [`sha256:${"c".repeat(64)}`],
    layerBytes: [1_234_567],
  };
}

function aContainer(nowMs: number): ContainerData {
  return {
    id: "c0ffee".padEnd(64, "0"),
    name: "web.1.abc",
    image: "busybox:latest",
    imageId: `sha256:${"b".repeat(64)}`,
    args: ["sleep", "1000"],
    entrypoint: [],
    cmd: ["sleep", "1000"],
    env: ["A=1"],
    labels: { "com.docker.swarm.service.name": "web" },
    workingDir: "/",
    user: "",
    hostname: "c0ffee000000",
    tty: false,
    openStdin: false,
    readOnly: false,
    init: false,
    stopSignal: "",
    createdAtMs: nowMs - 70_000,
    state: "running",
    pid: 42,
    startedAtMs: nowMs - 65_000,
    finishedAtMs: 0,
    exitCode: 0,
    oomKilled: false,
    error: "",
    restartCount: 0,
    mounts: [],
    networks: [
      {
        networkId: "networkid1",
        networkName: "backend",
        endpointId: "endpoint1",
        address: "10.0.1.5/24",
        gateway: "10.0.1.1",
        macAddress: "02:42:0a:00:01:05",
        aliases: ["web"],
      },
    ],
    ports: [{ targetPort: 80, protocol: "tcp", publishedPort: 8080, hostAddress: "0.0.0.0" }],
    sandboxPath: "/run/netns/x",
    logPath: "",
    memoryBytes: 0,
    nanoCpus: 0,
    pidsLimit: 0,
    capabilityAdd: [],
    capabilityDrop: [],
    isTask: true,
  };
}

const fakeVersion = {
  version: "0.1.0",
  gitCommit: "abc1234",
  buildTime: "",
  nodeVersion: "v20.20.2",
  kernelVersion: "6.18.0",
  architecture: "amd64",
  os: "linux",
  components: [{ name: "runc", version: "1.1.5" }],
};

const fakeInfo = {
  id: "daemon1",
  hostname: "host1",
  operatingSystem: "Debian GNU/Linux 12",
  osVersion: "12",
  osType: "linux",
  architecture: "x86_64",
  kernelVersion: "6.18.0",
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  dataRoot: "/var/lib/skep",
  storageDriver: "overlay2",
  loggingDriver: "json-file",
  cgroupDriver: "cgroupfs",
  cgroupVersion: "1" as const,
  defaultRuntime: "runc",
  runtimes: [{ name: "runc", path: "runc" }],
  labels: [],
  insecureRegistries: ["127.0.0.1:5000"],
  registryMirrors: [],
  httpProxy: "",
  httpsProxy: "",
  noProxy: "",
  debug: false,
  liveRestore: true,
  initBinary: "",
  warnings: [],
  genericResources: [],
};

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, void> {
  for (const text of texts) yield Buffer.from(text);
}
