import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic-file.ts";
import { errnoCode } from "../../base/errors.ts";
import { isVolumeName, type Volume } from "./volume.ts";

/** The volumes on disk: `<root>/<name>/{_data,volume.json}`, and `fill` while content is copied. */
export class VolumeRecords {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Where the volume's content is. */
  mountpoint(name: string): string {
    return join(this.#root, name, "_data");
  }

  /** A folder beside the content, where what goes into it is made ready. */
  staging(name: string): string {
    return join(this.#root, name, "fill");
  }

  async find(name: string): Promise<Volume | undefined> {
    if (!isVolumeName(name)) return undefined;
    try {
      return JSON.parse(await readFile(join(this.#root, name, "volume.json"), "utf8")) as Volume;
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** By name. */
  async list(): Promise<Volume[]> {
    const names = await readdir(this.#root).catch(() => []);
    const found = await Promise.all(names.sort().map((name) => this.find(name)));
    return found.filter((volume) => volume !== undefined);
  }

  /** Writes it down; makes its folder. */
  async write(volume: Volume): Promise<void> {
    await mkdir(volume.mountpoint, { recursive: true, mode: 0o755 });
    await writeFileAtomic(join(this.#root, volume.name, "volume.json"), JSON.stringify(volume));
  }

  /** Deletes it with its content: nothing may be mounted there. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#root, name), { recursive: true, force: true });
  }
}
