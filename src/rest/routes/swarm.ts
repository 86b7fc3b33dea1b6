import { isClusterError } from "../../base/errors.ts";
import { readJson } from "../http/body.ts";
import { badRequest, clusterCall, fromLocal, HttpError } from "../http/http-error.ts";
import { queryFlag, queryVersion } from "../http/query.ts";
import { empty, ok, type Reply } from "../http/reply.ts";
import type { RestContext, RestRequest, Route } from "../http/request.ts";
import { clusterJson, readClusterSpec } from "../translate/cluster.ts";
import { JsonObject } from "../translate/json-object.ts";
import { tlsInfoJson } from "../translate/node.ts";
import { availabilityWords } from "../translate/words.ts";

/** /swarm and below */
export const swarmRoutes: readonly Route[] = [
  { method: "GET", pattern: "/swarm", handler: inspect, cluster: true },
  { method: "POST", pattern: "/swarm/init", handler: init },
  { method: "POST", pattern: "/swarm/join", handler: join },
  { method: "POST", pattern: "/swarm/leave", handler: leave },
  { method: "POST", pattern: "/swarm/update", handler: update, cluster: true },
  { method: "GET", pattern: "/swarm/unlockkey", handler: unlockKey, cluster: true },
  { method: "POST", pattern: "/swarm/unlock", handler: unlock },
];

const alreadyMember =
  'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm ' +
  "and join another one.";

async function inspect(_: RestRequest, context: RestContext): Promise<Reply> {
  const { cluster, wantedTlsInfo } = await context.backend.cluster.getCluster({});
  if (cluster === null) throw new HttpError(500, "the cluster has no object of its own yet");
  return ok(clusterJson(cluster, tlsInfoJson(wantedTlsInfo)));
}

async function init(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const body = await readJson(request);
  const object = new JsonObject(body);
  const forceNewCluster = object.flag("ForceNewCluster");
  const options = {
    advertiseAddress: object.text("AdvertiseAddr"),
    listenAddress: object.text("ListenAddr"),
    dataPathAddress: object.text("DataPathAddr"),
    dataPathPort: dataPathPort(object),
    addressPools: object.texts("DefaultAddrPool"),
    subnetSize: object.integer("SubnetSize", { max: 32 }),
    availability: object.word("Availability", availabilityWords, "ACTIVE"),
    forceNewCluster,
    spec: {
      ...readClusterSpec(spec(body)),
      ...(object.flag("AutoLockManagers") ? { encryption: { autoLockManagers: true } } : {}),
    },
  };
  if (backend.node.swarmState().state !== "inactive" && !forceNewCluster) {
    throw new HttpError(503, alreadyMember);
  }
  return ok(await swarmCall(backend.node.initSwarm(options)));
}

// Docker's range: below are ports of services, above those that the kernel hands out.
function dataPathPort(object: JsonObject): number {
  const port = object.integer("DataPathPort", { max: 65535 });
  if (port !== 0 && (port < 1024 || port > 49151)) {
    throw badRequest(`data path port ${port} is out of range: choose one between 1024 and 49151`);
  }
  return port;
}

async function join(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const object = new JsonObject(await readJson(request));
  const options = {
    remoteAddresses: object.texts("RemoteAddrs"),
    joinToken: object.text("JoinToken"),
    advertiseAddress: object.text("AdvertiseAddr"),
    listenAddress: object.text("ListenAddr"),
    dataPathAddress: object.text("DataPathAddr"),
    availability: object.word("Availability", availabilityWords, "ACTIVE"),
  };
  const { state, manager } = backend.node.swarmState();
  // A worker may be told where the managers of its cluster are now.
  if (state !== "inactive" && (manager || state !== "active")) {
    throw new HttpError(503, alreadyMember);
  }
  if (options.remoteAddresses.length === 0) {
    throw new HttpError(400, "at least 1 RemoteAddr is required to join");
  }
  if (options.joinToken === "")
    throw new HttpError(400, "a join token is required: give --token (JoinToken)");
  try {
    await backend.node.joinSwarm(options, request.signal);
  } catch (error) {
    if (isClusterError(error, "DEADLINE_EXCEEDED")) {
      throw new HttpError(
        503,
        "Timeout was reached before node joined. The attempt to join the swarm will continue in " +
          'the background. Use the "docker info" command to see the current swarm status of ' +
          "your node.",
      );
    }
    throw error;
  }
  return empty(200);
}

async function leave(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  if (backend.node.swarmState().state === "inactive") {
    throw new HttpError(503, "This node is not part of a swarm");
  }
  await swarmCall(backend.node.leaveSwarm(queryFlag(request.query, "force")));
  return empty(200);
}

async function update(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const version = queryVersion(request.query);
  const body = readClusterSpec(await readJson(request));
  const { cluster } = await backend.cluster.getCluster({});
  await clusterCall(
    backend.cluster.updateCluster({
      clusterId: cluster?.id ?? "",
      version: { index: version },
      spec: body,
      rotateWorkerToken: queryFlag(request.query, "rotateWorkerToken"),
      rotateManagerToken: queryFlag(request.query, "rotateManagerToken"),
      rotateUnlockKey: queryFlag(request.query, "rotateManagerUnlockKey"),
    }),
  );
  return empty(200);
}

async function unlockKey(_: RestRequest, { backend }: RestContext): Promise<Reply> {
  return ok({ UnlockKey: await backend.node.unlockKey() });
}

async function unlock(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const key = new JsonObject(await readJson(request)).text("UnlockKey");
  const { state } = backend.node.swarmState();
  if (state === "inactive") throw new HttpError(503, "This node is not part of a swarm");
  if (state !== "locked") throw new HttpError(409, "swarm is not locked");
  await backend.node.unlockSwarm(key);
  return empty(200);
}

function spec(body: unknown): unknown {
  const found =
    typeof body === "object" && body !== null
      ? Object.entries(body).find(([name]) => name.toLowerCase() === "spec")?.[1]
      : undefined;
  return found ?? {};
}

// What the swarm forbids in its present state is 503 in Docker, not a conflict.
async function swarmCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isClusterError(error, "FAILED_PRECONDITION")) throw new HttpError(503, error.message);
    throw fromLocal(error);
  }
}
