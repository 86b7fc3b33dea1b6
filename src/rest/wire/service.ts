import type { DriverJson, ObjectJson, VersionJson } from "./common.ts";

/** One port of a service or task. PublishedPort 0 = chosen by the cluster. */
export interface PortJson {
  Name?: string;
  Protocol?: "tcp" | "udp" | "sctp";
  TargetPort?: number;
  PublishedPort?: number;
  PublishMode?: "ingress" | "host";
}

export interface EndpointSpecJson {
  Mode?: "vip" | "dnsrr";
  Ports?: PortJson[];
}

/** Durations are nanoseconds. */
export interface UpdateConfigJson {
  Parallelism: number;
  Delay?: number;
  FailureAction?: "pause" | "continue" | "rollback";
  Monitor?: number;
  MaxFailureRatio: number;
  Order: "stop-first" | "start-first";
}

export interface ServiceModeJson {
  Replicated?: { Replicas?: number };
  Global?: object;
  ReplicatedJob?: { MaxConcurrent?: number; TotalCompletions?: number };
  GlobalJob?: object;
}

export interface HealthcheckJson {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

export interface MountJson {
  Type?: "bind" | "volume" | "tmpfs" | "cluster" | "npipe" | "image";
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: { Propagation?: string; NonRecursive?: boolean; CreateMountpoint?: boolean };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    Subpath?: string;
    DriverConfig?: DriverJson;
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
}

export interface FileTargetJson {
  Name: string;
  UID: string;
  GID: string;
  /** Permission bits. */
  Mode: number;
}

export interface SecretReferenceJson {
  File?: FileTargetJson;
  SecretID: string;
  SecretName: string;
}

export interface ConfigReferenceJson {
  File?: FileTargetJson;
  Runtime?: object;
  ConfigID: string;
  ConfigName: string;
}

export interface ContainerSpecJson {
  Image?: string;
  Labels?: Record<string, string>;
  Command?: string[];
  Args?: string[];
  Hostname?: string;
  Env?: string[];
  Dir?: string;
  User?: string;
  Groups?: string[];
  Init?: boolean;
  StopSignal?: string;
  TTY?: boolean;
  OpenStdin?: boolean;
  ReadOnly?: boolean;
  Mounts?: MountJson[];
  StopGracePeriod?: number;
  Healthcheck?: HealthcheckJson;
  Hosts?: string[];
  DNSConfig?: { Nameservers?: string[]; Search?: string[]; Options?: string[] };
  Secrets?: SecretReferenceJson[];
  Configs?: ConfigReferenceJson[];
  Isolation?: string;
  Sysctls?: Record<string, string>;
  CapabilityAdd?: string[];
  CapabilityDrop?: string[];
  Ulimits?: { Name: string; Soft: number; Hard: number }[];
  OomScoreAdj?: number;
}

export interface GenericResourceJson {
  NamedResourceSpec?: { Kind: string; Value: string };
  DiscreteResourceSpec?: { Kind: string; Value: number };
}

export interface ResourcesJson {
  NanoCPUs?: number;
  MemoryBytes?: number;
  Pids?: number;
  GenericResources?: GenericResourceJson[];
}

export interface ResourceRequirementsJson {
  Limits?: ResourcesJson;
  Reservations?: ResourcesJson;
}

export interface RestartPolicyJson {
  Condition?: "none" | "on-failure" | "any";
  Delay?: number;
  MaxAttempts?: number;
  Window?: number;
}

export interface PlatformJson {
  Architecture?: string;
  OS?: string;
}

export interface PlacementJson {
  Constraints?: string[];
  Preferences?: { Spread?: { SpreadDescriptor: string } }[];
  MaxReplicas?: number;
  Platforms?: PlatformJson[];
}

export interface NetworkAttachmentConfigJson {
  Target?: string;
  Aliases?: string[];
  DriverOpts?: Record<string, string>;
}

export interface TaskSpecJson {
  ContainerSpec?: ContainerSpecJson;
  Resources?: ResourceRequirementsJson;
  RestartPolicy?: RestartPolicyJson;
  Placement?: PlacementJson;
  Networks?: NetworkAttachmentConfigJson[];
  LogDriver?: DriverJson;
  ForceUpdate: number;
  Runtime?: string;
  /** Of tasks that stand for containers started by hand on a network of the swarm. */
  NetworkAttachmentSpec?: { ContainerID: string };
}

export interface ServiceSpecJson {
  Name: string;
  Labels: Record<string, string>;
  TaskTemplate: TaskSpecJson;
  Mode: ServiceModeJson;
  UpdateConfig?: UpdateConfigJson;
  RollbackConfig?: UpdateConfigJson;
  EndpointSpec?: EndpointSpecJson;
}

export interface UpdateStatusJson {
  State?:
    | "updating"
    | "paused"
    | "completed"
    | "rollback_started"
    | "rollback_paused"
    | "rollback_completed";
  StartedAt?: string;
  CompletedAt?: string;
  Message?: string;
}

/** GET /services/{id}; the list with `?status=true` adds ServiceStatus. */
export interface ServiceJson extends ObjectJson {
  Spec: ServiceSpecJson;
  PreviousSpec?: ServiceSpecJson;
  Endpoint: {
    Spec?: EndpointSpecJson;
    Ports?: PortJson[];
    VirtualIPs?: { NetworkID: string; Addr?: string }[];
  };
  UpdateStatus?: UpdateStatusJson;
  /** Not in Docker's API: tasks are moving to be spread anew. */
  Rebalancing?: boolean;
  ServiceStatus?: { RunningTasks: number; DesiredTasks: number; CompletedTasks: number };
  JobStatus?: { JobIteration: VersionJson; LastExecution?: string };
}

/** POST /services/create */
export interface ServiceCreateResponseJson {
  ID: string;
  Warnings: string[] | null;
}

/** POST /services/{id}/update */
export interface ServiceUpdateResponseJson {
  Warnings: string[] | null;
}
