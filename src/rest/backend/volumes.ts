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

/** What POST /volumes/create asks for. */
export interface NewVolumeData {
  /** "": one is made up. */
  readonly name: string;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The volumes of this node. */
export interface LocalVolumes {
  list(): Promise<readonly VolumeData[]>;
  /** Bytes of the volume's files, which takes a walk through them; -1 when it is gone. */
  measure(name: string): Promise<number>;
  /** Returns the present one of that name. */
  create(options: NewVolumeData): Promise<VolumeData>;
  /** NOT_FOUND (unless forced); FAILED_PRECONDITION while a container mounts it. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>;
}
