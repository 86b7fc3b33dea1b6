import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Records of sandboxes or guests as one small file each, so that a restarted daemon knows them. */
export class SandboxStore<R extends { readonly containerId: string }> {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(): Promise<R[]> {
    await mkdir(this.#folder, { recursive: true });
    const records: R[] = [];
    for (const name of (await readdir(this.#folder)).sort()) {
      if (!name.endsWith(".json")) continue;
      const text = await readFile(join(this.#folder, name), "utf8");
      records.push(JSON.parse(text) as R);
    }
    return records;
  }

  async save(record: R): Promise<void> {
    const path = this.#path(record.containerId);
    // Not forced to disk: a power failure ends the namespaces too.
    await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async remove(containerId: string): Promise<void> {
    await rm(this.#path(containerId), { force: true });
  }

  #path(containerId: string): string {
    return join(this.#folder, `${containerId}.json`);
  }
}
