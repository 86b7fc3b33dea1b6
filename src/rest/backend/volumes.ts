/** A volume of this node. */
export interface VolumeData {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** True when it got its name from the daemon. */
  readonly anonymous: boolean;
  /** -1 = not known. */
  readonly sizeBytes: number;
  /** Containers that mount it; -1 = not known. */
  readonly references: number;
}

/** The volumes of this node. */
export interface LocalVolumes {
  list(): Promise<readonly VolumeData[]>;
  /** "" as name: one is made up. Returns the present one of that name. */
  create(options: {
    readonly name: string;
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
  }): Promise<VolumeData>;
  /** NOT_FOUND (unless forced); FAILED_PRECONDITION while a container mounts it. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
}
