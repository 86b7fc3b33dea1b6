import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";

/** A layer of a kept image: its uncompressed digest, and the blob it came in. */
export interface StoredLayer {
  readonly diffId: string;
  readonly blob: string;
  readonly size: number;
  readonly mediaType: string;
}

/** An image in the index. */
export interface StoredImage {
  /** Digest of its configuration. */
  readonly id: string;
  /** Digest of its manifest, when it came with one. */
  readonly manifest?: string;
  readonly layers: readonly StoredLayer[];
  readonly tags: readonly string[];
  readonly digests: readonly string[];
}

/** Reads the index file; empty when there is none. DATA_LOSS when it is damaged. */
export async function readIndex(path: string): Promise<StoredImage[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return [];
    throw error;
  }
  try {
    const value = JSON.parse(text) as { version: number; images: StoredImage[] };
    if (value.version === 1 && Array.isArray(value.images)) return value.images;
  } catch {
    // Falls through.
  }
  throw new ClusterError(
    "DATA_LOSS",
    `the image index ${path} is damaged; move it away to start anew`,
  );
}

/** Replaces the index file: the old or the new, never a mix. */
export async function writeIndex(path: string, images: readonly StoredImage[]): Promise<void> {
  await writeFileAtomic(path, JSON.stringify({ version: 1, images }), 0o600);
}

/** The images with `tag` on `id` alone. */
export function withTag(images: readonly StoredImage[], id: string, tag: string): StoredImage[] {
  return images.map((image) => {
    const others = image.tags.filter((one) => one !== tag);
    return { ...image, tags: image.id === id ? [...others, tag] : others };
  });
}

/** The images with `added` put in, joined with what is known of the same id. */
export function withImage(images: readonly StoredImage[], added: StoredImage): StoredImage[] {
  const known = images.find((image) => image.id === added.id);
  const digests = [...new Set([...(known?.digests ?? []), ...added.digests])];
  const rest = images.filter((image) => image.id !== added.id);
  const joined = { ...added, digests, tags: known?.tags ?? [] };
  return added.tags.reduce((list, tag) => withTag(list, added.id, tag), [...rest, joined]);
}

/** Every blob that the images need. */
export function blobsOf(images: readonly StoredImage[]): Set<string> {
  return new Set(
    images.flatMap((image) => [
      image.id,
      ...(image.manifest === undefined ? [] : [image.manifest]),
      ...image.layers.map((layer) => layer.blob),
    ]),
  );
}
