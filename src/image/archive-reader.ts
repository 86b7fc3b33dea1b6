import { posix } from "node:path";
import type { Readable } from "node:stream";
import tar from "tar-stream";
import { ClusterError } from "../base/errors.ts";
import type { ContentStore } from "./content-store.ts";
import { decompress } from "./decompress.ts";
import {
  choosePlatform,
  type Descriptor,
  type ImageIndex,
  type Platform,
  parseManifest,
} from "./manifest.ts";
import { isDigest } from "./reference.ts";
import { feedTar } from "./tar-feed.ts";

const entriesMax = 20_000;
const linkHopsMax = 8;

/** An image found in an archive, its content already in the store. */
export interface ArchivedImage {
  /** Blob of the configuration. */
  readonly config: string;
  readonly manifest?: string;
  /** Blobs of the layers, lowest first. */
  readonly layers: readonly { readonly blob: string; readonly mediaType: string }[];
  /** Names as written in the archive; not yet checked. */
  readonly names: readonly string[];
}

interface Archive {
  /** Digest of each file by its path. */
  readonly files: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
}

/** Reads a `docker save` or OCI layout archive, compressed or not. INVALID_ARGUMENT when it is neither. */
export async function readArchive(
  source: Readable,
  content: ContentStore,
  platform: Platform,
): Promise<ArchivedImage[]> {
  const archive = await spool(source, content);
  const manifest = findFile(archive, "manifest.json");
  if (manifest !== undefined) return await readDockerArchive(archive, manifest, content);
  const index = findFile(archive, "index.json");
  if (index !== undefined) return await readOciArchive(index, content, platform);
  throw new ClusterError(
    "INVALID_ARGUMENT",
    "the archive is no image: it has neither manifest.json nor index.json",
  );
}

/** Puts every file of the archive into the store; names are only keys of a map, never paths. */
async function spool(source: Readable, content: ContentStore): Promise<Archive> {
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  const extract = tar.extract();
  const feeding = feedTar(decompress(source), extract);
  try {
    for await (const entry of extract) {
      const { name, type, linkname } = entry.header;
      const path = posix.normalize(name).replace(/^\.?\//, "");
      if (files.size + links.size > entriesMax) {
        throw new ClusterError("RESOURCE_EXHAUSTED", "the archive has too many entries");
      }
      if (type === "file" || type === "contiguous-file") {
        const { digest } = await content.write(entry as AsyncIterable<Uint8Array>, {});
        files.set(path, digest);
      } else if (type === "symlink") {
        links.set(path, posix.normalize(posix.join(posix.dirname(path), linkname)));
      } else if (type === "link") {
        links.set(path, posix.normalize(linkname));
      }
      entry.resume();
    }
    await feeding;
    return { files, links };
  } catch (error) {
    extract.destroy(null);
    if (error instanceof ClusterError) throw error;
    throw new ClusterError("INVALID_ARGUMENT", "the archive is not a tar file", { cause: error });
  }
}

function findFile(archive: Archive, name: string): string | undefined {
  let path = posix.normalize(name);
  for (let hop = 0; hop < linkHopsMax; hop += 1) {
    const digest = archive.files.get(path);
    if (digest !== undefined) return digest;
    const next = archive.links.get(path);
    if (next === undefined) return undefined;
    path = next;
  }
  return undefined;
}

async function readDockerArchive(
  archive: Archive,
  manifest: string,
  content: ContentStore,
): Promise<ArchivedImage[]> {
  const list = JSON.parse((await content.readBytes(manifest)).toString()) as unknown;
  if (!Array.isArray(list)) throw new ClusterError("INVALID_ARGUMENT", "manifest.json is no list");
  return list.map((item: { Config?: unknown; RepoTags?: unknown; Layers?: unknown }) => {
    const layers = Array.isArray(item.Layers) ? item.Layers : [];
    const required = (name: unknown): string => {
      const found = typeof name === "string" ? findFile(archive, name) : undefined;
      if (found === undefined) {
        throw new ClusterError("DATA_LOSS", `the archive lacks ${String(name)}`);
      }
      return found;
    };
    const tags = Array.isArray(item.RepoTags) ? item.RepoTags : [];
    return {
      config: required(item.Config),
      layers: layers.map((name) => ({ blob: required(name), mediaType: "" })),
      names: tags.filter((tag): tag is string => typeof tag === "string"),
    };
  });
}

async function readOciArchive(
  indexDigest: string,
  content: ContentStore,
  platform: Platform,
): Promise<ArchivedImage[]> {
  const index = parseManifest(await content.readBytes(indexDigest));
  if (index.kind !== "index") throw new ClusterError("INVALID_ARGUMENT", "index.json is no index");
  const images: ArchivedImage[] = [];
  for (const descriptor of index.manifests) {
    const digest = await imageManifestOf(descriptor, content, platform);
    const manifest = parseManifest(await content.readBytes(digest));
    if (manifest.kind !== "image") {
      throw new ClusterError("DATA_LOSS", "the archive's indexes are nested too deep");
    }
    images.push({
      config: manifest.config.digest,
      manifest: digest,
      layers: manifest.layers.map((layer) => ({ blob: layer.digest, mediaType: layer.mediaType })),
      names: namesOf(descriptor),
    });
  }
  return images;
}

async function imageManifestOf(
  descriptor: Descriptor,
  content: ContentStore,
  platform: Platform,
): Promise<string> {
  const document = parseManifest(await content.readBytes(descriptor.digest));
  if (document.kind === "image") return descriptor.digest;
  const index: ImageIndex = document;
  return choosePlatform(namesOf(descriptor)[0] ?? descriptor.digest, index, platform).digest;
}

/** containerd writes the whole name; others write the whole name or only a tag, which names nothing. */
function namesOf(descriptor: Descriptor): string[] {
  const annotations = descriptor.annotations ?? {};
  const full = annotations["io.containerd.image.name"];
  const short = annotations["org.opencontainers.image.ref.name"];
  const name = full ?? (short !== undefined && /[/:]/.test(short) ? short : undefined);
  return name === undefined || isDigest(name) ? [] : [name];
}
