/** A backup on its way to the client. */
export interface SwarmBackup {
  /** "SKBAK-1-…": opens this backup and no other. Kept nowhere. */
  readonly key: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** How this node becomes the manager of a cluster that was backed up. Empty texts mean the default. */
export interface RestoreSwarmOptions {
  readonly key: string;
  /** "ip", "ip:port", "interface" or "interface:port" */
  readonly advertiseAddress: string;
  readonly listenAddress: string;
  readonly dataPathAddress: string;
}

/** What a restore brought back. */
export interface RestoredSwarm {
  /** Of this node in the restored cluster. */
  readonly nodeId: string;
  readonly clusterId: string;
  /** RFC 3339: changes after it are lost. */
  readonly backupCreatedAt: string;
}
