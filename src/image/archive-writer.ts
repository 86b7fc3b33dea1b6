import { createHash } from "node:crypto";
import { PassThrough, type Readable } from "node:stream";
import tar from "tar-stream";
import type { ContentStore } from "./content-store.ts";
import type { StoredImage } from "./image-index.ts";

const manifestMediaType = "application/vnd.oci.image.manifest.v1+json";
const configMediaType = "application/vnd.oci.image.config.v1+json";

/**
 * The images as one archive that is both a `docker save` file and an OCI layout. Layers are stored as
 * they came, so an image keeps its id and its layers' digests.
 */
export function writeArchive(
  images: readonly { readonly image: StoredImage; readonly names: readonly string[] }[],
  content: ContentStore,
): Readable {
  const pack = tar.pack();
  const output = new PassThrough();
  const work = (async () => {
    const written = new Set<string>();
    const documents: { Config: string; RepoTags: readonly string[]; Layers: string[] }[] = [];
    const manifests: object[] = [];
    await writeEntry(pack, "oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    for (const { image, names } of images) {
      const blobs = [image.id, ...image.layers.map((layer) => layer.blob)];
      for (const digest of blobs) {
        if (written.has(digest)) continue;
        written.add(digest);
        await copyBlob(pack, content, digest);
      }
      const layers = image.layers.map((layer) => blobPath(layer.blob));
      documents.push({ Config: blobPath(image.id), RepoTags: names, Layers: layers });
      const { bytes, digest } = await imageManifest(image, content);
      if (!written.has(digest)) await writeEntry(pack, blobPath(digest), bytes);
      written.add(digest);
      const descriptor = { mediaType: manifestMediaType, digest, size: bytes.length };
      const annotate = (name: string) => ({
        ...descriptor,
        annotations: { "io.containerd.image.name": name },
      });
      manifests.push(...(names.length === 0 ? [descriptor] : names.map(annotate)));
    }
    await writeEntry(pack, "manifest.json", Buffer.from(JSON.stringify(documents)));
    const index = { schemaVersion: 2, manifests };
    await writeEntry(pack, "index.json", Buffer.from(JSON.stringify(index)));
    pack.finalize();
  })();
  work.catch((error: unknown) => {
    output.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  pack.on("data", (chunk) => {
    if (!output.write(chunk as Uint8Array)) {
      pack.pause();
      output.once("drain", () => pack.resume());
    }
  });
  pack.on("end", () => output.end());
  output.on("close", () => pack.destroy(null));
  return output;
}

async function imageManifest(
  image: StoredImage,
  content: ContentStore,
): Promise<{ bytes: Buffer; digest: string }> {
  if (image.manifest !== undefined) {
    return { bytes: await content.readBytes(image.manifest), digest: image.manifest };
  }
  const layers = await Promise.all(
    image.layers.map(async (layer) => ({
      mediaType: layer.mediaType || "application/vnd.oci.image.layer.v1.tar",
      digest: layer.blob,
      size: await content.size(layer.blob),
    })),
  );
  const config = {
    mediaType: configMediaType,
    digest: image.id,
    size: await content.size(image.id),
  };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: manifestMediaType, config, layers }),
  );
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

async function copyBlob(pack: tar.Pack, content: ContentStore, digest: string): Promise<void> {
  const size = await content.size(digest);
  await new Promise<void>((resolve, reject) => {
    const entry = pack.entry({ name: blobPath(digest), size, mode: 0o644 }, (error) =>
      error ? reject(error) : resolve(),
    );
    const source = content.stream(digest);
    source.on("error", reject);
    source.on("data", (chunk) => {
      if (entry.write(chunk)) return;
      source.pause();
      entry.once("drain", () => source.resume());
    });
    source.on("end", () => entry.end(null));
    entry.once("close", () => source.destroy());
  });
}

function writeEntry(pack: tar.Pack, name: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry({ name, mode: 0o644 }, bytes, (error) => (error ? reject(error) : resolve()));
  });
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}
