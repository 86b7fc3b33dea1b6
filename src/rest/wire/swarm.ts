import type { DriverJson, ObjectJson } from "./common.ts";
import type { TlsInfoJson } from "./node.ts";

/** Settings of the cluster. Durations are nanoseconds. */
export interface SwarmSpecJson {
  Name: string;
  Labels: Record<string, string>;
  Orchestration: { TaskHistoryRetentionLimit?: number };
  Raft: {
    SnapshotInterval?: number;
    KeepOldSnapshots?: number;
    LogEntriesForSlowFollowers?: number;
    ElectionTick: number;
    HeartbeatTick: number;
  };
  Dispatcher: { HeartbeatPeriod?: number };
  CAConfig: {
    NodeCertExpiry?: number;
    SigningCACert?: string;
    /** Only ever sent, never shown. */
    SigningCAKey?: string;
    ForceRotate?: number;
    ExternalCAs?: ExternalCaJson[];
  };
  TaskDefaults: { LogDriver?: DriverJson };
  EncryptionConfig: { AutoLockManagers: boolean };
}

/** A signer outside of the cluster. */
export interface ExternalCaJson {
  /** "cfssl" */
  Protocol: string;
  URL: string;
  Options?: Record<string, string>;
  /** PEM of the root it signs for. */
  CACert: string;
}

/** GET /swarm */
export interface SwarmJson extends ObjectJson {
  Spec: SwarmSpecJson;
  TLSInfo: TlsInfoJson;
  RootRotationInProgress: boolean;
  DefaultAddrPool: string[];
  SubnetSize: number;
  DataPathPort: number;
  JoinTokens: { Worker: string; Manager: string };
}

/** GET /swarm/unlockkey; also the body of POST /swarm/unlock. */
export interface UnlockKeyJson {
  UnlockKey: string;
}
