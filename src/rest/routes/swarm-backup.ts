import type { Readable } from "node:stream";
import { isClusterError } from "../../base/errors.ts";
import { badRequest, fromLocal, HttpError } from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { ok, type Reply } from "../http/reply.ts";
import type { RestContext, RestRequest, Route } from "../http/request.ts";
import { backupKeyHeader } from "../wire/swarm-backup.ts";

/** POST /swarm/backup and /swarm/restore: ours, not Docker's. */
export const swarmBackupRoutes: readonly Route[] = [
  { method: "POST", pattern: "/swarm/backup", handler: backup, cluster: true },
  { method: "POST", pattern: "/swarm/restore", handler: restore },
];

const contentType = "application/octet-stream";

async function backup({ query }: RestRequest, { backend }: RestContext): Promise<Reply> {
  const { key, chunks } = await backend.node.backupSwarm({ stale: queryFlag(query, "stale") });
  return { kind: "stream", status: 200, contentType, chunks, headers: { [backupKeyHeader]: key } };
}

async function restore(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const key = request.headers[backupKeyHeader.toLowerCase()] ?? "";
  const address = (name: string): string => request.query.get(name) ?? "";
  try {
    if (key === "") throw badRequest(`the backup's key is required: set ${backupKeyHeader}`);
    const restored = await backend.node.restoreSwarm(
      {
        key,
        advertiseAddress: address("advertiseAddr"),
        listenAddress: address("listenAddr"),
        dataPathAddress: address("dataPathAddr"),
      },
      unended(request.body),
    );
    return ok({
      NodeID: restored.nodeId,
      ClusterID: restored.clusterId,
      BackupCreatedAt: restored.backupCreatedAt,
    });
  } catch (error) {
    if (isClusterError(error, "FAILED_PRECONDITION")) throw new HttpError(400, error.message);
    throw fromLocal(error);
  } finally {
    // A client that is still sending shall hear the answer.
    request.body.resume();
  }
}

// Reading it half and then leaving off would end the connection before the answer.
function unended(body: Readable): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) };
}
