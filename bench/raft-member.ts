import type { RaftNode } from "../src/raft/node/raft-node.ts";
import { encodePut } from "./kv.ts";
import { KvMachine } from "./kv-machine.ts";
import { runMember, tell } from "./member.ts";

// A member with a map as its state: a put is one entry of the log. Usage: raft-member OPTIONS-AS-JSON

/** As often as etcd makes one. */
const snapshotEntries = 100_000;

const node: RaftNode = await runMember(
  new KvMachine(),
  (request) => node.propose(encodePut(request)),
  snapshotEntries,
);
tell({ kind: "ready" });
