import { existsSync } from "node:fs";
import { link, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { damaged } from "./codec.ts";

// LevelDB makes new files when it opens and deletes the old ones, also those that it could not read.

/**
 * What a database's folder was before it was opened, by hard links: LevelDB never changes a file that an earlier
 * process wrote. So a log that turns out to be damaged is left as it was found.
 */
export class FrozenCopy {
  readonly #folder: string;
  readonly #copy: string;
  readonly #dropped: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#copy = `${folder}.before`;
    this.#dropped = `${folder}.dropped`;
  }

  /** Call before the database is opened; DATA_LOSS when there is something but files. What an opening that was interrupted had found stays the copy. */
  static async of(folder: string): Promise<FrozenCopy> {
    const frozen = new FrozenCopy(folder);
    await rm(frozen.#dropped, { recursive: true, force: true });
    if (existsSync(join(frozen.#copy, "complete"))) return frozen;
    await rm(frozen.#copy, { recursive: true, force: true });
    if (!existsSync(folder)) return frozen;
    const entries = await readdir(folder, { withFileTypes: true });
    const strange = entries.find((entry) => !entry.isFile());
    if (strange !== undefined) throw damaged(`${join(folder, strange.name)} is no file`);
    await frozen.#take(entries.map(({ name }) => name)).catch(async () => {
      // A file system without hard links, or a full one: the log counts for more than its copy.
      await rm(frozen.#copy, { recursive: true, force: true });
    });
    return frozen;
  }

  async #take(names: readonly string[]): Promise<void> {
    await mkdir(this.#copy, { mode: 0o700 });
    for (const name of names) {
      if (name !== "LOCK") await link(join(this.#folder, name), join(this.#copy, name));
    }
    await mkdir(join(this.#copy, "complete"));
  }

  /** The database was opened and is whole. */
  async drop(): Promise<void> {
    if (!existsSync(this.#copy)) return;
    await rename(this.#copy, this.#dropped); // at once, so that half of it never looks like all
    await rm(this.#dropped, { recursive: true, force: true });
  }

  /** The database was closed again: it becomes what it was. */
  async bringBack(): Promise<void> {
    if (!existsSync(this.#copy)) return;
    await rm(this.#folder, { recursive: true, force: true });
    await rename(this.#copy, this.#folder);
    await rm(join(this.#folder, "complete"), { recursive: true, force: true });
  }
}
