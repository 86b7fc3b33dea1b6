import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import type { Clock } from "../base/clock.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";

/** A named folder of this node that outlives containers (Docker's "local" volume driver). */
export interface Volume {
  readonly name: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The local volumes under `<data root>/volumes/<name>/{_data,volume.json}`. */
export class Volumes {
  readonly #root: string;
  readonly #clock: Clock;

  constructor(options: { root: string }, deps: { clock: Clock }) {
    this.#root = options.root;
    this.#clock = deps.clock;
  }

  /** The volume, made when absent. INVALID_ARGUMENT on a bad name. */
  async ensure(
    name: string,
    given: { labels?: Record<string, string>; options?: Record<string, string> } = {},
  ): Promise<Volume> {
    if (!namePattern.test(name)) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      );
    }
    const existing = await this.find(name);
    if (existing !== undefined) return existing;
    const volume: Volume = {
      name,
      mountpoint: join(this.#root, name, "_data"),
      labels: given.labels ?? {},
      options: given.options ?? {},
      createdAtMs: this.#clock.now(),
    };
    await mkdir(volume.mountpoint, { recursive: true, mode: 0o755 });
    await writeFileAtomic(join(this.#root, name, "volume.json"), JSON.stringify(volume));
    return volume;
  }

  async find(name: string): Promise<Volume | undefined> {
    if (!namePattern.test(name)) return undefined;
    try {
      return JSON.parse(await readFile(join(this.#root, name, "volume.json"), "utf8")) as Volume;
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The name of the volume that this folder of the host is; undefined when it is none's. */
  nameOf(folder: string): string | undefined {
    const [name, end, rest] = relative(this.#root, folder).split("/");
    return end === "_data" && rest === undefined && name !== ".." ? name : undefined;
  }

  async list(): Promise<Volume[]> {
    const names = await readdir(this.#root).catch(() => []);
    const found = await Promise.all(names.sort().map((name) => this.find(name)));
    return found.filter((volume) => volume !== undefined);
  }

  /** NOT_FOUND when there is none. */
  async remove(name: string): Promise<void> {
    if ((await this.find(name)) === undefined) {
      throw new ClusterError("NOT_FOUND", `get ${name}: no such volume`);
    }
    await rm(join(this.#root, name), { recursive: true, force: true });
  }
}
