import type { Readable } from "node:stream";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import { addressOf, macOf } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { ImageStore } from "../image/image-store.ts";
import { durationMs } from "../model/time.ts";
import type { ContainerCreateOptions } from "../rest/backend/container-create.ts";
import type {
  AttachOptions,
  ChangedPathData,
  ContainerData,
  ContainerLogEntry,
  ContainerLogOptions,
  ContainerNetworkData,
  ContainerStatsData,
  ContainerUpdateOptions,
  ExecOptions,
  LocalContainers,
  PathStatData,
  StdioSession,
} from "../rest/backend/containers.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { ContainerInfo, ContainerSpec, MountSpec } from "../runtime/container-spec.ts";
import { ContainerFiles } from "../worker/containers/container-files.ts";
import type { HandMadeContainer } from "../worker/containers/hand-made-container.ts";
import type { HandMadeContainers } from "../worker/containers/hand-made-containers.ts";
import type { LocalNetworks } from "../worker/containers/local-network-port.ts";
import { handMadeLabel } from "../worker/containers/plan-launch.ts";
import type { Worker } from "../worker/worker.ts";
import { attachTo } from "./attach-session.ts";
import { statsData } from "./container-stats.ts";
import { type TopTable, topTable } from "./container-top.ts";
import { handMadeData } from "./hand-made-data.ts";
import type { LocalEvents } from "./local-events.ts";

export interface TaskContainersDeps {
  readonly runtime: ContainerRuntime;
  readonly images: ImageStore;
  readonly networks: LocalNetworks;
  /** Those that people made; the rest are of tasks. */
  readonly handMade: HandMadeContainers;
  /** Undefined while the node is in no cluster. */
  readonly worker: () => Worker | undefined;
  readonly events: LocalEvents;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultGraceMs = 10_000;
const removalPollMs = 200;

type StopOptions = Parameters<LocalContainers["stop"]>[1];
type ConnectOptions = Parameters<NonNullable<LocalContainers["connect"]>>[1];

/** The node's containers as REST shows them. */
export class NodeContainers implements LocalContainers {
  readonly #deps: TaskContainersDeps;

  readonly #files: ContainerFiles;

  constructor(deps: TaskContainersDeps) {
    this.#deps = deps;
    this.#files = new ContainerFiles(deps.runtime);
  }

  async list(): Promise<readonly ContainerData[]> {
    const tasks = this.#deps.worker()?.assigned().task;
    const { handMade, runtime, networks } = this.#deps;
    const own = handMade.list().map((container) => handMadeData(container, { runtime, networks }));
    const tasksOwn = runtime.list().filter(({ labels }) => labels[handMadeLabel] === undefined);
    const ofTasks = tasksOwn.map((info) => {
      const task = tasks?.get(info.labels["com.docker.swarm.task.id"] ?? "");
      return this.#describe(info, this.#deps.runtime.spec(info.id), task);
    });
    return [...own, ...ofTasks];
  }

  logs(id: string, options: ContainerLogOptions): AsyncIterable<ContainerLogEntry> {
    const { tail, sinceMs, untilMs, ...rest } = options;
    return this.#deps.runtime.logs(id, {
      ...rest,
      ...(tail < 0 ? {} : { tail }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(untilMs === undefined ? {} : { untilMs }),
    });
  }

  async top(id: string, psArgs: string): Promise<TopTable> {
    return await topTable(await this.#deps.runtime.top(id), psArgs);
  }

  async stats(id: string): Promise<ContainerStatsData> {
    return statsData(await this.#deps.runtime.stats(id));
  }

  async start(id: string): Promise<void> {
    const own = this.#handMade(id);
    if (own !== undefined) return await own.start();
    await this.#deps.runtime.start(id);
    this.#emit("start", id);
  }

  async stop(id: string, options: StopOptions): Promise<void> {
    const own = this.#handMade(id);
    if (own !== undefined) return await own.stop(options);
    await this.#deps.runtime.stop(id, {
      ...(options.signal === "" ? {} : { signal: options.signal }),
      graceMs: options.graceMs ?? defaultGraceMs,
    });
    this.#emit("stop", id);
  }

  async restart(id: string, options: StopOptions): Promise<void> {
    const own = this.#handMade(id);
    if (own !== undefined) return await own.restart(options);
    await this.stop(id, options);
    await this.start(id);
  }

