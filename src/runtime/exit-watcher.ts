import { type FSWatcher, watch } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";

const rescanMs = 2000;

export interface ExitFile {
  readonly id: string;
  readonly exitCode: number;
  readonly finishedAtMs: number;
}

/** Tells of each container's end: conmon renames a file with the exit code into one folder. */
export class ExitWatcher {
  readonly #folder: string;
  readonly #deps: { readonly clock: Clock; readonly log: Logger };
  readonly #onScan: (exits: readonly ExitFile[], complete: boolean) => Promise<void>;
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  /** `onScan` gets the exits seen; `complete` when it was the whole folder. It must bear repeats. */
  constructor(
    folder: string,
    onScan: (exits: readonly ExitFile[], complete: boolean) => Promise<void>,
    deps: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#folder = folder;
    this.#onScan = onScan;
    this.#deps = deps;
  }

  start(): void {
    // The watch is fast but may fail or lose events; the re-scan is certain.
    this.#watcher = watch(this.#folder, (_event, name) => {
      if (name === null) return;
      this.#readOne(name).catch((err: unknown) => {
        this.#deps.log.warn(
          { err, containerId: name },
          "the end of a container was not noted; the next scan will",
        );
      });
    });
    this.#watcher.on("error", (err) => {
      this.#deps.log.warn({ err }, "watching for exits failed; polling only");
    });
    this.#watcher.unref();
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher?.close();
    this.#timer?.cancel();
  }

  /** Reads the whole folder once; resolves when what it says has been noted. */
  async scan(): Promise<void> {
    const names = await readdir(this.#folder);
    const exits: ExitFile[] = [];
    for (const name of names) {
      const exit = await readExitFile(this.#folder, name);
      if (exit !== undefined) exits.push(exit);
    }
    if (!this.#stopped) await this.#onScan(exits, true);
  }

  async #readOne(name: string): Promise<void> {
    const exit = await readExitFile(this.#folder, name);
    if (exit !== undefined && !this.#stopped) await this.#onScan([exit], false);
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.setTimer(rescanMs, () => {
      this.scan()
        .catch((err: unknown) => this.#deps.log.warn({ err }, "cannot read the exit folder"))
        .finally(() => this.#schedule());
    });
  }
}

/** One exit file; undefined while absent, unfinished, or not named like a container. */
export async function readExitFile(folder: string, id: string): Promise<ExitFile | undefined> {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(id)) return undefined;
  const path = join(folder, id);
  try {
    const text = (await readFile(path, "utf8")).trim();
    if (!/^-?\d+$/.test(text)) return undefined;
    const { mtimeMs } = await stat(path);
    return { id, exitCode: Number(text) & 0xff, finishedAtMs: Math.round(mtimeMs) };
  } catch {
    return undefined; // Removed in between: its container is being removed.
  }
}
