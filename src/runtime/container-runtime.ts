import { constants } from "node:fs";
import { mkdir, open as openFile, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Writable } from "node:stream";
import { type Clock, sleep } from "../base/clock.ts";
import { tryCommand } from "../base/command.ts";
import { untilAborted, withDeadline } from "../base/deadline.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import { unmount } from "../base/linux.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { signalNumber } from "../model/signal.ts";
import { exists, findLeftovers, vanished } from "./adopt.ts";
import { openAttachInput } from "./attach-input.ts";
import { cgroupFolders, removeCgroups } from "./cgroup-paths.ts";
import { Container } from "./container.ts";
import { type MakerDeps, makeContainer, removeFolders, resolveUser } from "./container-maker.ts";
import { type StoredSpec, writeRecord } from "./container-record.ts";
import type { ContainerInfo, ContainerSpec, ExecSpec, ExitStatus } from "./container-spec.ts";
import { type ExecSession, launchExec } from "./exec.ts";
import { buildExecProcess } from "./exec-process.ts";
import { ExitWatcher } from "./exit-watcher.ts";
import { FolderLayout, validateContainerId } from "./folder-layout.ts";
import { type HostFacts, readHostFacts } from "./host-facts.ts";
import { Limiter } from "./limiter.ts";
import type { LogEntry } from "./log-parser.ts";
import { type LogOptions, readLog } from "./log-reader.ts";
import { noteExits } from "./note-exits.ts";
import type { OciSpec } from "./oci-types.ts";
import { isAlive } from "./process-info.ts";
import { letRun } from "./release.ts";
import { ReusableContainers } from "./reusable-containers.ts";
import { findProgram } from "./runtime-paths.ts";
import { mountSecrets } from "./secrets-mount.ts";
import { type ContainerStats, cgroupReader, readStats } from "./stats.ts";
import { listProcesses, type ProcessRow } from "./top.ts";

const killWaitMs = 10_000;
const lateExitWaitMs = 2000;

export interface ContainerRuntimeOptions {
  /** Kept over a host restart: specs, writable layers, logs. */
  readonly dataRoot: string;
  /** May be lost at a host restart; its path should be short (a socket lies in it). */
  readonly execRoot: string;
  /** Cgroup of all this daemon's containers, "/skep/NAME"; unique per daemon. */
  readonly cgroupParent: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
}

/**
 * Runs containers with conmon and runc. They outlive this process: `open` finds again what runs.
 * NOT_FOUND for an id that is not there, FAILED_PRECONDITION for a wrong state.
 */
export class ContainerRuntime {
  readonly #deps: MakerDeps;
  readonly #log: Logger;
  readonly #random: Random;
  readonly #containers = new Map<string, Container>();
  readonly #mutex = new KeyedMutex();
  // More at once than processors only makes each slower.
  readonly #limiter = new Limiter(Math.max(2, availableParallelism() * 2));
  readonly #watcher: ExitWatcher;
  /** Containers that may run several times, keeping what they wrote. */
  readonly reusable: ReusableContainers;

