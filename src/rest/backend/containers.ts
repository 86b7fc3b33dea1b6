import type { Readable } from "node:stream";
import type {
  ContainerCreateOptions,
  ContainerLimitsData,
  RestartPolicyData,
} from "./container-create.ts";
import type { HealthcheckData } from "./images.ts";

export type ContainerState = "created" | "running" | "paused" | "restarting" | "exited" | "dead";

export interface ContainerMountData {
  readonly type: "bind" | "volume" | "tmpfs";
  /** Volume name; "" for other types. */
  readonly name: string;
  /** Host path; "" for tmpfs. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: string;
}

export interface ContainerNetworkData {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string;
  /** CIDR ("10.0.1.5/24"), "" while not connected. */
  readonly address: string;
  readonly gateway: string;
  readonly macAddress: string;
  readonly aliases: readonly string[];
}

export interface ContainerPortData {
  readonly targetPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** 0 = exposed only. */
  readonly publishedPort: number;
  readonly hostAddress: string;
}

/** A container of this node, of a task or of a person, with what it is set to and what it does. */
export interface ContainerData {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The reference it was made from. */
  readonly image: string;
  /** "sha256:…" */
  readonly imageId: string;
  /** Entrypoint and command as run. */
  readonly args: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: string;
  readonly hostname: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly readOnly: boolean;
  readonly init: boolean;
  readonly stopSignal: string;
  /** undefined = the default of 10 s. */
  readonly stopTimeoutMs?: number | undefined;
  readonly healthcheck?: HealthcheckData | undefined;
  readonly createdAtMs: number;
  readonly state: ContainerState;
  /** 0 = not running. */
  readonly pid: number;
  /** 0 = never started. */
  readonly startedAtMs: number;
  /** 0 = never ended. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why it could not start; "" = no error. */
  readonly error: string;
  readonly restartCount: number;
  /** undefined = no health check. */
  readonly health?:
    | {
        readonly status: "starting" | "healthy" | "unhealthy";
        readonly failingStreak: number;
        readonly log: readonly {
          readonly startMs: number;
          readonly endMs: number;
          readonly exitCode: number;
          readonly output: string;
        }[];
      }
    | undefined;
  readonly mounts: readonly ContainerMountData[];
  readonly networks: readonly ContainerNetworkData[];
  readonly ports: readonly ContainerPortData[];
  /** Path of the network namespace; "" when there is none. */
  readonly sandboxPath: string;
  readonly logPath: string;
  /** Where its hosts, hostname and resolv.conf are on the host; absent for a task's. */
  readonly etcFolder?: string | undefined;
  readonly memoryBytes: number;
  readonly nanoCpus: number;
  readonly pidsLimit: number;
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  /** True when it is a task's: people cannot remove or restart it for good. */
  readonly isTask: boolean;
  /** What a person asked for, with the image's part filled in; absent for a task's. */
  readonly asked?: ContainerCreateOptions | undefined;
}

/** One piece of output with the time it was written. */
export interface ContainerLogEntry {
  /** Whole milliseconds since 1970. */
  readonly atMs: number;
  /** Nanoseconds within the second, 0…999999999 (repeats the milliseconds of `atMs`). */
  readonly nanos: number;
  readonly stream: "stdout" | "stderr";
  /** One line with its end of line, or a piece of a long one. */
  readonly data: Uint8Array;
}

export interface ContainerLogOptions {
  readonly follow: boolean;
  /** Lines from the end; -1 = all. */
  readonly tail: number;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly signal: AbortSignal;
}

export interface ContainerStatsData {
  readonly readAtMs: number;
  readonly cpuTotalNanos: number;
  readonly cpuUserNanos: number;
  readonly cpuKernelNanos: number;
  /** CPU time of the whole host. */
  readonly systemCpuNanos: number;
  readonly onlineCpus: number;
  readonly memoryUsageBytes: number;
  /** File cache within the usage that the kernel would give up first. */
  readonly memoryInactiveFileBytes: number;
  readonly memoryLimitBytes: number;
  readonly pids: number;
  /** 0 = no limit. */
  readonly pidsLimit: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly networks: readonly {
    readonly name: string;
    readonly receivedBytes: number;
    readonly receivedPackets: number;
    readonly sentBytes: number;
    readonly sentPackets: number;
  }[];
}

export interface ExecOptions {
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** "" = the container's. */
  readonly workingDir: string;
  /** "" = the container's. */
  readonly user: string;
  readonly tty: boolean;
  readonly privileged: boolean;
  /** What the terminal measures before anybody resizes it. */
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  /** What the process reads; its end is the process's end of input. undefined = nothing. */
  readonly stdin?: Readable | undefined;
}

