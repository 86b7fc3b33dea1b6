/** Header of a backup's key: of the answer to POST /swarm/backup, and of the request POST /swarm/restore. */
export const backupKeyHeader = "X-Skep-Backup-Key";

/** Answer to POST /swarm/restore. */
export interface RestoredSwarmJson {
  NodeID: string;
  ClusterID: string;
  /** RFC 3339: changes after it are lost. */
  BackupCreatedAt: string;
}
