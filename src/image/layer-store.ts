import { createHash } from "node:crypto";
import { access, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError } from "../base/errors.ts";
import type { ContentStore } from "./content-store.ts";
import { decompress } from "./decompress.ts";
import { syncFileSystem } from "./linux-files.ts";
import { SharedWork } from "./shared-work.ts";
import { unpackLayer } from "./unpack.ts";

/** An expansion above this is a bomb: gzip reaches 1,032 at most. */
const expansionMax = 1100;
const expansionFreeBytes = 256 * 2 ** 20;
/** Short, as the paths of all layers must fit into one page of mount options; 96 bits stay unique. */
const nameLength = 24;

/** Unpacked layers by their diff id. Layers do not depend on each other, so images share them. */
export class LayerStore {
  readonly #folder: string;
  readonly #content: ContentStore;
  readonly #unpacking = new SharedWork<never, void>();
  #sequence = 0;

  constructor(root: string, content: ContentStore) {
    this.#folder = join(root, "l");
    this.#content = content;
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o711 });
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith("tmp")) await this.#delete(join(this.#folder, name));
    }
  }

  path(diffId: string): string {
    return join(this.#folder, diffId.replace("sha256:", "").slice(0, nameLength));
  }

  async has(diffId: string): Promise<boolean> {
    return access(this.path(diffId)).then(
      () => true,
      () => false,
    );
  }

  /** Unpacks a blob unless its layer is there. DATA_LOSS when its content is not the diff id's. */
  async ensure(diffId: string, blob: string): Promise<void> {
    if (await this.has(diffId)) return;
    await this.#unpacking.run(diffId, { onProgress: () => {} }, () => this.#unpack(diffId, blob));
  }

  /** Removes every layer that is not in `keep` (diff ids) nor in `usedPaths`. */
  async removeExcept(keep: ReadonlySet<string>, usedPaths: ReadonlySet<string>): Promise<string[]> {
    const kept = new Set([...[...keep].map((diffId) => this.path(diffId)), ...usedPaths]);
    const removed: string[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (kept.has(path) || name.startsWith("tmp")) continue;
      await this.#delete(path);
      removed.push(path);
    }
    return removed;
  }

  async #unpack(diffId: string, blob: string): Promise<void> {
    this.#sequence += 1;
    const temporary = join(this.#folder, `tmp${this.#sequence}`);
    await mkdir(temporary, { mode: 0o755 });
    try {
      const hash = createHash("sha256");
      const compressedBytes = await this.#content.size(blob);
      const source = decompress(this.#content.stream(blob));
      await unpackLayer(watchExpansion(source, compressedBytes, hash), temporary);
      const found = `sha256:${hash.digest("hex")}`;
      if (found !== diffId) {
        throw new ClusterError(
          "DATA_LOSS",
          `layer ${diffId} is damaged: its content's digest is ${found}`,
        );
      }
      const folder = await open(temporary, "r");
      try {
        await syncFileSystem(folder.fd);
      } finally {
        await folder.close();
      }
      await rename(temporary, this.path(diffId));
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  /** Renamed first, so that a half-deleted layer is never taken for a whole one. */
  async #delete(path: string): Promise<void> {
    this.#sequence += 1;
    const doomed = join(this.#folder, `tmp-removed${this.#sequence}`);
    await rm(doomed, { recursive: true, force: true });
    await rename(path, doomed);
    await rm(doomed, { recursive: true, force: true });
  }
}

async function* watchExpansion(
  source: AsyncIterable<Uint8Array>,
  compressedBytes: number,
  hash: { update(chunk: Uint8Array): unknown },
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    hash.update(chunk);
    if (bytes > expansionFreeBytes && bytes > compressedBytes * expansionMax) {
      throw new ClusterError("RESOURCE_EXHAUSTED", "the layer is refused: it expands too much");
    }
    yield chunk;
  }
}