/** A running process or container that a client is connected to. With a tty only `stdout` carries data. */
export interface StdioSession {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves with the exit code. */
  wait(): Promise<number>;
  resize(height: number, width: number): Promise<void>;
  /** Lets go; an attached container runs on, an executed process is killed. */
  close(): void;
}

export interface AttachOptions {
  readonly stdin?: Readable | undefined;
  /** Also what was written before. */
  readonly logs: boolean;
  /** Also what is written from now on. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** What inspect and changes of a path in a container say of it. */
export interface PathStatData {
  /** The last part of the path. */
  readonly name: string;
  readonly sizeBytes: number;
  /** As in stat(2). */
  readonly mode: number;
  readonly modifiedAtMs: number;
  /** Of a symbolic link; else "". */
  readonly linkTarget: string;
}

/** A path that a container has changed beside its image. */
export interface ChangedPathData {
  readonly kind: "modified" | "added" | "deleted";
  readonly path: string;
}

/** What may be changed of a container that is there; undefined stays. */
export interface ContainerUpdateOptions {
  readonly restart?: RestartPolicyData | undefined;
  readonly limits: Partial<ContainerLimitsData>;
}

/** The containers of this node. `id` is always a full id that `list` gave. */
export interface LocalContainers {
  list(): Promise<readonly ContainerData[]>;
  logs(id: string, options: ContainerLogOptions): AsyncIterable<ContainerLogEntry>;
  /** `psArgs` as for ps(1). FAILED_PRECONDITION when it does not run. */
  top(
    id: string,
    psArgs: string,
  ): Promise<{ readonly titles: readonly string[]; readonly processes: readonly string[][] }>;
  stats(id: string): Promise<ContainerStatsData>;
  start(id: string): Promise<void>;
  /** `graceMs` undefined = the container's own. */
  stop(
    id: string,
    options: { readonly signal: string; readonly graceMs?: number | undefined },
  ): Promise<void>;
  /** Signal name or number ("SIGTERM", "9"). FAILED_PRECONDITION when it does not run. */
  kill(id: string, signal: string): Promise<void>;
  remove(
    id: string,
    options: { readonly force: boolean; readonly volumes: boolean },
  ): Promise<void>;
  /** Resolves when the condition holds: "not-running" holds at once for a stopped one. */
  wait(
    id: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly error: string }>;
  exec(id: string, options: ExecOptions): Promise<StdioSession>;
  /** Absent: 501. */
  attach?(id: string, options: AttachOptions): Promise<StdioSession>;
  /** Size of the container's own terminal. Absent: 501. */
  resize?(id: string, height: number, width: number): Promise<void>;
  /** Absent: 501. */
  rename?(id: string, name: string): Promise<void>;
  /** It joins a network of this node, now or when it starts. Absent: 501. NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION. */
  connect?(
    id: string,
    endpoint: {
      readonly network: string;
      readonly aliases: readonly string[];
      readonly ip?: string;
      readonly mac?: string;
    },
  ): Promise<void>;
  /** It leaves a network of this node. Absent: 501. FAILED_PRECONDITION when it is not on it, and not `force`. */
  disconnect?(id: string, network: string, force: boolean): Promise<void>;
  /** `name` "" = any. Absent: 501. NOT_FOUND when the image is not here, ALREADY_EXISTS for a name in use. */
  create?(
    name: string,
    options: ContainerCreateOptions,
  ): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  /** Absent: stop, then start. */
  restart?(
    id: string,
    options: { readonly signal: string; readonly graceMs?: number | undefined },
  ): Promise<void>;
  /** Absent: 501. FAILED_PRECONDITION when it does not run or is paused already. */
  pause?(id: string): Promise<void>;
  unpause?(id: string): Promise<void>;
  /** Absent: 501. */
  update?(id: string, options: ContainerUpdateOptions): Promise<void>;
  /** Absent: 501. */
  changes?(id: string): Promise<readonly ChangedPathData[]>;
  /** Bytes that it wrote over its image. Absent: not known. */
  writtenBytes?(id: string): Promise<number>;
  /** Absent: 501. NOT_FOUND names the path. */
  statPath?(id: string, path: string): Promise<PathStatData>;
  /** A tar of a file or folder. Absent: 501. */
  readArchive?(id: string, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** A tar of all its files, without what is mounted among them. Absent: 501. */
  exportFiles?(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Unpacks a tar in a folder. Absent: 501. NOT_FOUND; INVALID_ARGUMENT for what is no tar; PERMISSION_DENIED when it is read-only. */
  writeArchive?(
    id: string,
    path: string,
    archive: Readable,
    options: { readonly keepKinds: boolean },
  ): Promise<void>;
}
