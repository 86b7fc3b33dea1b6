import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import type { SandboxRecord } from "./network-state.ts";

/** Sandboxes' records as one small file each, so that a restarted daemon knows them. */
export class SandboxStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(): Promise<SandboxRecord[]> {
    await mkdir(this.#folder, { recursive: true });
    const records: SandboxRecord[] = [];
    for (const name of (await readdir(this.#folder)).sort()) {
      if (!name.endsWith(".json")) continue;
      const text = await readFile(join(this.#folder, name), "utf8");
      records.push(JSON.parse(text) as SandboxRecord);
    }
    return records;
  }

  async save(record: SandboxRecord): Promise<void> {
    await writeFileAtomic(this.#path(record.containerId), JSON.stringify(record), 0o600);
  }

  async remove(containerId: string): Promise<void> {
    await rm(this.#path(containerId), { force: true });
  }

  #path(containerId: string): string {
    return join(this.#folder, `${containerId}.json`);
  }
}