  private constructor(deps: MakerDeps, log: Logger, random: Random) {
    this.#deps = deps;
    this.#log = log;
    this.#random = random;
    this.reusable = new ReusableContainers({
      ...deps,
      containers: this.#containers,
      mutex: this.#mutex,
      limiter: this.#limiter,
      cgroupOf: (id) => this.#cgroupOf(id),
    });
    this.#watcher = new ExitWatcher(
      deps.layout.exits,
      (exits, complete) =>
        noteExits(exits, complete, {
          containers: this.#containers,
          cgroupVersion: deps.host.cgroupVersion,
          cgroupOf: (id) => this.#cgroupOf(id),
          now: () => deps.clock.now(),
        }),
      { clock: deps.clock, log },
    );
  }

  /** Checks the host, adopts what a former daemon left running and cleans what it left half-made. */
  static async open(options: ContainerRuntimeOptions): Promise<ContainerRuntime> {
    const layout = new FolderLayout(options.dataRoot, options.execRoot);
    const [runcPath, conmonPath, host] = await Promise.all([
      findProgram("runc"),
      findProgram("conmon"),
      readHostFacts(),
    ]);
    const folders = [layout.containers, layout.bundles, layout.exits, layout.runcRoot];
    for (const path of [...folders, layout.secrets]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
    }
    await mountSecrets(layout.secrets);
    const { cgroupParent, clock, log, random } = options;
    const deps = { layout, host, runcPath, conmonPath, cgroupParent, clock };
    const runtime = new ContainerRuntime(deps, log, random);
    await runtime.#adopt();
    runtime.#watcher.start();
    await runtime.#watcher.scan();
    return runtime;
  }

  get host(): HostFacts {
    return this.#deps.host;
  }

  /** Stops watching. The containers run on; where there is none, what all would share goes too. */
  async close(): Promise<void> {
    this.#watcher.stop();
    if (this.#containers.size > 0) return;
    unmount(this.#deps.layout.secrets);
    await removeCgroups(cgroupFolders(this.#deps.host.cgroupVersion, this.#deps.cgroupParent));
  }

  /** Removes every container and what this daemon has mounted and made. Nothing may be used afterwards. */
  async removeAll(): Promise<void> {
    for (const id of [...this.#containers.keys()]) await this.remove(id, { force: true });
    await this.close();
  }

  /** Every container, whatever its state. */
  list(): readonly ContainerInfo[] {
    return [...this.#containers.values()].map((container) => container.info);
  }

  /** undefined when there is none. */
  find(id: string): ContainerInfo | undefined {
    return this.#containers.get(id)?.info;
  }

  /** NOT_FOUND. */
  info(id: string): ContainerInfo {
    return this.#get(id).info;
  }

  /** Makes a container that waits for `start`. ALREADY_EXISTS; INTERNAL with the runtime's words. */
  async create(spec: ContainerSpec): Promise<void> {
    validateContainerId(spec.id);
    await this.#mutex.run(spec.id, async () => {
      if (this.#containers.has(spec.id)) {
        throw new ClusterError("ALREADY_EXISTS", `container ${spec.id} exists already`);
      }
      const folders = this.#deps.layout.container(spec.id);
      try {
        const record = await this.#limiter.run(() => makeContainer(spec, folders, this.#deps));
        const { files: _secrets, ...stored } = spec;
        this.#containers.set(spec.id, new Container(stored, folders, record));
      } catch (error) {
        await this.#destroy(spec.id).catch((err: unknown) =>
          this.#log.warn({ err, containerId: spec.id }, "cannot clean up a failed container"),
        );
        throw error;
      }
    });
  }

  /** Lets a created container's program run. */
  async start(id: string): Promise<{ pid: number; startedAtMs: number }> {
    return await this.#mutex.run(id, async () => {
      const container = this.#get(id);
      const { state } = container.info;
      if (state !== "created") {
        throw new ClusterError("FAILED_PRECONDITION", `container ${id} is ${state} already`);
      }
      const { runcPath, layout, clock } = this.#deps;
      return await letRun(container, { runcPath, runcRoot: layout.runcRoot, clock });
    });
  }

  /** Resolves at the container's end, at once when it has ended. Rejects with the signal's reason. */
  async wait(id: string, signal?: AbortSignal): Promise<ExitStatus> {
    const { ended } = this.#get(id);
    return await (signal === undefined ? ended : untilAborted(ended, signal));
  }

  /** Sends a signal to the container's first process. FAILED_PRECONDITION when it has ended. */
  async kill(id: string, signal: string): Promise<void> {
    const container = this.#get(id);
    const number = signalNumber(signal);
    if (container.record.exit !== undefined || !(await isAlive(container.record.process))) {
      throw new ClusterError("FAILED_PRECONDITION", `container ${id} is not running`);
    }
    process.kill(container.record.process.pid, number);
  }

  /** Asks the program to end and, after the grace, kills it. An ended container is no error. */
  async stop(
    id: string,
    options: { readonly signal?: string; readonly graceMs: number },
  ): Promise<ExitStatus> {
    const container = this.#get(id);
    if (container.record.exit !== undefined) return container.record.exit;
    const { stopSignal } = container.spec;
    const signal = options.signal ?? (stopSignal === "" ? "SIGTERM" : stopSignal);
    // A program that has not started cannot react.
    const graceMs = container.info.state === "created" ? 0 : options.graceMs;
    if (graceMs > 0) {
      await this.#tryKill(id, signal);
      const graceEnd = new AbortController();
      const late = sleep(this.#deps.clock, graceMs, graceEnd.signal).then(
        () => undefined,
        () => undefined,
      );
      const exit = await Promise.race([container.ended, late]);
      graceEnd.abort();
      if (exit !== undefined) return exit;
    }
    await this.#tryKill(id, "SIGKILL");
    return await withDeadline(
      this.#deps.clock,
      killWaitMs,
      `killing container ${id}`,
      container.ended,
    );
  }

  /** Takes everything of the container away. FAILED_PRECONDITION while it runs, unless forced. */
  async remove(id: string, options: { readonly force?: boolean } = {}): Promise<void> {
    await this.#mutex.run(id, async () => {
      const container = this.#get(id);
      if (container.info.state === "running" && options.force !== true) {
        throw new ClusterError("FAILED_PRECONDITION", `container ${id} is running; stop it first`);
      }
      if (container.record.exit === undefined) {
        await this.#tryKill(id, "SIGKILL");
        // conmon writes the exit file a moment later; it must not outlive the container.
        const late = sleep(this.#deps.clock, lateExitWaitMs);
        await Promise.race([container.ended, late]);
      }
      container.removing = true;
      await this.#destroy(id);
      container.end(vanished(this.#deps.clock.now()));
      this.#containers.delete(id);
    });
  }

  /** Runs a further command in a running container. */
  async exec(id: string, exec: ExecSpec): Promise<ExecSession> {
    const container = this.#running(id);
    const { folders } = container;
    const config = JSON.parse(await readFile(folders.config, "utf8")) as OciSpec;
    const user = exec.user === "" ? undefined : resolveUser(folders.rootfs, exec.user, []);
    return await launchExec({
      runcPath: this.#deps.runcPath,
      runcRoot: this.#deps.layout.runcRoot,
      containerId: id,
      execId: newId(this.#random),
      folder: folders.bundle,
      process: buildExecProcess(config.process, exec, user, this.#deps.host),
      openStdin: exec.openStdin,
      clock: this.#deps.clock,
    });
  }

  /** What the container wrote, oldest first; with `follow` until it ends, or until another end given as `until`. */
  logs(
    id: string,
    options: LogOptions,
    until?: Promise<unknown>,
  ): AsyncGenerator<LogEntry, void, void> {
    const { folders, ended } = this.#get(id);
    return readLog({ path: folders.log, ended: until ?? ended, clock: this.#deps.clock }, options);
  }

  /** The container's input; its output is `logs` with `follow`. FAILED_PRECONDITION without `openStdin`. */
  attachInput(id: string): Writable {
    const container = this.#running(id);
    if (!container.spec.openStdin) {
      throw new ClusterError("FAILED_PRECONDITION", `container ${id} was made without an input`);
    }
    return openAttachInput(container.folders.attachSocket, this.#deps.clock);
  }

  /** Sets the size of the container's terminal, in characters. */
  async resize(id: string, rows: number, columns: number): Promise<void> {
    const container = this.#running(id);
    if (!container.spec.tty) return;
    const flags = constants.O_WRONLY | constants.O_NONBLOCK;
    const pipe = await openFile(container.folders.resizePipe, flags);
    try {
      await pipe.write(`${rows} ${columns}\n`);
    } finally {
      await pipe.close();
    }
  }

  /** Use of resources now. */
  async stats(id: string): Promise<ContainerStats> {
    const { record } = this.#running(id);
    const { cgroupVersion } = this.#deps.host;
    const read = cgroupReader(cgroupVersion, this.#cgroupOf(id));
    return await readStats(cgroupVersion, read, record.process.pid, this.#deps.clock.now());
  }

  /** The processes in the container. */
  async top(id: string): Promise<ProcessRow[]> {
    this.#running(id);
    return await listProcesses(this.#deps.host.cgroupVersion, this.#cgroupOf(id));
  }

  /** What the container was made from, without its secret files. */
  spec(id: string): StoredSpec {
    return this.#get(id).spec;
  }

  /** The image layers that containers use: an image store must keep them. */
  layerPathsInUse(): Set<string> {
    return new Set([...this.#containers.values()].flatMap(({ spec }) => spec.layerPaths));
  }

  /** Where the container's merged file system is mounted on the host. Resolve paths in it with care. */
  rootfsPath(id: string): string {
    return this.#get(id).folders.rootfs;
  }

  #get(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw new ClusterError("NOT_FOUND", `no container ${id}`);
    return container;
  }

  #running(id: string): Container {
    const container = this.#get(id);
    if (container.info.state !== "running") {
      throw new ClusterError("FAILED_PRECONDITION", `container ${id} is not running`);
    }
    return container;
  }

  #cgroupOf(id: string): string {
    return `${this.#deps.cgroupParent}/${id}`;
  }

  async #tryKill(id: string, signal: string): Promise<void> {
    await this.kill(id, signal).catch((error: unknown) => {
      this.#log.debug({ containerId: id, reason: errorMessage(error) }, "signal not sent");
    });
  }

  /** Removes a container in any state, also one that is half-made. */
  async #destroy(id: string): Promise<void> {
    const folders = this.#deps.layout.container(id);
    const cgroups = cgroupFolders(this.#deps.host.cgroupVersion, this.#cgroupOf(id));
    // An ended container leaves nothing but empty cgroups and files; a runtime's process is not needed.
    const ended = this.#containers.get(id)?.record.exit !== undefined;
    const gone = ended && (await removeCgroups(cgroups));
    if (!gone && (await exists(folders.runcState))) {
      const args = ["--root", this.#deps.layout.runcRoot, "delete", "--force", id];
      await this.#limiter.run(() => tryCommand(this.#deps.runcPath, args));
      await removeCgroups(cgroups);
    }
    await removeFolders(folders);
  }

  async #adopt(): Promise<void> {
    const { layout, clock } = this.#deps;
    const { containers, halfMade } = await findLeftovers(layout, clock.now());
    for (const id of halfMade) {
      this.#log.info({ containerId: id }, "removing a half-made container");
      await this.#destroy(id);
    }
    for (const container of containers) {
      this.#containers.set(container.spec.id, container);
      await writeRecord(container.folders, container.record);
    }
  }
}