  async kill(id: string, signal: string): Promise<void> {
    const own = this.#handMade(id);
    if (own !== undefined) return await own.kill(signal);
    await this.#deps.runtime.kill(id, signal);
    this.#emit("kill", id, { signal });
  }

  async remove(
    id: string,
    options: { readonly force: boolean; readonly volumes: boolean },
  ): Promise<void> {
    const own = this.#handMade(id);
    if (own !== undefined) return await own.remove(options);
    await this.#deps.runtime.remove(id, { force: options.force });
    this.#deps.events.emit("container", "destroy", id);
  }

  async wait(
    id: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ exitCode: number; error: string }> {
    if (this.#handMade(id) !== undefined) {
      // Why it could not be started is told to who started it.
      const { exitCode } = await this.#deps.handMade.wait(id, condition, signal);
      return { exitCode, error: "" };
    }
    const { exitCode, reason } = await this.#deps.runtime.wait(id, signal);
    while (condition === "removed" && this.#deps.runtime.find(id) !== undefined) {
      await sleep(this.#deps.clock, removalPollMs, signal);
    }
    return { exitCode, error: reason ?? "" };
  }

  async pause(id: string): Promise<void> {
    await this.#mustBeHandMade(id, "pause").pause();
  }

  async unpause(id: string): Promise<void> {
    await this.#mustBeHandMade(id, "unpause").unpause();
  }

  async rename(id: string, name: string): Promise<void> {
    this.#mustBeHandMade(id, "rename");
    await this.#deps.handMade.rename(id, name, (wanted) => this.#userOfName(wanted));
  }

  async update(id: string, { restart, limits }: ContainerUpdateOptions): Promise<void> {
    this.#mustBeHandMade(id, "update");
    await this.#deps.handMade.update(id, restart, limits);
  }

  async create(
    name: string,
    options: ContainerCreateOptions,
  ): Promise<{ id: string; warnings: readonly string[] }> {
    return await this.#deps.handMade.create(name, options, (wanted) => this.#userOfName(wanted));
  }

  async resize(id: string, height: number, width: number): Promise<void> {
    await this.#deps.runtime.resize(id, height, width);
  }

  async connect(id: string, endpoint: ConnectOptions): Promise<void> {
    this.#mustBeHandMade(id, "network connect");
    const { ip = "", mac = "" } = endpoint;
    await this.#deps.handMade.connect(id, { ...endpoint, ip, mac });
  }

  async disconnect(id: string, network: string, force: boolean): Promise<void> {
    this.#mustBeHandMade(id, "network disconnect");
    await this.#deps.handMade.disconnect(id, network).catch((error: unknown) => {
      if (!(force && isClusterError(error, "NOT_FOUND"))) throw error;
    });
  }

  async changes(id: string): Promise<readonly ChangedPathData[]> {
    return await this.#files.changes(id);
  }

  async writtenBytes(id: string): Promise<number> {
    return await this.#files.writtenBytes(id);
  }

  async statPath(id: string, path: string): Promise<PathStatData> {
    return await this.#files.stat(id, path);
  }

  async readArchive(
    id: string,
    path: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return await this.#files.read(id, path, signal);
  }

  async exportFiles(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return await this.#files.export(id, signal);
  }

  async writeArchive(
    id: string,
    path: string,
    archive: Readable,
    options: { readonly keepKinds: boolean },
  ): Promise<void> {
    await this.#files.write(id, path, archive, options);
  }

  async attach(id: string, options: AttachOptions): Promise<StdioSession> {
    return await attachTo(id, options, this.#deps);
  }

  async exec(id: string, options: ExecOptions): Promise<StdioSession> {
    const session = await this.#deps.runtime.exec(id, {
      args: options.args,
      env: options.env,
      cwd: options.workingDir,
      user: options.user,
      tty: options.tty,
      openStdin: options.stdin !== undefined,
      privileged: options.privileged,
      ...(options.consoleSize === undefined ? {} : { consoleSize: options.consoleSize }),
    });
    if (options.stdin === undefined) session.stdin.end();
    else options.stdin.pipe(session.stdin);
    return {
      pid: await session.pid(),
      stdout: session.stdout,
      stderr: session.stderr,
      wait: () => session.wait(),
      async resize(height, width) {
        session.resize(height, width);
      },
      close: () => void session.kill("SIGKILL").catch(() => {}),
    };
  }

  #handMade(id: string): HandMadeContainer | undefined {
    return this.#deps.handMade.find(id);
  }

  #mustBeHandMade(id: string, action: string): HandMadeContainer {
    const container = this.#handMade(id);
    if (container !== undefined) return container;
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `${action}: container ${id} belongs to a task of the swarm; change its service instead`,
    );
  }

  #userOfName(name: string): string | undefined {
    const { handMade, runtime } = this.#deps;
    const own = handMade.list().find(({ record }) => record.name === name);
    // The runtime knows the name of a hand-made one's last run only.
    const ofTask = runtime
      .list()
      .find((one) => one.name === name && handMade.find(one.id) === undefined);
    return own?.record.id ?? ofTask?.id;
  }

  #emit(action: string, id: string, extra: Readonly<Record<string, string>> = {}): void {
    const info = this.#deps.runtime.find(id);
    if (info === undefined) throw new ClusterError("NOT_FOUND", `No such container: ${id}`);
    this.#deps.events.emit("container", action, id, { ...info.labels, name: info.name, ...extra });
  }

  #describe(
    info: ContainerInfo,
    spec: Omit<ContainerSpec, "files">,
    task: Task | undefined,
  ): ContainerData {
    const container = task?.spec?.container;
    const image = this.#deps.images.find(container?.image ?? "");
    const health = this.#deps.worker()?.healthOf(info.id);
    return {
      id: info.id,
      name: info.name,
      image: container?.image ?? image?.repoTags[0] ?? "",
      imageId: image?.id ?? "",
      args: spec.args,
      entrypoint: container?.command.length ? container.command : (image?.config.entrypoint ?? []),
      cmd: container?.args.length ? container.args : (image?.config.cmd ?? []),
      env: spec.env,
      labels: info.labels,
      workingDir: spec.cwd,
      user: spec.user,
      hostname: spec.hostname,
      tty: spec.tty,
      openStdin: spec.openStdin,
      readOnly: spec.readOnly,
      init: spec.init,
      stopSignal: spec.stopSignal,
      stopTimeoutMs: durationMs(container?.stopGracePeriod ?? null, defaultGraceMs),
      createdAtMs: info.createdAtMs,
      state: info.state,
      pid: info.state === "exited" ? 0 : info.pid,
      startedAtMs: info.startedAtMs,
      finishedAtMs: info.exit?.finishedAtMs ?? 0,
      exitCode: info.exit?.exitCode ?? 0,
      oomKilled: info.exit?.oomKilled ?? false,
      error: info.exit?.reason ?? "",
      restartCount: 0,
      ...(health === undefined ? {} : { health: { ...health, log: [] } }),
      mounts: spec.mounts.map((mount) => ({
        type: mount.volume === undefined ? mount.type : ("volume" as const),
        name: mount.volume ?? "",
        source: mount.source,
        target: mount.target,
        readOnly: mount.readOnly,
        propagation: propagationOf(mount),
      })),
      networks: this.#networksOf(task),
      ports: (image?.config.exposedPorts ?? []).map((text) => exposedPort(text)),
      sandboxPath: spec.networkNamespacePath ?? "",
      logPath: "",
      memoryBytes: spec.resources.memoryBytes ?? 0,
      nanoCpus: spec.resources.nanoCpus ?? 0,
      pidsLimit: spec.resources.pids ?? 0,
      capabilityAdd: spec.capabilities.add,
      capabilityDrop: spec.capabilities.drop,
      isTask: info.labels["com.docker.swarm.task.id"] !== undefined,
    };
  }

  #networksOf(task: Task | undefined): ContainerNetworkData[] {
    const known = this.#deps.worker()?.assigned().network;
    return (task?.networks ?? []).map(({ networkId, addresses, aliases }) => {
      const address = addresses[0] ?? "";
      return {
        networkId,
        networkName: known?.get(networkId)?.name ?? networkId,
        endpointId: "",
        address,
        gateway: known?.get(networkId)?.gateway ?? "",
        macAddress: address === "" ? "" : macOf(addressOf(address)),
        aliases,
      };
    });
  }
}

function propagationOf({ type, volume, options }: MountSpec): string {
  const given = options.find((option) => /^r?(private|slave|shared)$/.test(option));
  return type === "bind" && volume === undefined ? (given ?? "rprivate") : "";
}

function exposedPort(text: string): ContainerData["ports"][number] {
  const [port, protocol] = text.split("/");
  return {
    targetPort: Number(port),
    protocol: protocol === "udp" || protocol === "sctp" ? protocol : "tcp",
    publishedPort: 0,
    hostAddress: "",
  };
}
