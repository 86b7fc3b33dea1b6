import { unreachable } from "../../../base/assert.ts";
import { ClusterError } from "../../../base/errors.ts";
import type { ConfChange, ConfChangeSingle } from "../types.ts";
import { checkConfig, isJoint, type MemberConfig } from "./member-config.ts";

/** The configuration after `change`. FAILED_PRECONDITION when it does not fit `config`. */
export function changeConfig(config: MemberConfig, change: ConfChange): MemberConfig {
  if (change.changes.length === 0) return leaveJoint(config);
  if (change.transition === "TRANSITION_AUTO" && change.changes.length === 1) {
    return changeSimply(config, change.changes);
  }
  return enterJoint(config, change.transition !== "TRANSITION_JOINT_EXPLICIT", change.changes);
}

/** At most one voter comes or goes, so that old and new majorities overlap (Ongaro's thesis §4.1). */
export function changeSimply(
  config: MemberConfig,
  changes: readonly ConfChangeSingle[],
): MemberConfig {
  if (isJoint(config)) throw misfit("the configuration is joint; leave it first");
  const next = applyChanges(config, changes);
  if (symmetricDifference(config.incoming, next.incoming) > 1) {
    throw misfit("more than one voter changes; use a joint change");
  }
  return next;
}

/** From here until `leaveJoint` both the old and the new majority decide (Ongaro's thesis §4.3). */
export function enterJoint(
  config: MemberConfig,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
): MemberConfig {
  if (isJoint(config)) throw misfit("the configuration is joint already");
  if (config.incoming.size === 0) throw misfit("a group without voters cannot change");
  return applyChanges({ ...config, outgoing: new Set(config.incoming), autoLeave }, changes);
}

/** Only the new majority decides from here. */
export function leaveJoint(config: MemberConfig): MemberConfig {
  if (!isJoint(config)) throw misfit("the configuration is not joint");
  const next = {
    incoming: config.incoming,
    outgoing: new Set<number>(),
    learners: new Set([...config.learners, ...config.learnersNext]),
    learnersNext: new Set<number>(),
    autoLeave: false,
  };
  checkConfig(next);
  return next;
}

function applyChanges(config: MemberConfig, changes: readonly ConfChangeSingle[]): MemberConfig {
  const incoming = new Set(config.incoming);
  const learners = new Set(config.learners);
  const learnersNext = new Set(config.learnersNext);
  for (const { type, raftId } of changes) {
    if (raftId === 0) continue;
    switch (type) {
      case "CONF_ADD_NODE":
        incoming.add(raftId);
        learners.delete(raftId);
        learnersNext.delete(raftId);
        break;
      case "CONF_ADD_LEARNER":
        incoming.delete(raftId);
        // It votes in the outgoing half still, and cannot be both.
        if (config.outgoing.has(raftId)) learnersNext.add(raftId);
        else learners.add(raftId);
        break;
      case "CONF_REMOVE_NODE":
        incoming.delete(raftId);
        learners.delete(raftId);
        learnersNext.delete(raftId);
        break;
      case "CONF_UPDATE_NODE":
        break;
      default:
        unreachable(type);
    }
  }
  if (incoming.size === 0) throw misfit("no voter would be left");
  const next = { ...config, incoming, learners, learnersNext };
  checkConfig(next);
  return next;
}

function symmetricDifference(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let count = 0;
  for (const id of a) if (!b.has(id)) count += 1;
  for (const id of b) if (!a.has(id)) count += 1;
  return count;
}

function misfit(why: string): ClusterError {
  return new ClusterError("FAILED_PRECONDITION", `raft: membership cannot change so: ${why}`);
}
