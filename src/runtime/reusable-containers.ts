import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { runCommand, tryCommand } from "../base/command.ts";
import { ClusterError } from "../base/errors.ts";
import type { KeyedMutex } from "../base/keyed-mutex.ts";
import { exists } from "./adopt.ts";
import { cgroupFolders, freezerFile, isFrozenText, removeCgroups } from "./cgroup-paths.ts";
import { Container } from "./container.ts";
import { type MakerDeps, makeContainer, removeRunFolders } from "./container-maker.ts";
import { type ContainerRecord, writeRecord, writeSpec } from "./container-record.ts";
import type { ContainerResources, ContainerSpec, EtcFiles } from "./container-spec.ts";
import { validateContainerId } from "./folder-layout.ts";
import type { Limiter } from "./limiter.ts";
import { buildLimits } from "./oci-spec.ts";
import { letRun } from "./release.ts";
import { mountRootfs } from "./rootfs.ts";

export interface ReusableContainersParts extends MakerDeps {
  readonly clock: Clock;
  readonly containers: Map<string, Container>;
  readonly mutex: KeyedMutex;
  readonly limiter: Limiter;
  readonly cgroupOf: (id: string) => string;
}

/**
 * Containers that run any number of times and keep what they wrote in between. To all else of the runtime one that does not
 * run is an ended one. NOT_FOUND for an id that is not there, FAILED_PRECONDITION for a wrong state.
 */
export class ReusableContainers {
  readonly #parts: ReusableContainersParts;

  constructor(parts: ReusableContainersParts) {
    this.#parts = parts;
  }

  /** Makes a container without any process. ALREADY_EXISTS. */
  async define(spec: ContainerSpec): Promise<void> {
    const { containers, mutex, layout, clock } = this.#parts;
    validateContainerId(spec.id);
    await mutex.run(spec.id, async () => {
      if (containers.has(spec.id)) {
        throw new ClusterError("ALREADY_EXISTS", `container ${spec.id} exists already`);
      }
      const folders = layout.container(spec.id);
      const record: ContainerRecord = {
        createdAtMs: clock.now(),
        process: { pid: 0, startTicks: "" },
        conmon: undefined,
        startedAtMs: 0,
        exit: { exitCode: 0, oomKilled: false, finishedAtMs: 0 },
      };
      await mkdir(folders.upper, { recursive: true });
      await writeSpec(folders, spec);
      await writeRecord(folders, record);
      containers.set(spec.id, new Container(withoutFiles(spec), folders, record));
    });
  }

  /** Runs an ended container again, as `spec` says now; what it wrote is kept. After an error it is as before. */
  async launch(spec: ContainerSpec): Promise<{ pid: number; startedAtMs: number }> {
    const { containers, mutex, limiter, layout, clock, runcPath } = this.#parts;
    return await mutex.run(spec.id, async () => {
      const before = this.#ended(spec.id);
      const { folders } = before;
      await this.#reset(before);
      try {
        const made = await limiter.run(() => makeContainer(spec, folders, this.#parts));
        const record = { ...made, createdAtMs: before.record.createdAtMs };
        const container = new Container(withoutFiles(spec), folders, record);
        // Before it runs: its end may come at once.
        containers.set(spec.id, container);
        return await letRun(container, { runcPath, runcRoot: layout.runcRoot, clock });
      } catch (error) {
        containers.set(spec.id, before);
        await this.#reset(before);
        await writeRecord(folders, before.record);
        throw error;
      }
    });
  }

  /** Gives back what an ended container held to run: mounts, processes of a launch that was cut short. */
  async reset(id: string): Promise<void> {
    await this.#parts.mutex.run(id, () => this.#reset(this.#ended(id)));
  }

  /** Stops all processes of a running container where they are. */
  async pause(id: string): Promise<void> {
    await this.#runc("pause", this.#running(id).spec.id);
  }

  async unpause(id: string): Promise<void> {
    await this.#runc("resume", this.#running(id).spec.id);
  }

  /** Asks the kernel: true also for one that was paused before a restart. */
  async isPaused(id: string): Promise<boolean> {
    const { host, cgroupOf } = this.#parts;
    const path = freezerFile(host.cgroupVersion, cgroupOf(id));
    return isFrozenText(await readFile(path, "utf8").catch(() => ""));
  }

  /** Other limits for a running container; those absent stay. */
  async limit(id: string, limits: ContainerResources): Promise<void> {
    const { runcPath, layout, host } = this.#parts;
    this.#running(id);
    const { pids, ...rest } = buildLimits(limits, host);
    const resources = { ...rest, ...(limits.pids === undefined ? {} : { pids }) };
    await runCommand(runcPath, ["--root", layout.runcRoot, "update", "--resources", "-", id], {
      input: JSON.stringify(resources),
    });
  }

  /**
   * Where the container's files are to be seen: as it sees them while it runs, else its image and what it wrote. Paths in it
   * must be resolved with care (`open-in-root.ts`).
   */
  async rootfs(id: string): Promise<string> {
    return await this.#parts.mutex.run(id, async () => {
      const container = this.#get(id);
      const { folders, record, spec } = container;
      if (record.exit === undefined) return `/proc/${record.process.pid}/root`;
      if (!(await isMountPoint(folders.rootfs))) {
        await mkdir(folders.bundle, { recursive: true });
        await mountRootfs(spec.layerPaths, folders);
      }
      return folders.rootfs;
    });
  }

