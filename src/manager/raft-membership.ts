import { must } from "../base/assert.ts";
import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, errorMessage, isClusterError } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { HealthCheckRequestInput } from "../gen/skep/HealthCheckRequest.ts";
import type { HealthCheckResponse } from "../gen/skep/HealthCheckResponse.ts";
import type { JoinRaftRequestInput } from "../gen/skep/JoinRaftRequest.ts";
import type { JoinRaftResponse } from "../gen/skep/JoinRaftResponse.ts";
import type { RaftMember } from "../gen/skep/RaftMember.ts";
import type { RaftMembershipHandlers } from "../gen/skep/RaftMembership.ts";
import type { ServiceHandlers } from "../rpc/api.ts";
import type { CallContext } from "../rpc/call.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { RoleRule } from "../rpc/roles.ts";
import type { Store } from "../store/store.ts";
import { notLeader } from "./control/control-server.ts";
import { leaderAddressOf, type RaftControl } from "./raft-control.ts";
import { removedRaftIds } from "./removed-members.ts";

const dialBackMs = 5_000;
const joinCallMs = 15_000;
const raftIdBytes = 6;
const refusalsMax = 5;

export interface RaftMembershipDeps {
  readonly raft: () => RaftControl | undefined;
  readonly store: Pick<Store, "view">;
  readonly channels: Pick<ChannelPool, "unary">;
  readonly random: Random;
}

export const raftMembershipRoles = {
  Join: "manager",
  Leave: "manager",
  ResolveAddress: "manager",
} as const satisfies Readonly<Record<string, RoleRule>>;

/** The RaftMembership service: managers come and go by asking the leader. */
export function raftMembershipHandlers(
  deps: RaftMembershipDeps,
): ServiceHandlers<RaftMembershipHandlers> {
  const leading = (): RaftControl => {
    const raft = deps.raft();
    if (raft === undefined || !raft.status().isLeader) {
      throw notLeader(raft === undefined ? undefined : leaderAddressOf(raft));
    }
    return raft;
  };
  return {
    async join({ address }, context) {
      const raft = leading();
      const joiner = { nodeId: nodeIdOf(context), address: dialableAddress(address, context) };
      checkWanted(deps.store, joiner.nodeId);
      await dialBack(deps.channels, joiner.address);
      const raftId = await takeIn(raft, joiner, deps);
      return { raftId, members: [...raft.status().members] };
    },
    async leave({ nodeId }, context) {
      if (nodeId !== nodeIdOf(context)) {
        throw new ClusterError("PERMISSION_DENIED", "a manager can only take itself out of raft");
      }
      const raft = leading();
      const member = raft.status().members.find((other) => other.nodeId === nodeId);
      if (member !== undefined) await raft.removeMember(member.raftId);
      return {};
    },
    async resolveAddress({ raftId }) {
      const member = deps
        .raft()
        ?.status()
        .members.find((other) => other.raftId === raftId);
      if (member === undefined) {
        throw new ClusterError("NOT_FOUND", `raft member ${raftId} is not known`);
      }
      return { address: member.address };
    },
  };
}

export interface JoinRaftDeps {
  readonly channels: Pick<ChannelPool, "unary">;
  /** Addresses of managers, the most likely leader first. */
  readonly managers: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Asks the leader to take this manager in, until it does or `signal` is aborted. Its server must be listening at `address`. */
export async function joinRaft(
  address: string,
  deps: JoinRaftDeps,
  signal: AbortSignal,
): Promise<{ readonly raftId: number; readonly members: readonly RaftMember[] }> {
  const backoff = new Backoff({ initialMs: 100, maxMs: 2_000, random: deps.random });
  let refusals = 0;
  for (;;) {
    const waiting = [...deps.managers()];
    let redirects = 0;
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
      signal.throwIfAborted();
      try {
        return await deps.channels.unary<JoinRaftRequestInput, JoinRaftResponse>(
          at,
          "RaftMembership",
          "Join",
          { address },
          { timeoutMs: joinCallMs, signal },
        );
      } catch (error) {
        if (isClusterError(error, "INVALID_ARGUMENT")) throw error;
        if (isClusterError(error, "PERMISSION_DENIED")) {
          // A follower that has not heard yet of this node's new role says so too.
          refusals += 1;
          if (refusals >= refusalsMax) throw error;
        }
        deps.log.info({ manager: at, err: errorMessage(error) }, "raft not joined yet");
        const leader = isClusterError(error, "NOT_LEADER") ? error.details["leaderAddress"] : "";
        redirects += 1;
        if (leader !== undefined && leader !== "" && redirects <= 3) waiting.unshift(leader);
      }
    }
    await sleep(deps.clock, backoff.nextMs(), signal);
  }
}

/**
 * The raft id of the joiner. A joiner whose first answer was lost is still a learner and gets the same one. One that was a voter has
 * lost its log, and with it its votes: it must never come back under its old id.
 */
async function takeIn(
  raft: RaftControl,
  joiner: { readonly nodeId: string; readonly address: string },
  { store, random }: Pick<RaftMembershipDeps, "store" | "random">,
): Promise<number> {
  const { members, learners } = raft.status();
  const known = members.find(({ nodeId }) => nodeId === joiner.nodeId);
  const isLearner = known !== undefined && learners.includes(known.raftId);
  if (known !== undefined && !isLearner) await raft.removeMember(known.raftId);
  const used = new Set(removedRaftIds(store.view().cluster()));
  for (const { raftId } of members) used.add(raftId);
  const raftId = isLearner ? known.raftId : newRaftId(used, random);
  await raft.addMember({ ...joiner, raftId });
  return raftId;
}

/** Random and not among `used`: an id never comes back, whoever had it. */
export function newRaftId(used: ReadonlySet<number>, random: Random): number {
  for (;;) {
    const raftId = Buffer.from(random.bytes(raftIdBytes)).readUIntBE(0, raftIdBytes);
    if (raftId !== 0 && !used.has(raftId)) return raftId;
  }
}

function checkWanted(store: Pick<Store, "view">, nodeId: string): void {
  const node = store.view().get("node", nodeId);
  if (node?.spec?.desiredRole === "MANAGER" && node.role === "MANAGER") return;
  throw new ClusterError("PERMISSION_DENIED", `node ${nodeId} is not meant to be a manager`);
}

async function dialBack(channels: Pick<ChannelPool, "unary">, address: string): Promise<void> {
  try {
    await channels.unary<HealthCheckRequestInput, HealthCheckResponse>(
      address,
      "Health",
      "Check",
      { service: "Raft" },
      { timeoutMs: dialBackMs },
    );
  } catch (error) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `could not connect to prospective new cluster member using its advertised address: ${address}: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

/** A joiner that listens everywhere is dialled where its call came from. */
function dialableAddress(address: string, { remoteAddress }: CallContext): string {
  const { host, port } = splitHostPort(address, 2377);
  if (host !== "0.0.0.0" && host !== "::") return address;
  return `${remoteAddress.replace(/:\d+$/, "")}:${port}`;
}

function nodeIdOf({ peer }: CallContext): string {
  return must(peer, "the caller's certificate").nodeId;
}
