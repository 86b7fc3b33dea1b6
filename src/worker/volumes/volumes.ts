import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { ClusterError, errorMessage } from "../../base/errors.ts";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { Logger } from "../../base/log.ts";
import type { Mount } from "../../gen/skep/Mount.ts";
import type { MountSpec } from "../../runtime/container-spec.ts";
import { checkBindSource } from "./bind-source.ts";
import { isMountPoint, mountVolume, unmountAll } from "./driver-mount.ts";
import { fillVolume } from "./fill-volume.ts";
import { folderSize } from "./folder-size.ts";
import { type PlannedMount, type PlannedVolume, planMounts } from "./plan-mounts.ts";
import { bindSubpath, openSubpath, unbindSubpaths } from "./subpath.ts";
import {
  checkVolumeDriver,
  checkVolumeName,
  checkVolumeOptions,
  needsMount,
  type Volume,
} from "./volume.ts";
import { VolumeRecords } from "./volume-records.ts";
import { type VolumeUser, VolumeUsers } from "./volume-users.ts";

/** What happened to a volume, by the Docker API's names for it. */
export type OnVolume = (
  action: "create" | "mount" | "unmount" | "destroy",
  name: string,
  attributes: Readonly<Record<string, string>>,
) => void;

export interface NewVolume {
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  /** The container it is for, of a volume without a name. */
  readonly madeFor?: string;
}

export interface PrepareMounts {
  readonly containerId: string;
  /** Unpacked layers of its image, topmost first. */
  readonly layerPaths: readonly string[];
  /** As asked for, placeholders filled in. */
  readonly mounts: readonly Mount[];
  /** The paths that its image wants a volume at. */
  readonly imageVolumes: readonly string[];
}

export interface VolumesOptions {
  /** Of the volumes. */
  readonly root: string;
  /** Of mounts that need not outlive a restart of the host. */
  readonly execRoot: string;
}

export interface VolumesDeps {
  /** The containers of the runtime. */
  readonly users: () => Iterable<VolumeUser>;
  readonly onVolume: OnVolume;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The node's volumes, and the mounts of its containers. */
export class Volumes {
  readonly #records: VolumeRecords;
  readonly #execRoot: string;
  readonly #deps: VolumesDeps;
  readonly #users = new VolumeUsers();
  readonly #mutex = new KeyedMutex();

  constructor(options: VolumesOptions, deps: VolumesDeps) {
    this.#records = new VolumeRecords(options.root);
    this.#execRoot = options.execRoot;
    this.#deps = deps;
    this.#users.add(deps.users);
  }

  /** Containers that the runtime does not know count, too. */
  addUsers(users: () => Iterable<VolumeUser>): void {
    this.#users.add(users);
  }

