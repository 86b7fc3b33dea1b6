import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { LogMessage } from "../gen/skep/LogMessage.ts";
import { toTimestamp } from "../model/time.ts";
import type { ClusterApi } from "../rest/backend/cluster-api.ts";
import type { LocalNetworks } from "../rest/backend/networks.ts";
import type { Backend, LocalNode, ServiceLogsRequest } from "../rest/backend.ts";
import { serviceDefinition } from "../rpc/load-proto.ts";
import type { HandMadeContainers } from "../worker/containers/hand-made-containers.ts";
import { assignedNetwork } from "./assigned-networks.ts";
import { makeBackup } from "./backup.ts";
import type { DaemonConfig } from "./config.ts";
import type { HostParts } from "./host-parts.ts";
import { NodeContainers } from "./local-containers.ts";
import type { LocalEvents } from "./local-events.ts";
import { NodeImages } from "./local-images.ts";
import { NodeVolumes } from "./local-volumes.ts";
import { nodeInfo, versionData } from "./node-info.ts";
import type { Swarm } from "./swarm.ts";

export interface BackendDeps {
  readonly config: DaemonConfig;
  readonly engineId: string;
  readonly hostname: string;
  readonly host: HostParts;
  readonly swarm: Swarm;
  readonly events: LocalEvents;
  readonly handMade: HandMadeContainers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Fulfils what REST needs with the daemon's parts. */
export function makeBackend(deps: BackendDeps): Backend {
  return { cluster: clusterApi(deps.swarm), node: makeLocalNode(deps) };
}

/** The control API of the manager on this node, looked for at each call: the node's role may change. */
function clusterApi(swarm: Swarm): ClusterApi {
  const names = Object.keys(serviceDefinition("Control")).filter((name) => name !== "Watch");
  const methods = names.map((name) => {
    const key = (name.charAt(0).toLowerCase() + name.slice(1)) as Exclude<
      keyof ClusterApi,
      "watch"
    >;
    const call = async (request: object): Promise<unknown> =>
      await (managerOf(swarm).control[key] as (request: object) => Promise<unknown>)(request);
    return [key, call];
  });
  const unary = Object.fromEntries(methods) as Omit<ClusterApi, "watch">;
  return { ...unary, watch: (signal, sinceMs) => managerOf(swarm).control.watch(signal, sinceMs) };
}

function makeLocalNode(deps: BackendDeps): LocalNode {
  const { config, engineId, hostname, host, swarm, events, clock, random, log } = deps;
  return {
    info: async () => nodeInfo({ engineId, hostname, config, host: host.runtime.host }),
    version: () => versionData(),
    swarmState: () => swarm.state(),
    initSwarm: (options) => swarm.init(options),
    joinSwarm: (options, signal) => swarm.join(options, signal),
    leaveSwarm: (force) => swarm.leave(force),
    backupSwarm: ({ stale }) =>
      makeBackup(managerOf(swarm), { nodeId: swarm.state().nodeId, stale }, { clock, random }),
    restoreSwarm: (options, file) => swarm.restore(options, file),
    unlockSwarm: (key) => swarm.unlock(key),
    unlockKey: () => managerOf(swarm).unlockKey(),
    images: new NodeImages({
      images: host.images,
      events,
      registries: { insecureRegistries: config.insecureRegistries, clock },
    }),
    containers: new NodeContainers({
      runtime: host.runtime,
      images: host.images,
      networks: host.localNetworks,
      handMade: deps.handMade,
      worker: () => swarm.member()?.worker(),
      events,
      clock,
      log,
    }),
    volumes: new NodeVolumes(host.volumes, random),
    networks: localNetworks(host.localNetworks, swarm),
    events: (sinceMs, signal) => events.follow(sinceMs, signal),
    serviceLogs: (request, signal) => serviceLogs(swarm, request, signal),
  };
}

async function* serviceLogs(
  swarm: Swarm,
  request: ServiceLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogMessage, void, void> {
  const { stdout, stderr, follow, tail, sinceMs, untilMs } = request;
  const stream = managerOf(swarm).logs.subscribe(
    {
      selector: { serviceIds: [...request.serviceIds], taskIds: [...request.taskIds] },
      options: {
        streams: [
          ...(stdout ? (["STDOUT"] as const) : []),
          ...(stderr ? (["STDERR"] as const) : []),
        ],
        follow,
        tail,
        since: sinceMs === undefined ? null : toTimestamp(sinceMs),
        until: untilMs === undefined ? null : toTimestamp(untilMs),
      },
    },
    signal,
  );
  for await (const { messages } of stream) yield* messages;
}

function managerOf(swarm: Swarm) {
  const manager = swarm.member()?.manager();
  if (manager === undefined) {
    throw new ClusterError("UNAVAILABLE", "this node is not a swarm manager; ask one that is");
  }
  return manager;
}

function localNetworks(networks: HostParts["localNetworks"], swarm: Swarm): LocalNetworks {
  return {
    ofSwarm: () =>
      [...(swarm.member()?.worker()?.assigned().network.values() ?? [])].map(assignedNetwork),
    list: async () =>
      networks.list().map(({ subnet, gateway, ipRange, reserved, ...network }) => ({
        ...network,
        ipam: subnet === "" ? [] : [{ subnet, gateway, ipRange, reserved }],
      })),
    create: async (options) => (await networks.create(options)).id,
    remove: (id) => networks.remove(id),
  };
}
