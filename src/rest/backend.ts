import type { ClusterSpec } from "../gen/skep/ClusterSpec.ts";
import type { LogMessage } from "../gen/skep/LogMessage.ts";
import type { NodeAvailability } from "../gen/skep/NodeAvailability.ts";
import type { ClusterApi } from "./backend/cluster-api.ts";
import type { LocalContainers } from "./backend/containers.ts";
import type { LocalImages } from "./backend/images.ts";
import type { LocalNetworks } from "./backend/networks.ts";
import type { NodeInfoData, SwarmStateData, VersionData } from "./backend/node-info.ts";
import type { RestoredSwarm, RestoreSwarmOptions, SwarmBackup } from "./backend/swarm-backup.ts";
import type { LocalVolumes } from "./backend/volumes.ts";

/** Everything REST needs from the daemon. Fulfilled in `daemon/`, and by a fake in tests. */
export interface Backend {
  /** Asked only when `node.swarmState().manager`. */
  readonly cluster: ClusterApi;
  readonly node: LocalNode;
}

/** How a new cluster is made. Empty texts mean the default. */
export interface InitSwarmOptions {
  /** "ip", "ip:port", "interface" or "interface:port" */
  readonly advertiseAddress: string;
  readonly listenAddress: string;
  readonly dataPathAddress: string;
  /** 0 = 4789 */
  readonly dataPathPort: number;
  /** CIDR pools; [] = 10.0.0.0/8 */
  readonly addressPools: readonly string[];
  /** 0 = 24 */
  readonly subnetSize: number;
  readonly availability: NodeAvailability;
  readonly forceNewCluster: boolean;
  readonly spec: ClusterSpec;
}

/** How this node joins a cluster. Empty texts mean the default. */
export interface JoinSwarmOptions {
  /** host:port of managers, tried in order. */
  readonly remoteAddresses: readonly string[];
  readonly joinToken: string;
  readonly advertiseAddress: string;
  readonly listenAddress: string;
  readonly dataPathAddress: string;
  readonly availability: NodeAvailability;
}

/** Which logs of services or tasks are wanted; ids are full ids. */
export interface ServiceLogsRequest {
  readonly serviceIds: readonly string[];
  readonly taskIds: readonly string[];
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Lines from the end of each task's log; -1 = all. */
  readonly tail: number;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** Something that happened on this node (container, image, volume, network of scope "local"). */
export interface LocalEvent {
  /** "container", "image", "volume", "network", "daemon" */
  readonly type: string;
  /** "start", "die", "pull"… as Docker names it */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly atMs: number;
}

/** This node: its host, its part in the swarm, its images, containers and volumes. */
export interface LocalNode {
  info(): Promise<NodeInfoData>;
  version(): VersionData;
  /** Cheap: asked on every request of a cluster route. */
  swarmState(): SwarmStateData;
  /** Resolves with the node id. FAILED_PRECONDITION when already a member; INVALID_ARGUMENT for addresses. */
  initSwarm(options: InitSwarmOptions): Promise<string>;
  /** DEADLINE_EXCEEDED when it goes on in the background after 20 s. */
  joinSwarm(options: JoinSwarmOptions, signal: AbortSignal): Promise<void>;
  /** FAILED_PRECONDITION for a manager without force, with the whole text to show. */
  leaveSwarm(force: boolean): Promise<void>;
  /** INVALID_ARGUMENT "invalid key". */
  unlockSwarm(key: string): Promise<void>;
  /** "" when autolock is off. */
  unlockKey(): Promise<string>;
  /** The cluster's state of now; with `stale` what this manager knows, for a cluster without a leader. Managers only. */
  backupSwarm(options: { readonly stale: boolean }): Promise<SwarmBackup>;
  /** Reads and checks all of `file` before anything changes. INVALID_ARGUMENT, FAILED_PRECONDITION; UNAVAILABLE in a swarm. */
  restoreSwarm(
    options: RestoreSwarmOptions,
    file: AsyncIterable<Uint8Array>,
  ): Promise<RestoredSwarm>;
  readonly images: LocalImages;
  readonly containers: LocalContainers;
  /** Absent: /volumes lists none and creates none. */
  readonly volumes?: LocalVolumes | undefined;
  readonly networks: LocalNetworks;
  /** Local events: those kept since `sinceMs` (when given), then new ones until aborted. */
  events(sinceMs: number | undefined, signal: AbortSignal): AsyncIterable<LocalEvent>;
  /** Merged lines of all tasks asked for, from every node; ends by itself unless following. */
  serviceLogs(request: ServiceLogsRequest, signal: AbortSignal): AsyncIterable<LogMessage>;
}
