import { ClusterError } from "../base/errors.ts";
import { isDigest } from "./reference.ts";

/** What a registry or archive calls a piece of content. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** One image's manifest. */
export interface ImageManifest {
  readonly kind: "image";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A list of manifests, usually one a platform. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** The media types to ask a registry for. */
export const manifestMediaTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const layersMax = 127;
const manifestsMax = 1000;
const sizeMax = 2 ** 43;

/**
 * Reads a manifest or index. DATA_LOSS when it is neither, or both: such a document means different
 * images to different readers (CVE-2021-41190).
 */
export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  } catch (cause) {
    throw new ClusterError("DATA_LOSS", "the image's manifest is not JSON", { cause });
  }
  const { manifests, layers, config, mediaType } = document ?? {};
  const type = typeof mediaType === "string" ? mediaType : "";
  if (Array.isArray(manifests)) {
    if (layers !== undefined || config !== undefined) {
      throw new ClusterError(
        "DATA_LOSS",
        "the image's manifest is ambiguous: an index with layers",
      );
    }
    limit(manifests.length, manifestsMax, "manifests");
    return { kind: "index", mediaType: type, manifests: manifests.map(parseDescriptor) };
  }
  if (!Array.isArray(layers) || config === undefined) {
    const old = document?.["schemaVersion"] === 1 ? "; schema 1 images are not supported" : "";
    throw new ClusterError("DATA_LOSS", `the document is not an image manifest${old}`);
  }
  limit(layers.length, layersMax, "layers");
  return {
    kind: "image",
    mediaType: type,
    config: parseDescriptor(config),
    layers: layers.map(parseDescriptor),
  };
}

/** The manifest for a platform. FAILED_PRECONDITION, naming those that exist, when there is none. */
export function choosePlatform(name: string, index: ImageIndex, wanted: Platform): Descriptor {
  const found = index.manifests.find(
    ({ platform }) =>
      platform !== undefined &&
      platform.os === wanted.os &&
      platform.architecture === wanted.architecture &&
      (wanted.variant === undefined || platform.variant === wanted.variant),
  );
  if (found !== undefined) return found;
  const only = index.manifests[0];
  if (index.manifests.length === 1 && only !== undefined && only.platform === undefined)
    return only;
  const offered = index.manifests.map(({ platform }) => platformText(platform)).join(", ");
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `image ${name} has no build for ${platformText(wanted)}; it has ${offered}`,
  );
}

/** "linux/arm64/v8" */
export function platformText(platform: Platform | undefined): string {
  if (platform === undefined) return "unknown";
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

function parseDescriptor(value: unknown): Descriptor {
  const { mediaType, digest, size, platform, annotations } = (value ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw new ClusterError(
      "DATA_LOSS",
      "the image's manifest names content without a sha256 digest",
    );
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > sizeMax) {
    throw new ClusterError("DATA_LOSS", `the image's manifest has a bad size for ${digest}`);
  }
  const known = parsePlatform(platform);
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest,
    size,
    ...(known === undefined ? {} : { platform: known }),
    ...(isTextRecord(annotations) ? { annotations } : {}),
  };
}

function parsePlatform(value: unknown): Platform | undefined {
  const { os, architecture, variant } = (value ?? {}) as Record<string, unknown>;
  if (typeof os !== "string" || typeof architecture !== "string") return undefined;
  return { os, architecture, ...(typeof variant === "string" ? { variant } : {}) };
}

function isTextRecord(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).every((one) => typeof one === "string");
}

function limit(count: number, max: number, what: string): void {
  if (count > max) {
    throw new ClusterError("DATA_LOSS", `the image's manifest has ${count} ${what}, above ${max}`);
  }
}
