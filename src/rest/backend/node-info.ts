/** What this build is. */
export interface VersionData {
  /** Of Skep itself. */
  readonly version: string;
  readonly gitCommit: string;
  /** RFC 3339, "" = unknown. */
  readonly buildTime: string;
  readonly nodeVersion: string;
  readonly kernelVersion: string;
  readonly architecture: string;
  readonly os: string;
  /** The runtime and its helpers, e.g. runc and conmon. */
  readonly components: readonly { readonly name: string; readonly version: string }[];
}

/** What this host is and how the daemon is set up. */
export interface NodeInfoData {
  /** Of the daemon, stable over restarts. */
  readonly id: string;
  readonly hostname: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly osType: string;
  /** "x86_64", "aarch64" */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly dataRoot: string;
  readonly storageDriver: string;
  readonly loggingDriver: string;
  readonly cgroupDriver: string;
  /** "1" or "2" */
  readonly cgroupVersion: string;
  readonly defaultRuntime: string;
  readonly runtimes: readonly { readonly name: string; readonly path: string }[];
  /** "key=value" */
  readonly labels: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
  readonly debug: boolean;
  readonly liveRestore: boolean;
  readonly initBinary: string;
  readonly warnings: readonly string[];
  readonly genericResources: readonly { readonly kind: string; readonly value: string | number }[];
}

export interface SwarmStateData {
  readonly state: "inactive" | "pending" | "active" | "error" | "locked";
  /** True on a manager whose store is open. */
  readonly manager: boolean;
  /** "" when not a member. */
  readonly nodeId: string;
  /** The advertised address without port. */
  readonly nodeAddress: string;
  /** Why `state` is "error"; else "". */
  readonly error: string;
  readonly remoteManagers: readonly { readonly nodeId: string; readonly address: string }[];
}
