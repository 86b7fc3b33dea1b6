import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { ContentStore } from "./content-store.ts";
import type { OnProgress } from "./image.ts";
import { checkPlatform, parseImageConfig } from "./image-config.ts";
import type { StoredImage, StoredLayer } from "./image-index.ts";
import type { LayerStore } from "./layer-store.ts";
import {
  choosePlatform,
  type Descriptor,
  type ImageManifest,
  type Platform,
  parseManifest,
} from "./manifest.ts";
import { familiarDigest, familiarTag, type Reference } from "./reference.ts";
import type { RegistryAuth } from "./registry-auth.ts";
import { type FetchedManifest, RegistryClient } from "./registry-client.ts";

const layersAtOnce = 3;
const progressStepBytes = 512 * 1024;

export interface PullerDeps {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly insecureRegistries: readonly string[];
}

/** Fetches an image with all its layers, verified and unpacked. Only then may it be put in the index. */
export async function pullImage(
  reference: Reference,
  options: {
    readonly auth?: RegistryAuth;
    readonly platform: Platform;
    readonly onProgress: OnProgress;
    readonly signal: AbortSignal;
  },
  deps: PullerDeps,
): Promise<StoredImage> {
  const { onProgress } = options;
  const name = familiarTag(reference);
  const client = registryClient(reference, options, deps);
  const top = await client.manifest(reference.digest ?? reference.tag ?? "latest");
  onProgress({ id: reference.tag ?? "", status: `Pulling from ${reference.repository}` });
  const { manifest, fetched } = await imageManifest(name, client, top, options.platform);
  const config = await fetchConfig(manifest.config, client, deps.content);
  checkPlatform(name, config, options.platform.architecture);
  if (config.diffIds.length !== manifest.layers.length) {
    throw new ClusterError("DATA_LOSS", `image ${name} is inconsistent: its layers do not match`);
  }
  const layers: StoredLayer[] = manifest.layers.map((layer, index) => ({
    diffId: config.diffIds[index] ?? "",
    blob: layer.digest,
    size: layer.size,
    mediaType: layer.mediaType,
  }));
  await eachLimited(layers, layersAtOnce, (layer) =>
    pullLayer(layer, client, deps, onProgress, options.signal),
  );
  await deps.content.writeBytes(fetched.bytes, { digest: fetched.digest });
  onProgress({ id: "", status: `Digest: ${top.digest}` });
  return {
    id: manifest.config.digest,
    manifest: fetched.digest,
    layers,
    tags: reference.digest === undefined ? [name] : [],
    digests: [familiarDigest(reference, top.digest)],
  };
}

/** What the registry says of a reference now. */
export interface ResolvedReference {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly platforms: readonly Platform[];
}

/** Asks the registry for a reference's digest and platforms, without fetching layers. */
export async function resolveReference(
  reference: Reference,
  options: { readonly auth?: RegistryAuth; readonly signal?: AbortSignal },
  deps: PullerDeps,
): Promise<ResolvedReference> {
  const client = registryClient(reference, options, deps);
  const top = await client.manifest(reference.digest ?? reference.tag ?? "latest");
  const document = parseManifest(top.bytes);
  const common = { digest: top.digest, mediaType: top.mediaType, sizeBytes: top.bytes.length };
  if (document.kind === "index") {
    const known = document.manifests.map((one) => one.platform).filter((one) => one !== undefined);
    // Attestations are listed with an unknown platform.
    return { ...common, platforms: known.filter((one) => one.os !== "unknown") };
  }
  const config = await fetchConfig(document.config, client, deps.content);
  const { os, architecture } = config;
  return { ...common, platforms: architecture === "" ? [] : [{ os, architecture }] };
}

function registryClient(
  reference: Reference,
  options: { readonly auth?: RegistryAuth; readonly signal?: AbortSignal },
  deps: PullerDeps,
): RegistryClient {
  const { auth, signal } = options;
  const given = {
    ...(auth === undefined ? {} : { auth }),
    ...(signal === undefined ? {} : { signal }),
  };
  return new RegistryClient(
    reference,
    { ...given, insecureRegistries: deps.insecureRegistries },
    deps,
  );
}

async function imageManifest(
  name: string,
  client: RegistryClient,
  top: FetchedManifest,
  platform: Platform,
): Promise<{ manifest: ImageManifest; fetched: FetchedManifest }> {
  const document = parseManifest(top.bytes);
  if (document.kind === "image") return { manifest: document, fetched: top };
  const fetched = await client.manifest(choosePlatform(name, document, platform).digest);
  const manifest = parseManifest(fetched.bytes);
  if (manifest.kind !== "image") {
    throw new ClusterError("DATA_LOSS", `image ${name}: its indexes are nested`);
  }
  return { manifest, fetched };
}

async function fetchConfig(
  descriptor: Descriptor,
  client: RegistryClient,
  content: ContentStore,
): Promise<ReturnType<typeof parseImageConfig>> {
  if (!(await content.has(descriptor.digest))) {
    await client.blob(descriptor, (stream) => content.write(stream, descriptor));
  }
  return parseImageConfig(JSON.parse((await content.readBytes(descriptor.digest)).toString()));
}

async function pullLayer(
  layer: StoredLayer,
  client: RegistryClient,
  deps: PullerDeps,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const id = layer.blob.slice(7, 19);
  signal.throwIfAborted();
  if ((await deps.content.has(layer.blob)) && (await deps.layers.has(layer.diffId))) {
    onProgress({ id, status: "Already exists" });
    return;
  }
  if (!(await deps.content.has(layer.blob))) {
    let told = 0;
    const onBytes = (total: number) => {
      if (total - told < progressStepBytes) return;
      told = total;
      onProgress({ id, status: "Downloading", currentBytes: total, totalBytes: layer.size });
    };
    const expected = { digest: layer.blob, size: layer.size };
    const descriptor = { ...expected, mediaType: layer.mediaType };
    await client.blob(descriptor, (stream) => deps.content.write(stream, expected, onBytes));
  }
  onProgress({ id, status: "Extracting" });
  await deps.layers.ensure(layer.diffId, layer.blob);
  onProgress({ id, status: "Pull complete" });
}

async function eachLimited<T>(
  items: readonly T[],
  max: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await work(item).catch((error: unknown) => {
        queue.length = 0;
        throw error;
      });
    }
  };
  // All lanes are awaited, so that nothing is still being written when a failure is told.
  const lanes = await Promise.allSettled(Array.from({ length: max }, lane));
  const failed = lanes.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
