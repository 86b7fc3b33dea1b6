import type { Stats } from "node:fs";
import { link, lstat, lutimes, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import tar from "tar-stream";
import { ClusterError, errnoCode } from "../base/errors.ts";
import { applyMetadata, linkTarget, makeNodeEntry, timeOf, writeFileEntry } from "./entry-files.ts";
import { classifyEntry, type EntryPath, parseEntryPath } from "./entry-path.ts";
import { makeNode, setXattr } from "./linux-files.ts";
import { feedTar } from "./tar-feed.ts";

/** Above these a layer is taken for an attack. */
export interface UnpackLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export const defaultUnpackLimits: UnpackLimits = { entriesMax: 1_000_000, bytesMax: 64 * 2 ** 30 };

const opaqueXattr = "trusted.overlay.opaque";
const yes = Buffer.from("y");

/**
 * Unpacks one uncompressed layer into the empty folder `root`, whiteouts in overlayfs' form. Nothing is
 * ever written through a symbolic link, and nothing outside `root`. DATA_LOSS for an entry that tries.
 * `root` must be the caller's alone: the checks and the writes are separate calls.
 */
export async function unpackLayer(
  source: AsyncIterable<Uint8Array>,
  root: string,
  limits: UnpackLimits = defaultUnpackLimits,
): Promise<void> {
  const extract = tar.extract();
  const feeding = feedTar(source, extract);
  const layer = new LayerWriter(root, limits);
  try {
    for await (const entry of extract) {
      await layer.write(entry.header, entry as AsyncIterable<Uint8Array>);
      entry.resume();
    }
    await feeding;
    await layer.finish();
  } catch (error) {
    extract.destroy(null);
    // The feeder's own failure (a damaged blob) says more than the extractor's.
    await feeding.catch((cause: unknown) => {
      if (cause instanceof ClusterError) throw cause;
    });
    // A full disk is not the layer's fault; whatever the tar reader says is.
    const isSystemError = error instanceof Error && "syscall" in error;
    if (error instanceof ClusterError || isSystemError) throw error;
    throw new ClusterError("DATA_LOSS", "the layer is not a tar archive", { cause: error });
  }
}

class LayerWriter {
  readonly #root: string;
  readonly #limits: UnpackLimits;
  /** Folders known to be real folders, so that each is looked at once. */
  readonly #folders = new Set<string>([""]);
  /** Folders' times are set last: each new entry changes them. */
  readonly #folderTimes: [string, Date][] = [];
  #entries = 0;
  #bytes = 0;

  constructor(root: string, limits: UnpackLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  async write(header: tar.Header, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#entries += 1;
    this.#bytes += header.size ?? 0;
    if (this.#entries > this.#limits.entriesMax || this.#bytes > this.#limits.bytesMax) {
      throw new ClusterError("RESOURCE_EXHAUSTED", "the layer is refused: it is too large");
    }
    const path = parseEntryPath(header.name);
    const kind = classifyEntry(path);
    await this.#ensureParents(path);
    const parent = path.slice(0, -1);
    switch (kind.kind) {
      case "ignored":
        return;
      case "opaque":
        this.#markOpaque(this.#host(parent));
        return;
      case "whiteout":
        await this.#whiteout([...parent, kind.name]);
        return;
      case "plain":
        await this.#plain(path, header, content);
        return;
      default:
        kind satisfies never;
    }
  }

  async finish(): Promise<void> {
    for (const [path, time] of this.#folderTimes.reverse()) await lutimes(path, time, time);
  }

  async #plain(
    path: EntryPath,
    header: tar.Header,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const target = this.#host(path);
    const type = header.type;
    if (path.length === 0 && type !== "directory") {
      throw new ClusterError("DATA_LOSS", "the layer is refused: its root is not a folder");
    }
    const before = await statOrAbsent(target);
    const hidLower = before?.isCharacterDevice() === true && before.rdev === 0;
    if (before !== undefined && !(before.isDirectory() && type === "directory")) {
      await rm(target, { recursive: true, force: true });
      if (before.isDirectory()) this.#forget(path);
    }
    switch (type) {
      case "file":
      case "contiguous-file":
        await writeFileEntry(target, header, content);
        return;
      case "directory":
        if (before === undefined || !before.isDirectory()) await mkdir(target, { mode: 0o755 });
        this.#folders.add(path.join("/"));
        if (hidLower) this.#markOpaque(target);
        await applyMetadata(target, header);
        this.#folderTimes.push([target, timeOf(header)]);
        return;
      case "symlink":
        await symlink(linkTarget(header), target);
        await applyMetadata(target, header);
        return;
      case "link":
        await this.#hardLink(target, linkTarget(header));
        return;
      case "character-device":
      case "block-device":
      case "fifo":
        makeNodeEntry(target, type, header);
        await applyMetadata(target, header);
        return;
      default:
        throw new ClusterError(
          "DATA_LOSS",
          `the layer is refused: entry "${header.name}" is of an unknown type`,
        );
    }
  }

  /** The link's target is looked up by the same rules: inside the root and through no symbolic link. */
  async #hardLink(target: string, name: string): Promise<void> {
    const source = parseEntryPath(name);
    await this.#checkParents(source);
    const found = await statOrAbsent(this.#host(source));
    if (found === undefined || found.isDirectory()) {
      throw new ClusterError("DATA_LOSS", `the layer is refused: hard link to "${name}"`);
    }
    await link(this.#host(source), target);
  }

  /** In overlayfs a character device 0:0 hides the name in lower layers. */
  async #whiteout(path: EntryPath): Promise<void> {
    const target = this.#host(path);
    const before = await statOrAbsent(target);
    if (before?.isDirectory() === true) this.#markOpaque(target);
    else if (before === undefined) makeNode(target, "character-device", 0, 0, 0);
  }

  #markOpaque(folder: string): void {
    if (!setXattr(folder, opaqueXattr, yes)) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `cannot mark ${folder} opaque: the file system has no trusted attributes`,
      );
    }
  }

  /** Makes the missing folders above an entry. */
  async #ensureParents(path: EntryPath): Promise<void> {
    for (let length = 1; length < path.length; length += 1) {
      const parts = path.slice(0, length);
      if (this.#folders.has(parts.join("/"))) continue;
      const host = this.#host(parts);
      const found = await statOrAbsent(host);
      if (found === undefined) await mkdir(host, { mode: 0o755 });
      else if (found.isCharacterDevice() && found.rdev === 0) {
        await rm(host);
        await mkdir(host, { mode: 0o755 });
        this.#markOpaque(host);
      } else this.#mustBeFolder(found, parts);
      this.#folders.add(parts.join("/"));
    }
  }

  async #checkParents(path: EntryPath): Promise<void> {
    for (let length = 1; length < path.length; length += 1) {
      const parts = path.slice(0, length);
      if (this.#folders.has(parts.join("/"))) continue;
      this.#mustBeFolder(await statOrAbsent(this.#host(parts)), parts);
    }
  }

  #mustBeFolder(found: Stats | undefined, parts: EntryPath): void {
    if (found?.isDirectory() === true) return;
    throw new ClusterError(
      "DATA_LOSS",
      `the layer is refused: "${parts.join("/")}" above an entry is not a folder`,
    );
  }

  #forget(path: EntryPath): void {
    const name = path.join("/");
    for (const folder of this.#folders) {
      if (folder === name || folder.startsWith(`${name}/`)) this.#folders.delete(folder);
    }
    const host = this.#host(path);
    const kept = this.#folderTimes.filter(
      ([folder]) => folder !== host && !folder.startsWith(`${host}/`),
    );
    this.#folderTimes.splice(0, this.#folderTimes.length, ...kept);
  }

  #host(path: EntryPath): string {
    return join(this.#root, ...path);
  }
}

async function statOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
