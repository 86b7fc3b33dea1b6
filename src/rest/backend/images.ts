import type { Readable } from "node:stream";

/** A health check as an image or a container carries it; 0 means the default of the field. */
export interface HealthcheckData {
  /** [] = none; ["NONE"]; ["CMD", …]; ["CMD-SHELL", "…"] */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** What an image asks of the containers made from it. */
export interface ImageConfigData {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  /** "80/tcp" */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  readonly healthcheck?: HealthcheckData | undefined;
}

/** An image that this node has. */
export interface ImageData {
  /** "sha256:…" of the configuration. */
  readonly id: string;
  /** "name:tag" in short form ("busybox:latest"). */
  readonly repoTags: readonly string[];
  /** "name@sha256:…" */
  readonly repoDigests: readonly string[];
  /** RFC 3339 */
  readonly created: string;
  readonly sizeBytes: number;
  readonly architecture: string;
  readonly os: string;
  readonly config: ImageConfigData;
  /** Digests of the uncompressed layers, lowest first. */
  readonly layers: readonly string[];
  /** Bytes of each of them. */
  readonly layerBytes: readonly number[];
}

/** One step of how an image was made, newest first. */
export interface ImageHistoryEntry {
  /** The image's id for the newest entry, else "<missing>". */
  readonly id: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly comment: string;
}

/** Credentials of one registry, from X-Registry-Auth. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly serverAddress: string;
}

/** An image that was read from an archive. */
export interface LoadedImageData extends ImageData {
  /** What the archive calls it; the image may have other names as well. */
  readonly archiveNames: readonly string[];
}

/** One step of a pull or load, shown to the person who waits. */
export interface ImageProgress {
  /** Short layer digest, tag or "" for a line of its own. */
  readonly id: string;
  readonly status: string;
  readonly currentBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
}

/** What a registry says about a reference. */
export interface DistributionData {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly platforms: readonly { readonly os: string; readonly architecture: string }[];
}

export interface PullOptions {
  readonly auth?: RegistryAuth | undefined;
  /** "os/arch"; undefined = this node's. */
  readonly platform?: string | undefined;
  readonly onProgress: (progress: ImageProgress) => void;
  readonly signal: AbortSignal;
}

/** The images of this node. `reference` is an id, a unique id prefix, name[:tag] or name@digest. */
export interface LocalImages {
  list(): Promise<readonly ImageData[]>;
  /** undefined when there is none. */
  find(reference: string): Promise<ImageData | undefined>;
  history(reference: string): Promise<readonly ImageHistoryEntry[]>;
  /** Reads a `docker save` or OCI archive, also a compressed one. INVALID_ARGUMENT when it is neither. */
  load(
    archive: Readable,
    onProgress: (progress: ImageProgress) => void,
    signal: AbortSignal,
  ): Promise<readonly LoadedImageData[]>;
  /** NOT_FOUND, UNAUTHENTICATED, UNAVAILABLE, FAILED_PRECONDITION (no image for this platform). */
  pull(reference: string, options: PullOptions): Promise<ImageData>;
  /** `target` is name[:tag]. NOT_FOUND, INVALID_ARGUMENT. */
  tag(reference: string, target: string): Promise<void>;
  /** NOT_FOUND; FAILED_PRECONDITION while a container uses it. */
  remove(
    reference: string,
    options: { readonly force: boolean },
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly string[] }>;
  /** A `docker save` archive. NOT_FOUND when one of them is not here. */
  save(references: readonly string[]): Promise<Readable>;
  /** Asks the registry of `auth` whether it knows who this is. UNAUTHENTICATED, UNAVAILABLE. */
  login?(auth: RegistryAuth, signal: AbortSignal): Promise<void>;
  /** Asks the registry. NOT_FOUND, UNAUTHENTICATED, UNAVAILABLE. */
  resolveDigest(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<DistributionData>;
}