  /** At the daemon's start, when containers are adopted: finishes what an earlier one could not. */
  async sweep(): Promise<void> {
    const active = this.#users.all().filter(({ isActive }) => isActive);
    for (const { containerId, volumes } of active) {
      for (const name of volumes) this.#users.hold(containerId, name);
    }
    const known = new Set(active.map(({ containerId }) => containerId));
    for (const containerId of await readdir(this.#execRoot).catch(() => [])) {
      if (!known.has(containerId)) await unbindSubpaths(join(this.#execRoot, containerId));
    }
    for (const { name } of await this.#records.list()) await this.#settle(name);
  }

  /** The volume, made when absent. INVALID_ARGUMENT on a bad name or option, NOT_FOUND for a driver that is not "local". */
  async ensure(name: string, given: NewVolume = {}): Promise<Volume> {
    checkVolumeName(name);
    checkVolumeDriver(name, given.driver ?? "");
    return await this.#mutex.run(name, () => this.#ensure(name, given));
  }

  async find(name: string): Promise<Volume | undefined> {
    return await this.#records.find(name);
  }

  /** By name. */
  async list(): Promise<Volume[]> {
    return await this.#records.list();
  }

  /** Bytes of its files as it is mounted now. */
  async sizeOf({ mountpoint }: Volume): Promise<number> {
    return await folderSize(mountpoint);
  }

  /** The containers that name the volume, whether they run or not. */
  usersOf(name: string): string[] {
    return [...new Set(this.#users.of(name).map(({ containerId }) => containerId))];
  }

  /** NOT_FOUND when there is none, FAILED_PRECONDITION while a container names it. */
  async remove(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      if ((await this.#records.find(name)) === undefined) {
        throw new ClusterError("NOT_FOUND", `get ${name}: no such volume`);
      }
      const users = this.usersOf(name);
      if (users.length > 0) {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `remove ${name}: volume is in use - [${users.join(", ")}]`,
        );
      }
      await this.#remove(name);
    });
  }

  /**
   * Makes a container's mounts ready, before each time it is made: volumes are there, mounted and filled. The same again for the
   * same container. INVALID_ARGUMENT, NOT_FOUND or INTERNAL with the reason when one of them cannot be.
   */
  async prepare(request: PrepareMounts): Promise<MountSpec[]> {
    const { containerId } = request;
    const planned = planMounts(request);
    const made: string[] = [];
    try {
      await unbindSubpaths(join(this.#execRoot, containerId));
      const specs: MountSpec[] = [];
      for (const [index, mount] of planned.entries()) {
        if (mount.kind === "volume" && mount.isAnonymous) {
          if ((await this.#records.find(mount.name)) === undefined) made.push(mount.name);
        }
        specs.push(await this.#prepareOne(request, mount, index));
      }
      return specs;
    } catch (error) {
      for (const name of made) await this.#abandon(containerId, name);
      await this.release(containerId);
      throw error;
    }
  }

  /** The container is about to be removed, and the volumes that were made for it shall go, too: at `release`, or at the next start. */
  async abandon(containerId: string): Promise<void> {
    for (const name of this.#users.volumesOf(containerId)) await this.#abandon(containerId, name);
  }

  /** The container's program has ended, or it is gone. What nobody else uses is unmounted, what was abandoned is removed. */
  async release(containerId: string): Promise<void> {
    await unbindSubpaths(join(this.#execRoot, containerId));
    for (const name of this.#users.drop(containerId)) {
      this.#deps.onVolume("unmount", name, { container: containerId, driver: "local" });
      await this.#settle(name);
    }
  }

  async #prepareOne(
    request: PrepareMounts,
    mount: PlannedMount,
    index: number,
  ): Promise<MountSpec> {
    const { target, readOnly } = mount;
    switch (mount.kind) {
      case "bind":
        await checkBindSource(mount);
        return { type: "bind", source: mount.source, target, readOnly, options: mount.options };
      case "tmpfs":
        return { type: "tmpfs", source: "", target, readOnly, options: mount.options };
      case "volume": {
        const source = await this.#prepareVolume(request, mount, index);
        return { type: "bind", source, target, readOnly, options: [], volume: mount.name };
      }
    }
  }

  async #prepareVolume(
    { containerId, layerPaths }: PrepareMounts,
    mount: PlannedVolume,
    index: number,
  ): Promise<string> {
    const { name, target } = mount;
    checkVolumeName(name);
    checkVolumeDriver(name, mount.driver);
    this.#users.hold(containerId, name);
    const place = join(this.#execRoot, containerId, String(index));
    return await this.#mutex.run(name, async () => {
      const volume = await this.#ensure(name, {
        labels: mount.labels,
        options: mount.driverOptions,
        ...(mount.isAnonymous ? { madeFor: containerId } : {}),
      });
      const { mountpoint } = volume;
      const isMount = needsMount(volume);
      if (isMount && !(await isMountPoint(mountpoint))) await mountVolume(volume, this.#deps.clock);
      const part = mount.subpath === "" ? undefined : openSubpath(volume, mount.subpath);
      try {
        const isAlone = !this.#isUsedByOthers(name, containerId);
        // Straight into a mount of its own only while no program could meddle.
        if (mount.fill && part?.isFolder !== false && (!isMount || isAlone)) {
          await fillVolume({
            layerPaths,
            target,
            folder: part?.path ?? mountpoint,
            staging: isMount ? undefined : this.#records.staging(name),
            viewFolder: `${place}-image`,
          });
        }
        if (part !== undefined) await bindSubpath(part, place);
      } finally {
        part?.close();
      }
      this.#deps.onVolume("mount", name, {
        container: containerId,
        destination: target,
        driver: "local",
        propagation: "",
        "read/write": String(!mount.readOnly),
      });
      return part === undefined ? mountpoint : place;
    });
  }

  async #ensure(name: string, given: NewVolume): Promise<Volume> {
    const existing = await this.#records.find(name);
    if (existing !== undefined) return existing;
    const options = given.options ?? {};
    checkVolumeOptions(name, options);
    const volume: Volume = {
      name,
      mountpoint: this.#records.mountpoint(name),
      labels: given.labels ?? {},
      options,
      createdAtMs: this.#deps.clock.now(),
      ...(given.madeFor === undefined ? {} : { madeFor: given.madeFor }),
    };
    await this.#records.write(volume);
    this.#deps.onVolume("create", name, { driver: "local" });
    return volume;
  }

  async #abandon(containerId: string, name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const volume = await this.#records.find(name);
      if (volume?.madeFor !== containerId) return;
      this.#users.hold(containerId, name);
      await this.#records.write({ ...volume, isAbandoned: true });
    });
  }

  // Unmounts it when no program uses it, removes it when it is abandoned and nobody names it.
  async #settle(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const volume = await this.#records.find(name);
      if (volume === undefined) return;
      try {
        const users = this.#users.of(name);
        if (volume.isAbandoned === true && users.length === 0) await this.#remove(name);
        else if (needsMount(volume) && !users.some(({ isActive }) => isActive)) {
          await unmountAll(volume.mountpoint);
        }
      } catch (error) {
        this.#deps.log.warn({ volume: name, err: errorMessage(error) }, "volume not let go of");
      }
    });
  }

  async #remove(name: string): Promise<void> {
    // What is mounted there is somebody's data.
    await unmountAll(this.#records.mountpoint(name));
    await this.#records.remove(name);
    this.#deps.onVolume("destroy", name, { driver: "local" });
  }

  #isUsedByOthers(name: string, containerId: string): boolean {
    return this.#users.of(name).some((user) => user.isActive && user.containerId !== containerId);
  }
}
