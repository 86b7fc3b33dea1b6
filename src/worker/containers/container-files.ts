import type { Readable } from "node:stream";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import { folderSize } from "../volumes/folder-size.ts";
import { readArchive } from "./archive-read.ts";
import { type WriteArchiveOptions, writeArchive } from "./archive-write.ts";
import { type ChangedPath, listChanges } from "./changes.ts";
import { type PathStat, rootedPath, statRooted } from "./container-path.ts";

/** The files of this node's containers, whether they run or not. NOT_FOUND for a path that is not there. */
export class ContainerFiles {
  readonly #runtime: ContainerRuntime;

  constructor(runtime: ContainerRuntime) {
    this.#runtime = runtime;
  }

  async stat(id: string, path: string): Promise<PathStat> {
    return await statRooted(await rootedPath(this.#runtime, id, path), path);
  }

  /** See `readArchive`. */
  async read(id: string, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return readArchive(await rootedPath(this.#runtime, id, path), path, signal);
  }

  /** All of it but what is mounted in it. */
  async export(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const root = await rootedPath(this.#runtime, id, "/");
    return readArchive(root, "/", signal, { mounts: false });
  }

  /** See `writeArchive`. */
  async write(
    id: string,
    path: string,
    archive: Readable,
    options: WriteArchiveOptions,
  ): Promise<void> {
    await writeArchive(await rootedPath(this.#runtime, id, path), archive, options);
  }

  /** See `listChanges`. */
  async changes(id: string): Promise<readonly ChangedPath[]> {
    const { upper, lower } = this.#runtime.reusable.layersOf(id);
    const mountPoints = this.#runtime.spec(id).mounts.map(({ target }) => target);
    return await listChanges({ upper, lower, mountPoints });
  }

  /** Bytes that it wrote over its image. */
  async writtenBytes(id: string): Promise<number> {
    return await folderSize(this.#runtime.reusable.layersOf(id).upper);
  }
}
