import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "../src/base/assert.ts";
import type { RaftMember } from "../src/raft/storage/snapshot-store.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";
import { end, pidsOf, type RunningGroup } from "./etcd.ts";
import type { MemberOptions, MemberReply, MemberRequest } from "./raft-member.ts";

const port = 2377;
const here = dirname(fileURLToPath(import.meta.url));

/** Where a program of this folder lies, compiled. */
export function programPath(name: string): string {
  return join(here, `${name}.js`);
}

/** Starts one of our members on each host; the first one makes the group and leads. */
export async function startGroup(
  hosts: readonly TestHost[],
  identities: readonly TlsIdentity[],
  nodeFlags: readonly string[] = [],
): Promise<RunningGroup> {
  const members: Member[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ child }) => end(child)));
  };
  try {
    for (const [at, host] of hosts.entries()) {
      const identity = must(identities[at], "an identity");
      const self = { raftId: at + 1, nodeId: identity.nodeId, address: `${host.ip}:${port}` };
      const first = members[0];
      if (first !== undefined) await first.add(self);
      members.push(
        new Member(host, identity, self, first === undefined ? [] : [first.self], nodeFlags),
      );
      await until("a member", 15_000, () => members.at(-1)?.ready);
    }
    const first = must(members[0], "a member");
    await until("all members voting", 15_000, () => first.voters === hosts.length);
    const pids = pidsOf(members.map(({ child }) => child));
    return { leader: first.self.address, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

class Member {
  readonly self: RaftMember;
  readonly child: ChildProcess;
  ready = false;
  voters = 1;
  #added = 0;

  constructor(
    host: TestHost,
    identity: TlsIdentity,
    self: RaftMember,
    peers: readonly RaftMember[],
    nodeFlags: readonly string[],
  ) {
    this.self = self;
    const folder = join(host.stateDir, "raft");
    const identityFile = join(host.stateDir, "identity.json");
    writeFileSync(identityFile, JSON.stringify(identity), { mode: 0o600 });
    const options: MemberOptions = { self, peers, folder, identityFile };
    const args = [...nodeFlags, programPath("raft-member"), JSON.stringify(options)];
    this.child = host.spawn(process.execPath, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.child.on("message", (reply: MemberReply) => {
      if (reply.kind === "ready") this.ready = true;
      else if (reply.kind === "voters") this.voters = reply.count;
      else this.#added += 1;
    });
  }

  async add(member: RaftMember): Promise<void> {
    const before = this.#added;
    const request: MemberRequest = { kind: "add", member };
    this.child.send(request);
    await until("an added member", 15_000, () => this.#added > before);
  }
}
