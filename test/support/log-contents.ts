import { assert } from "../../src/base/assert.ts";
import type { Entry, HardState } from "../../src/raft/core/types.ts";
import type { LogPosition, LogWrite } from "../../src/raft/storage/raft-storage.ts";

/** What a log holds; never changed, only replaced. */
export interface LogContents {
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  readonly entries: readonly Entry[];
}

/** A log that nothing was written to. */
export const emptyLog: LogContents = {
  hardState: { term: 0, vote: 0, commit: 0 },
  truncated: { index: 0, term: 0 },
  entries: [],
};

/** The term that a log has at this index; undefined when it is not there (or compacted). */
export function termIn({ truncated, entries }: LogContents, index: number): number | undefined {
  if (index === truncated.index) return truncated.term;
  return entries[index - truncated.index - 1]?.term;
}

/** The log once this is written. */
export function afterWrite(
  now: LogContents,
  { hardState, entries, restart }: LogWrite,
): LogContents {
  const truncated = restart ?? now.truncated;
  const kept = restart === undefined ? now.entries : [];
  const first = entries[0]?.index ?? truncated.index + kept.length + 1;
  const keep = first - truncated.index - 1;
  assert(keep >= 0 && keep <= kept.length, `entry ${first} does not continue the log`);
  const all = entries.length === 0 ? kept : [...kept.slice(0, keep), ...entries];
  const state = hardState ?? now.hardState;
  assert(state.commit <= truncated.index + all.length, "the commit index is beyond the log");
  return { hardState: state, truncated, entries: all };
}

/** The log without its entries up to and with `index`. */
export function compacted(now: LogContents, index: number): LogContents {
  const count = index - now.truncated.index;
  if (count <= 0) return now;
  const last = now.entries[count - 1];
  assert(last !== undefined, `cannot compact to ${index}`);
  return { ...now, truncated: { index, term: last.term }, entries: now.entries.slice(count) };
}

/** Whether two logs hold the same, byte for byte. */
export function isSame(one: LogContents, other: LogContents): boolean {
  const { hardState: a } = one;
  const { hardState: b } = other;
  return (
    a.term === b.term &&
    a.vote === b.vote &&
    a.commit === b.commit &&
    one.truncated.index === other.truncated.index &&
    one.truncated.term === other.truncated.term &&
    one.entries.length === other.entries.length &&
    one.entries.every((entry, at) => isSameEntry(entry, other.entries[at]))
  );
}

function isSameEntry(one: Entry, other: Entry | undefined): boolean {
  if (one === other) return true;
  return (
    other !== undefined &&
    one.index === other.index &&
    one.term === other.term &&
    one.type === other.type &&
    Buffer.compare(one.data, other.data) === 0
  );
}
