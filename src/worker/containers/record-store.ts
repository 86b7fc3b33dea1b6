import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic-file.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { HandMadeRecord } from "./hand-made-record.ts";

/** The records of hand-made containers, one file each. */
export class RecordStore {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Every record that can be read; a damaged one is told and left where it is. */
  async load(): Promise<HandMadeRecord[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#folder);
    // What a killed daemon was about to write.
    const torn = names.filter((name) => name.includes(".json.tmp"));
    await Promise.all(torn.map((name) => rm(join(this.#folder, name), { force: true })));
    const records = await Promise.all(
      names.sort().map((name) => (name.endsWith(".json") ? this.#read(name) : undefined)),
    );
    return records.filter((record) => record !== undefined);
  }

  async save(record: HandMadeRecord): Promise<void> {
    await writeFileAtomic(this.#path(record.id), JSON.stringify(record), 0o600);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  async #read(name: string): Promise<HandMadeRecord | undefined> {
    try {
      const text = await readFile(join(this.#folder, name), "utf8");
      const value: unknown = JSON.parse(text);
      if (isRecord(value) && `${value.id}.json` === name) return value;
      this.#log.error({ file: name }, "a container's record is of another format; it is left out");
    } catch (error) {
      this.#log.error(
        { file: name, reason: errorMessage(error) },
        "a container's record cannot be read; it is left out",
      );
    }
    return undefined;
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function isRecord(value: unknown): value is HandMadeRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "formatVersion" in value &&
    value.formatVersion === 1 &&
    "id" in value &&
    "config" in value &&
    "run" in value
  );
}
