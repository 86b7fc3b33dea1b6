import type { Mount } from "../../gen/skep/Mount.ts";
import type { HealthcheckData } from "./images.ts";

export type RestartPolicyName = "no" | "on-failure" | "always" | "unless-stopped";

/** When a container that has ended is started again (Docker API v1.50, RestartPolicy). */
export interface RestartPolicyData {
  readonly name: RestartPolicyName;
  /** Of on-failure; 0 = without end. */
  readonly retriesMax: number;
}

/** A port to publish; hostPort 0 = any free one, hostIp "" = all addresses. */
export interface PortBindingData {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostIp: string;
  readonly hostPort: number;
}

/** A network that a container joins when it starts. */
export interface EndpointWishData {
  /** Name or id. */
  readonly network: string;
  readonly aliases: readonly string[];
  /** "" = any free one. */
  readonly ip: string;
  readonly mac: string;
}

/** Limits; 0 and "" mean none. */
export interface ContainerLimitsData {
  readonly memoryBytes: number;
  readonly memoryReservationBytes: number;
  /** -1 = no limit. */
  readonly memorySwapBytes: number;
  readonly nanoCpus: number;
  readonly cpuShares: number;
  readonly cpuPeriodUs: number;
  readonly cpuQuotaUs: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly pids: number;
}

/** Everything that a person asks of a container. Docker's words, with "" for what is not said (Docker API v1.50, /containers/create). */
export interface ContainerCreateOptions {
  readonly image: string;
  readonly entrypoint: readonly string[] | undefined;
  readonly cmd: readonly string[] | undefined;
  /** "NAME=value"; "NAME" alone takes a variable of the image away. */
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: string;
  readonly hostname: string;
  readonly domainname: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly readOnly: boolean;
  readonly init: boolean | undefined;
  readonly autoRemove: boolean;
  readonly stopSignal: string;
  /** Negative = waits for ever. */
  readonly stopTimeoutMs: number | undefined;
  readonly healthcheck: HealthcheckData | undefined;
  readonly restart: RestartPolicyData;
  readonly mounts: readonly Mount[];
  /** "-v" as it was given, for those who ask. */
  readonly binds: readonly string[];
  /** "NAME[:ro]" of containers whose mounts it has, too; those are the last `inheritedMounts` of `mounts`. */
  readonly volumesFrom?: readonly string[];
  readonly inheritedMounts?: number;
  /** Target to options, "size=64m,exec". */
  readonly tmpfs: Readonly<Record<string, string>>;
  /** Paths that get a volume without a name. */
  readonly volumes: readonly string[];
  /** "80/tcp" */
  readonly exposedPorts: readonly string[];
  readonly portBindings: readonly PortBindingData[];
  readonly publishAllPorts: boolean;
  /** "bridge", "host", "none", "container:NAME", a network's name or id; "" = bridge. */
  readonly networkMode: string;
  readonly endpoints: readonly EndpointWishData[];
  readonly macAddress: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** "name:address" */
  readonly extraHosts: readonly string[];
  readonly limits: ContainerLimitsData;
  readonly oomScoreAdj: number;
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  readonly groupAdd: readonly string[];
  readonly ulimits: readonly {
    readonly name: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** 0 = 64 MiB. */
  readonly shmBytes: number;
  readonly noNewPrivileges: boolean;
  /** Absent, as the three below, in what was written before there was such a thing. */
  readonly privileged?: boolean;
  readonly devices?: readonly {
    readonly hostPath: string;
    readonly path: string;
    /** Some of "r", "w", "m". */
    readonly access: string;
  }[];
  /** Namespaces of the host in place of own ones. */
  readonly hostNamespaces?: readonly ("pid" | "ipc" | "uts")[];
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
}
