import { readFileSync } from "node:fs";
import { systemClock } from "../src/base/clock.ts";
import { silentLogger } from "../src/base/log.ts";
import { systemRandom } from "../src/base/random.ts";
import { RaftNode } from "../src/raft/node/raft-node.ts";
import { defaultRaftNodeOptions } from "../src/raft/node/raft-node-options.ts";
import { DataKeys } from "../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../src/raft/storage/file-snapshot-store.ts";
import { LevelLog } from "../src/raft/storage/level-log.ts";
import type { RaftMember } from "../src/raft/storage/snapshot-store.ts";
import { GrpcTransport } from "../src/raft/transport/grpc-transport.ts";
import { raftService } from "../src/raft/transport/raft-service.ts";
import { ChannelPool } from "../src/rpc/channel-pool.ts";
import { fixedIdentity, type TlsIdentity } from "../src/rpc/credentials.ts";
import { RpcServer } from "../src/rpc/server.ts";
import { encodePut, kvDefinition, type PutRequest } from "./kv.ts";
import { KvMachine } from "./kv-machine.ts";

// One member of a group as its own process: the same server, node, log and transport as in the daemon, with a map as the state and one
// method, KV.Put, that answers once the entry is applied here. Usage: raft-member OPTIONS-AS-JSON; the parent talks over IPC.

export interface MemberOptions {
  readonly self: RaftMember;
  /** Empty for the group's first member. */
  readonly peers: readonly RaftMember[];
  readonly folder: string;
  /** A TlsIdentity as JSON. */
  readonly identityFile: string;
}

/** What the parent may ask. */
export type MemberRequest = { readonly kind: "add"; readonly member: RaftMember };
/** What it is told. */
export type MemberReply =
  | { readonly kind: "ready" }
  | { readonly kind: "added" }
  | { readonly kind: "voters"; readonly count: number };

const options = JSON.parse(process.argv[2] ?? "{}") as MemberOptions;
const identity = fixedIdentity(
  JSON.parse(readFileSync(options.identityFile, "utf8")) as TlsIdentity,
);
const [log, clock, random] = [silentLogger, systemClock, systemRandom];
const server = new RpcServer({ identity, log });
const channels = new ChannelPool({ identity, log });
const { raftId } = options.self;
const transport = new GrpcTransport({ raftId }, { channels, clock, random, log });
const raft = raftService({ raftId, handler: () => transport.handler });
server.add(raft.service, raft.handlers, raft.roles);
await server.listen(options.self.address);

const seal = DataKeys.create(random);
const node = await RaftNode.start(
  {
    ...defaultRaftNodeOptions,
    ...options.self,
    bootstrap: options.peers.length === 0,
    peers: options.peers,
    // As often as etcd makes one.
    snapshotEntries: 100_000,
  },
  {
    storage: await LevelLog.open(options.folder, { seal }),
    snapshots: await FileSnapshotStore.open(`${options.folder}/snapshots`, { seal, log }),
    transport,
    stateMachine: new KvMachine(),
    clock,
    random,
    log,
  },
);
void node.failed.then((reason) => {
  console.error(reason);
  process.exit(1);
});
const put = async (request: PutRequest): Promise<object> => {
  await node.propose(encodePut(request));
  return {};
};
server.add("KV", { put }, { Put: "manager" }, kvDefinition);

node.onMembers(tellVoters);
process.on("message", (request: MemberRequest) => {
  void node.addMember(request.member).then(() => tell({ kind: "added" }));
});
for (const event of ["SIGTERM", "disconnect"]) process.on(event, () => process.exit(0));
tell({ kind: "ready" });

function tellVoters(): void {
  tell({ kind: "voters", count: node.status().voters.length });
}

function tell(reply: MemberReply): void {
  process.send?.(reply);
}
