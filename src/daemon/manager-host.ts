import type { Clock } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Meter } from "../base/meter.ts";
import type { Random } from "../base/random.ts";
import type { NewCluster } from "../manager/cluster-init.ts";
import { Manager, type RaftParts } from "../manager/manager.ts";
import { changesWhoMayCall } from "../manager/who-may-call.ts";
import { RaftNode } from "../raft/node/raft-node.ts";
import { defaultRaftNodeOptions, type RaftNodeStatus } from "../raft/node/raft-node-options.ts";
import { GrpcTransport } from "../raft/transport/grpc-transport.ts";
import { serveRaft } from "../raft/transport/raft-service.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { IdentitySource } from "../rpc/credentials.ts";
import { RpcServer } from "../rpc/server.ts";
import type { KeyVault } from "./key-vault.ts";
import { openRaftDisk } from "./raft-disk.ts";
import type { MemberState } from "./state-dir.ts";
import { UnlockKeyFollower } from "./unlock-key-follower.ts";

const stopGraceMs = 1_000;

export interface ManagerHostOptions {
  readonly state: MemberState;
  /** Folder of log and snapshots. */
  readonly folder: string;
  /** Set on the first manager of a new cluster, at its first start. */
  readonly bootstrap: NewCluster | undefined;
}

export interface ManagerHostDeps {
  readonly identity: IdentitySource;
  readonly channels: ChannelPool;
  readonly managers: () => readonly string[];
  /** Seals what raft keeps, and is locked as the cluster wants it. */
  readonly vault: KeyVault;
  /** Keeps the raft id that the leader gave, before raft starts with it. */
  readonly onRaftId: (raftId: number) => Promise<void>;
  /** Another manager says that this one does not belong to the cluster any more, and why. */
  readonly onRefused: (reason: string) => void;
  /** The log can no longer be written: the daemon must end and start anew. */
  readonly onRaftFailed: (error: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly meter: Meter;
}

/** The manager of this node with all it stands on: gRPC server, log, snapshots, raft. */
export class ManagerHost {
  readonly manager: Manager;
  readonly #server: RpcServer;
  readonly #closing: (() => Promise<void>)[];
  readonly #raft: () => RaftNode | undefined;

  private constructor(
    manager: Manager,
    server: RpcServer,
    closing: (() => Promise<void>)[],
    raft: () => RaftNode | undefined,
  ) {
    this.manager = manager;
    this.#server = server;
    this.#closing = closing;
    this.#raft = raft;
  }

  /** Where raft is, for metrics. */
  raftStatus(): RaftNodeStatus | undefined {
    return this.#raft()?.status();
  }

  /** Listens, joins raft where needed, and resolves when the manager takes part. */
  static async start(options: ManagerHostOptions, deps: ManagerHostDeps): Promise<ManagerHost> {
    const { identity, clock, log } = deps;
    const closing: (() => Promise<void>)[] = [];
    let manager: Manager | undefined;
    let raft: RaftNode | undefined;
    const server = new RpcServer({
      identity,
      clock,
      log,
      refuse: (peer) => manager?.refusalOf(peer),
      roleOf: (peer, validFromMs) => manager?.roleOf(peer, validFromMs) ?? peer.role,
    });
    try {
      await server.listen(options.state.listenAddress);
      manager = await Manager.start(
        {
          nodeId: options.state.nodeId,
          raftId: options.state.raftId,
          address: options.state.advertiseAddress,
          ...(options.bootstrap === undefined ? {} : { bootstrap: options.bootstrap }),
          ...(options.state.takingOver === undefined ? {} : { takeOver: identity.current() }),
        },
        {
          ...deps,
          server,
          startRaft: async (parts) => {
            raft = await startRaft(parts, options, { ...deps, server, closing });
            return raft;
          },
        },
      );
      closing.push(cutWhoMayNotCall(manager, server));
      checkCluster(manager, options.state);
      const follower = new UnlockKeyFollower({ ...deps, store: manager.store });
      follower.start();
      closing.push(() => follower.stop());
      return new ManagerHost(manager, server, closing, () => raft);
    } catch (error) {
      await manager?.stop();
      await server.stop(0);
      for (const close of closing.reverse()) await close();
      throw error;
    }
  }

  /** Hands leadership over, ends taking part and closes the log. */
  async stop(): Promise<void> {
    await this.manager.stop();
    await this.#server.stop(stopGraceMs);
    for (const close of this.#closing.reverse()) await close();
  }
}

// The seal tells files of others apart, but not a log of the first format, which had none.
function checkCluster(manager: Manager, { clusterId }: MemberState): void {
  const found = manager.store.view().cluster()?.id ?? clusterId;
  if (found === clusterId) return;
  throw new ClusterError(
    "DATA_LOSS",
    `the raft log of this manager is of cluster ${found}, but the node is in cluster ${clusterId}; put back the folder that was here, or leave the swarm with force and join again`,
  );
}

async function startRaft(
  parts: RaftParts,
  { folder, state }: ManagerHostOptions,
  deps: ManagerHostDeps & { server: RpcServer; closing: (() => Promise<void>)[] },
): Promise<RaftNode> {
  const { channels, clock, random, log, server, closing } = deps;
  const { storage, snapshots } = await openRaftDisk(folder, deps);
  const { raftId, isRemoved } = parts;
  const transport = new GrpcTransport(
    { raftId, isRemoved },
    { channels, clock, random, log, onRefused: deps.onRefused },
  );
  const stopServing = serveRaft(server, { raftId, handler: () => transport.handler });
  closing.push(async () => stopServing());
  const node = await RaftNode.start(
    {
      ...defaultRaftNodeOptions,
      snapshotEntries: () => parts.snapshotEntries() || defaultRaftNodeOptions.snapshotEntries(),
      raftId,
      nodeId: state.nodeId,
      address: state.advertiseAddress,
      bootstrap: parts.isBootstrap,
      forceNewCluster: state.takingOver === "force-new-cluster",
      peers: parts.peers,
    },
    { storage, snapshots, transport, stateMachine: parts.stateMachine, clock, random, log },
  ).catch(async (error: unknown) => {
    await storage.close(); // else nobody could open it again
    throw error;
  });
  node.failed.then(
    (error) => deps.onRaftFailed(error),
    (error: unknown) => log.error({ err: errorMessage(error) }, "raft ended in an unknown way"),
  );
  return node;
}

// On every manager, not only on the leader: each has learnt of a removal by its own store.
function cutWhoMayNotCall({ store }: Manager, server: RpcServer): () => Promise<void> {
  const end = store.subscribe((events) => {
    // Not while the entry is being applied: the view must show all of it.
    if (events.some(changesWhoMayCall)) queueMicrotask(() => server.recheck());
  });
  return async () => end();
}
