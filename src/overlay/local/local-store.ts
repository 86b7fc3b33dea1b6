import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic-file.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { LocalNetwork, LocalSandbox } from "./local-network.ts";

/**
 * Networks and sandboxes as one JSON file each. A sandbox's file means that all of it was made, a network's that it
 * shall be: what the kernel shows beyond the files is a leftover.
 */
export class LocalStore {
  readonly #networks: string;
  readonly #sandboxes: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#networks = join(folder, "networks");
    this.#sandboxes = join(folder, "sandboxes");
    this.#log = log;
  }

  /** What the files say, each list in the order of names. Those that cannot be read are put aside. */
  async load(): Promise<{ networks: LocalNetwork[]; sandboxes: LocalSandbox[] }> {
    return {
      networks: await this.#loadFolder<LocalNetwork>(this.#networks),
      sandboxes: await this.#loadFolder<LocalSandbox>(this.#sandboxes),
    };
  }

  saveNetwork(network: LocalNetwork): Promise<void> {
    return save(join(this.#networks, `${network.id}.json`), network);
  }

  removeNetwork(id: string): Promise<void> {
    return rm(join(this.#networks, `${id}.json`), { force: true });
  }

  saveSandbox(sandbox: LocalSandbox): Promise<void> {
    return save(join(this.#sandboxes, `${sandbox.containerId}.json`), sandbox);
  }

  removeSandbox(containerId: string): Promise<void> {
    return rm(join(this.#sandboxes, `${containerId}.json`), { force: true });
  }

  async #loadFolder<T>(folder: string): Promise<T[]> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found: T[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      if (name.includes(".json.tmp")) await rm(path, { force: true });
      if (!name.endsWith(".json")) continue;
      try {
        found.push(JSON.parse(await readFile(path, "utf8")) as T);
      } catch (error) {
        // Put aside, not removed: somebody may want to look.
        this.#log.error({ path, err: errorMessage(error) }, "a local network's file is damaged");
        await rename(path, `${path}.damaged`);
      }
    }
    return found;
  }
}

function save(path: string, value: LocalNetwork | LocalSandbox): Promise<void> {
  return writeFileAtomic(path, JSON.stringify(value), 0o600);
}