  /** New content of two files of /etc; a running container sees it at once. */
  async writeNames(id: string, files: Pick<EtcFiles, "hosts" | "resolvConf">): Promise<void> {
    const { etc } = this.#get(id).folders;
    // In place: the files themselves are bound into the container.
    await writeFile(join(etc, "hosts"), files.hosts);
    await writeFile(join(etc, "resolv.conf"), files.resolvConf);
  }

  /** The folder of what it wrote over its image, in overlayfs' form, and the image's layers, topmost first. */
  layersOf(id: string): { readonly upper: string; readonly lower: readonly string[] } {
    const { folders, spec } = this.#get(id);
    return { upper: folders.upper, lower: spec.layerPaths };
  }

  /** Where its log is. */
  logPath(id: string): string {
    return this.#get(id).folders.log;
  }

  /** Where its hosts, hostname and resolv.conf are, from its first start on. */
  etcFolder(id: string): string {
    return this.#get(id).folders.etc;
  }

  async #reset({ folders, spec, record }: Container): Promise<void> {
    const { runcPath, layout, limiter, host, cgroupOf } = this.#parts;
    const cgroups = cgroupFolders(host.cgroupVersion, cgroupOf(spec.id));
    if (!(await removeCgroups(cgroups)) || record.startedAtMs === 0) {
      // Processes of a launch that was cut short, of which no record tells.
      if (await exists(folders.runcState)) {
        const args = ["--root", layout.runcRoot, "delete", "--force", spec.id];
        await limiter.run(() => tryCommand(runcPath, args));
        await removeCgroups(cgroups);
      }
    }
    await removeRunFolders(folders);
    await rm(folders.persist, { recursive: true, force: true });
  }

  #get(id: string): Container {
    const container = this.#parts.containers.get(id);
    if (container === undefined) throw new ClusterError("NOT_FOUND", `no container ${id}`);
    return container;
  }

  #ended(id: string): Container {
    const container = this.#get(id);
    if (container.record.exit === undefined) {
      throw new ClusterError("FAILED_PRECONDITION", `container ${id} is running already`);
    }
    return container;
  }

  #running(id: string): Container {
    const container = this.#get(id);
    if (container.info.state !== "running") {
      throw new ClusterError("FAILED_PRECONDITION", `container ${id} is not running`);
    }
    return container;
  }

  async #runc(...args: string[]): Promise<void> {
    await runCommand(this.#parts.runcPath, ["--root", this.#parts.layout.runcRoot, ...args]);
  }
}

function withoutFiles(spec: ContainerSpec): Omit<ContainerSpec, "files"> {
  const { files: _secrets, ...stored } = spec;
  return stored;
}

// A mount lies on another device than the folder around it.
async function isMountPoint(path: string): Promise<boolean> {
  const [own, around] = await Promise.all(
    [path, `${path}/..`].map((name) => stat(name).catch(() => undefined)),
  );
  return own !== undefined && around !== undefined && own.dev !== around.dev;
}
