import { assert } from "../../src/base/assert.ts";
import type { ConfState, Entry, Message } from "../../src/raft/core/types.ts";
import type { RaftMemoryStorage } from "./raft-memory-storage.ts";

/** All that ever happened in a simulated group, and what must hold of it (Raft Figure 3). */
export class RaftHistory {
  readonly #leaders = new Map<number, number>();
  readonly #votes = new Map<string, number>();
  /** By "index/term": what the entry is and the term before it. */
  readonly #entries = new Map<string, string>();
  readonly #committed = new Map<number, { term: number; commitTerm: number }>();
  readonly #applied = new Map<number, string>();
  readonly #configs = new Map<number, string>();
  readonly #hashes = new Map<number, number>([[0, 0]]);
  maxCommitted = 0;
  elections = 0;

  /** Election safety; leader completeness: `log` holds all that lower terms have committed. */
  leader(id: number, term: number, log: RaftMemoryStorage): void {
    const other = this.#leaders.get(term);
    assert(other === undefined || other === id, `term ${term} has leaders ${other} and ${id}`);
    if (other === undefined) this.elections += 1;
    this.#leaders.set(term, id);
    for (const [index, entry] of this.#committed) {
      if (entry.commitTerm >= term || index <= log.truncated.index) continue;
      assert(
        log.term(index) === entry.term,
        `leader ${id} of term ${term} lacks committed entry ${index}/${entry.term}`,
      );
    }
  }

  /** One vote a term, over restarts. */
  vote(id: number, term: number, candidate: number): void {
    if (candidate === 0) return;
    const before = this.#votes.get(`${id}/${term}`);
    assert(
      before === undefined || before === candidate,
      `${id} voted in term ${term} for ${before} and ${candidate}`,
    );
    this.#votes.set(`${id}/${term}`, candidate);
  }

  /** Log matching, by induction over the entry before. */
  entry({ index, term, data, type }: Entry, previousTerm: number | undefined): void {
    assert(previousTerm !== undefined, `entry ${index} follows nothing`);
    const text = `${previousTerm} ${type} ${Buffer.from(data).toString()}`;
    const known = this.#entries.get(`${index}/${term}`);
    assert(known === undefined || known === text, `entry ${index}/${term} differs between logs`);
    this.#entries.set(`${index}/${term}`, text);
  }

  /** Committed is for ever, and held by a quorum. */
  commit(
    id: number,
    from: number,
    to: number,
    log: RaftMemoryStorage,
    term: number,
    isDurable: (index: number, term: number) => boolean,
  ): void {
    for (let index = Math.max(from + 1, log.firstIndex()); index <= to; index += 1) {
      const entryTerm = log.term(index);
      assert(entryTerm !== undefined, `${id} committed ${index}, which it does not have`);
      const known = this.#committed.get(index);
      assert(
        known === undefined || known.term === entryTerm,
        `${id} committed ${index}/${entryTerm}, but ${index}/${known?.term} was`,
      );
      if (known !== undefined) continue;
      assert(isDurable(index, entryTerm), `${id} committed ${index}/${entryTerm} without a quorum`);
      this.#committed.set(index, { term: entryTerm, commitTerm: term });
    }
    this.maxCommitted = Math.max(this.maxCommitted, to);
  }

  /** State machine safety; gives the state's hash after the entry. */
  apply(id: number, entry: Entry, hash: number): number {
    const text = `${entry.term} ${Buffer.from(entry.data).toString()}`;
    const known = this.#applied.get(entry.index);
    assert(known === undefined || known === text, `${id} applied another entry ${entry.index}`);
    this.#applied.set(entry.index, text);
    let next = Math.imul(hash ^ entry.index, 0x9e3779b1) ^ entry.term;
    for (const byte of entry.data) next = Math.imul(next ^ byte, 0x01000193);
    const knownHash = this.#hashes.get(entry.index);
    assert(knownHash === undefined || knownHash === next, `${id} diverges at ${entry.index}`);
    this.#hashes.set(entry.index, next);
    return next;
  }

  /** The state that a snapshot at `index` holds. */
  hashAt(index: number): number {
    const hash = this.#hashes.get(index);
    assert(hash !== undefined, `a snapshot at ${index}, which nobody applied`);
    return hash;
  }

  /** Whether this payload was applied anywhere. */
  wasApplied(index: number, data: string): boolean {
    return this.#applied.get(index)?.endsWith(` ${data}`) ?? false;
  }

  /** All members agree on who decides from an index on. */
  config(id: number, index: number, state: ConfState): void {
    const text = JSON.stringify(state);
    const known = this.#configs.get(index);
    assert(known === undefined || known === text, `${id} has another configuration at ${index}`);
    this.#configs.set(index, text);
  }

  /** Durable before acknowledged: called with the disk as it is when `message` leaves. */
  acknowledged(message: Message, disk: RaftMemoryStorage): void {
    const { type, from, to, term, index, reject } = message;
    if (reject || disk.hardState.term > term) return;
    if (type === "MsgAppResp") {
      assert(disk.lastIndex() >= index, `${from} acknowledged ${index} before it was durable`);
    } else if (type === "MsgVoteResp") {
      assert(disk.hardState.vote === to, `${from} granted a vote before it was durable`);
      this.vote(from, term, to);
    }
  }
}
