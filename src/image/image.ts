/** A health check of an image; 0 means the default. */
export interface ImageHealthcheck {
  /** [] inherits, ["NONE"], ["CMD", …] or ["CMD-SHELL", "…"]. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** What an image asks of the containers made from it. */
export interface ImageConfig {
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
  readonly healthcheck?: ImageHealthcheck;
}

/** An image that this node has. */
export interface Image {
  /** "sha256:…" of the configuration. */
  readonly id: string;
  /** "busybox:latest" */
  readonly repoTags: readonly string[];
  /** "busybox@sha256:…" */
  readonly repoDigests: readonly string[];
  /** RFC 3339; "" when the image does not say. */
  readonly created: string;
  /** Of its layers as they are kept, compressed or not. */
  readonly sizeBytes: number;
  readonly architecture: string;
  readonly os: string;
  readonly config: ImageConfig;
  /** Digests of the uncompressed layers, lowest first. */
  readonly layers: readonly string[];
  /** Bytes of each of them. */
  readonly layerBytes: readonly number[];
  /** The configuration as the image carries it. */
  readonly rawConfig: unknown;
}

/** An image that was read from an archive. */
export interface LoadedImage extends Image {
  /** What the archive calls it, as in `repoTags`; the image may have other names as well. */
  readonly archiveNames: readonly string[];
}

/** One step of a pull or load, for the person who waits. */
export interface ImageProgress {
  /** Short layer digest, or "" for a line of its own. */
  readonly id: string;
  readonly status: string;
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

/** Told of each step. */
export type OnProgress = (progress: ImageProgress) => void;
