/** One bind or tmpfs mount of a container. */
export interface MountSpec {
  readonly type: "bind" | "tmpfs";
  /** Absolute host path for a bind; ignored for a tmpfs. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /** Further mount options such as "rslave", "noexec" or "size=64m"; "bind" leaves out what is mounted below the source. */
  readonly options: readonly string[];
  /** The volume that the source is of; the runtime only keeps it. */
  readonly volume?: string;
}

/** A secret or config: lives on a tmpfs of the host and is bound read-only into the container. */
export interface FileSpec {
  /** Absolute path in the container. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A resource limit such as `{ name: "nofile", soft: 1024, hard: 4096 }`; -1 is unlimited. */
export interface UlimitSpec {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** A device of the host that a container gets. */
export interface DeviceSpec {
  /** A device node, or a folder of them. */
  readonly hostPath: string;
  /** Where it is in the container. */
  readonly path: string;
  /** Some of "r", "w", "m". */
  readonly access: string;
}

/** Content of the three files that are bound over the image's own. */
export interface EtcFiles {
  readonly hosts: string;
  readonly resolvConf: string;
  readonly hostname: string;
}

export interface ContainerResources {
  readonly memoryBytes?: number;
  /** What the kernel tries to leave it when memory is short. */
  readonly memoryReservationBytes?: number;
  /** Memory and swap together, -1 = no limit; absent: no swap beside a memory limit. */
  readonly memorySwapBytes?: number;
  /** Billionths of a processor. */
  readonly nanoCpus?: number;
  /** Weight beside other containers; 1024 is the usual one. */
  readonly cpuShares?: number;
  /** Processors it may run on, "0-2,4". */
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pids?: number;
}

/** Everything that is needed to make one container, as plain data. */
export interface ContainerSpec {
  /** 1 to 64 characters of a-z, 0-9, "-" and "_"; unique in this data root. */
  readonly id: string;
  readonly name: string;
  /** Unpacked image layers, topmost first. */
  readonly layerPaths: readonly string[];
  /** The program and its arguments; not empty. */
  readonly args: readonly string[];
  /** "NAME=value" each. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** "", "name", "uid", "name:group" or "uid:gid", looked up in the image. */
  readonly user: string;
  /** Additional groups by name or number. */
  readonly groups: readonly string[];
  readonly hostname: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  /** Whether the input stays open when who wrote to it goes away. */
  readonly keepStdinOpen?: boolean;
  readonly readOnly: boolean;
  /** Runs the program under a small init (tini or catatonit of the host). */
  readonly init: boolean;
  readonly mounts: readonly MountSpec[];
  readonly files: readonly FileSpec[];
  readonly resources: ContainerResources;
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: readonly UlimitSpec[];
  readonly oomScoreAdj?: number;
  /** A bound network namespace; absent means a new empty one with only a loopback. */
  readonly networkNamespacePath?: string;
  /** Shares the host's network instead of any namespace of its own. */
  readonly hostNetwork?: boolean;
  readonly etcFiles: EtcFiles;
  readonly labels: Readonly<Record<string, string>>;
  /** Signal of `stop` when the caller names none: "SIGTERM", "TERM" or a number. */
  readonly stopSignal: string;
  /** The log starts anew above this size; default 20 MiB. */
  readonly logMaxBytes?: number;
  readonly noNewPrivileges?: boolean;
  /** Every capability, no seccomp filter, no masked paths, the host's devices. */
  readonly privileged?: boolean;
  readonly devices?: readonly DeviceSpec[];
  /** Namespaces of the host that are used in place of own ones. With `uts` the host's name is the container's. */
  readonly hostNamespaces?: readonly ("pid" | "ipc" | "uts")[];
  /** Size of /dev/shm; default 64 MiB. */
  readonly shmBytes?: number;
}

/** How a container ended. `exitCode` is 128 + signal after a signal, and 137 when it vanished. */
export interface ExitStatus {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly finishedAtMs: number;
  /** Why the exit code is not the program's own, as after a host restart. */
  readonly reason?: string;
}

export type ContainerState = "created" | "running" | "exited";

/** What is known of a container now. */
export interface ContainerInfo {
  readonly id: string;
  readonly name: string;
  readonly state: ContainerState;
  /** Pid in the host's namespace while created or running. */
  readonly pid: number;
  readonly createdAtMs: number;
  /** 0 until started. */
  readonly startedAtMs: number;
  readonly exit?: ExitStatus;
  readonly labels: Readonly<Record<string, string>>;
  readonly tty: boolean;
}

/** A command to run in a running container. */
export interface ExecSpec {
  readonly args: readonly string[];
  /** Added to the container's environment. */
  readonly env: readonly string[];
  /** Empty for the container's own. */
  readonly cwd: string;
  /** Empty for the container's own. */
  readonly user: string;
  readonly tty: boolean;
  /** Whether the command gets an input stream; otherwise it reads end-of-file. */
  readonly openStdin: boolean;
  readonly privileged?: boolean;
  /** Of the terminal, at first, in characters. */
  readonly consoleSize?: { readonly height: number; readonly width: number };
}
