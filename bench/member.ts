import { readFileSync } from "node:fs";
import { systemClock } from "../src/base/clock.ts";
import { giveFreedMemoryBack } from "../src/base/freed-memory.ts";
import { collectOftenAndShortly, leaveLargeHeapAsItIs } from "../src/base/heap.ts";
import { silentLogger } from "../src/base/log.ts";
import { systemRandom } from "../src/base/random.ts";
import { RaftNode } from "../src/raft/node/raft-node.ts";
import { defaultRaftNodeOptions } from "../src/raft/node/raft-node-options.ts";
import type { StateMachine } from "../src/raft/node/state-machine.ts";
import { DataKeys } from "../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../src/raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../src/raft/storage/level-log.ts";
import type { RaftMember } from "../src/raft/storage/snapshot-store.ts";
import { GrpcTransport } from "../src/raft/transport/grpc-transport.ts";
import { serveRaft } from "../src/raft/transport/raft-service.ts";
import { ChannelPool } from "../src/rpc/channel-pool.ts";
import { fixedIdentity, type TlsIdentity } from "../src/rpc/credentials.ts";
import { RpcServer } from "../src/rpc/server.ts";
import { kvDefinition, type PutRequest } from "./kv.ts";

export interface MemberOptions {
  readonly self: RaftMember;
  /** Empty for the group's first member. */
  readonly peers: readonly RaftMember[];
  readonly folder: string;
  /** A TlsIdentity as JSON. */
  readonly identityFile: string;
}

/** What any member may be asked over IPC. */
export type MemberRequest =
  | { readonly kind: "add"; readonly member: RaftMember }
  /** large-state-member only. */
  | { readonly kind: "fill"; readonly tasks: number; readonly services: number }
  /** From now on the stretches of the event loop are told too; a twentieth of a core for one of the two watches alone. */
  | { readonly kind: "watchStretches" }
  /** With `restarts` the next report tells of what comes after this one. */
  | { readonly kind: "report"; readonly restarts?: true };
/** What it tells. */
export type MemberReply =
  | { readonly kind: "ready" }
  | { readonly kind: "added" }
  | { readonly kind: "voters"; readonly count: number }
  | { readonly kind: "filled"; readonly seconds: number }
  | MemberReport;

/** How a member is. */
export interface MemberReport {
  readonly kind: "report";
  readonly applied: number;
  readonly voters: number;
  readonly objects: number;
  readonly heapUsedBytes: number;
  /** Collections of the whole heap since the report that restarted the counting. */
  readonly fullCollections: number;
  /** Since then too; absent when they are not watched. */
  readonly stretches?: MemberStretches;
}

/** For how long the event loop stood still, ms. */
export interface MemberStretches {
  readonly longestMs: number;
  /** The same in the thread's CPU time, which other processes do not take part in. */
  readonly longestCpuMs: number;
  readonly p99Ms: number;
}

/**
 * One member of a group as its own process: the same server, node, log and transport as in the daemon. KV.Put answers once `put` does.
 * Its options are the process's first argument, as JSON.
 */
export async function runMember(
  stateMachine: StateMachine,
  put: (request: PutRequest) => Promise<unknown>,
  snapshotEntries: number = defaultRaftNodeOptions.snapshotEntries(),
): Promise<RaftNode> {
  collectOftenAndShortly(); // as the daemon does
  leaveLargeHeapAsItIs();
  giveFreedMemoryBack();
  const options = JSON.parse(process.argv[2] ?? "{}") as MemberOptions;
  const identity = fixedIdentity(
    JSON.parse(readFileSync(options.identityFile, "utf8")) as TlsIdentity,
  );
  const [log, clock, random] = [silentLogger, systemClock, systemRandom];
  const server = new RpcServer({ identity, log });
  const channels = new ChannelPool({ identity, log });
  const { raftId } = options.self;
  const transport = new GrpcTransport({ raftId }, { channels, clock, random, log });
  serveRaft(server, { raftId, handler: () => transport.handler });
  await server.listen(options.self.address);
  // Of no value: it only has to be the same after a restart.
  const seal = new DataKeys([{ id: 1, key: Buffer.alloc(32, 1) }], random);
  const node = await RaftNode.start(
    {
      ...defaultRaftNodeOptions,
      ...options.self,
      bootstrap: options.peers.length === 0,
      peers: options.peers,
      snapshotEntries: () => snapshotEntries,
    },
    {
      storage: await LevelLog.open(options.folder, { seal }),
      snapshots: await FileSnapshotStore.open(`${options.folder}/snapshots`, { seal, log }),
      transport,
      stateMachine,
      clock,
      random,
      log,
    },
  );
  void node.failed.then((reason) => {
    console.error(reason);
    process.exit(1);
  });
  if (options.peers.length === 0) await leading(node);
  const answer = async (request: PutRequest): Promise<object> => {
    await put(request);
    return {};
  };
  server.add("KV", { put: answer }, { Put: "manager" }, kvDefinition);
  node.onMembers(() => tell({ kind: "voters", count: node.status().voters.length }));
  process.on("message", (request: MemberRequest) => {
    if (request.kind === "add") {
      void node.addMember(request.member).then(() => tell({ kind: "added" }));
    }
  });
  for (const event of ["SIGTERM", "disconnect"]) process.on(event, () => process.exit(0));
  return node;
}

async function leading(node: RaftNode): Promise<void> {
  if (node.status().isLeader) return;
  await new Promise<void>((resolve) => {
    node.onLeadership(({ isLeader }) => {
      if (isLeader) resolve();
    });
  });
}

/** To the parent. */
export function tell(reply: MemberReply): void {
  process.send?.(reply);
}
