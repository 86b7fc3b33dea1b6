import { must } from "../src/base/assert.ts";
import type { TlsIdentity } from "../src/rpc/credentials.ts";
import type { TestHost } from "../test/support/test-hosts.ts";
import { until } from "../test/support/until.ts";
import type { RunningGroup } from "./etcd.ts";
import { MemberProcess, type MemberProgram, memberOf } from "./member-process.ts";

/** Our members, one on each host; the first one made the group and leads. */
export interface MemberGroup extends RunningGroup {
  readonly members: readonly MemberProcess[];
}

/** Starts one of our members on each host. */
export async function startGroup(
  program: MemberProgram,
  hosts: readonly TestHost[],
  identities: readonly TlsIdentity[],
): Promise<MemberGroup> {
  const members: MemberProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop()));
  };
  try {
    for (const [at, host] of hosts.entries()) {
      const first = members[0];
      const identity = must(identities[at], "an identity");
      const peers = first === undefined ? [] : [first.self];
      if (first !== undefined) await first.add(memberOf(host, identity, at + 1));
      const member = new MemberProcess(program, host, identity, at + 1, peers);
      members.push(member);
      await member.ready();
    }
    const first = must(members[0], "a member");
    await until("all members voting", 15_000, () => first.voters === hosts.length);
    const pids = members.map(({ pid }) => pid);
    return { members, leader: first.self.address, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
