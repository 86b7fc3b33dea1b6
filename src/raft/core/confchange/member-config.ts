import { assert } from "../../../base/assert.ts";
import type { JointVoters } from "../quorum/joint.ts";
import type { ConfState } from "../types.ts";

/** Who belongs to the group. Never changed in place. */
export interface MemberConfig extends JointVoters {
  readonly learners: ReadonlySet<number>;
  /** Outgoing voters that are learners after the joint configuration. */
  readonly learnersNext: ReadonlySet<number>;
  readonly autoLeave: boolean;
}

export function isJoint(config: MemberConfig): boolean {
  return config.outgoing.size > 0;
}

/** Whether `id` votes, in either half. */
export function isVoter(config: MemberConfig, id: number): boolean {
  return config.incoming.has(id) || config.outgoing.has(id);
}

/** All members, by id. */
export function memberIds(config: MemberConfig): number[] {
  const ids = new Set([...config.incoming, ...config.outgoing, ...config.learners]);
  return [...ids].sort((a, b) => a - b);
}

/** The configuration that a log or a snapshot names. */
export function restoreConfig(state: ConfState): MemberConfig {
  const config = {
    incoming: new Set(state.voters),
    outgoing: new Set(state.votersOutgoing),
    learners: new Set(state.learners),
    learnersNext: new Set(state.learnersNext),
    autoLeave: state.autoLeave,
  };
  checkConfig(config);
  return config;
}

/** The form that is stored; ids ascend. */
export function confStateOf(config: MemberConfig): ConfState {
  return {
    voters: sorted(config.incoming),
    learners: sorted(config.learners),
    votersOutgoing: sorted(config.outgoing),
    learnersNext: sorted(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

/** Asserts what holds for every configuration. */
export function checkConfig(config: MemberConfig): void {
  for (const id of config.learners) assert(!isVoter(config, id), `member ${id} votes and learns`);
  for (const id of config.learnersNext) {
    assert(config.outgoing.has(id), `member ${id} is to learn but is not an outgoing voter`);
    assert(!config.incoming.has(id), `member ${id} is to learn and to vote`);
  }
  if (!isJoint(config)) assert(!config.autoLeave, "only a joint configuration can be left");
}

function sorted(ids: ReadonlySet<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}
