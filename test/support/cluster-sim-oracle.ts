import { crc32 } from "node:zlib";
import type { Entry, Message } from "../../src/raft/core/types.ts";
import type { LogWrite } from "../../src/raft/storage/raft-storage.ts";
import { encodeObject } from "../../src/store/object-codecs.ts";
import { type ObjectOf, type TableName, tableNames } from "../../src/store/objects.ts";
import type { StoreView } from "../../src/store/store-view.ts";
import { type LogContents, termIn } from "./log-contents.ts";
import type { SimDisk } from "./sim-disk.ts";

interface AppliedAt {
  readonly term: number;
  readonly crc: number;
  outcome: string | undefined;
}

/** Every so many entries the whole states are compared. */
const compareEvery = 32;

/** Sees all that leaves a member, reaches a disk or is applied, and knows what may never be. */
export class ClusterOracle {
  elections = 0;
  maxApplied = 0;
  readonly #disks = new Map<number, SimDisk>();
  readonly #leaders = new Map<number, number>();
  readonly #votes = new Map<string, number>();
  readonly #entries = new Map<string, { readonly crc: number; readonly termBefore: number }>();
  readonly #applied = new Map<number, AppliedAt>();
  readonly #states = new Map<number, { readonly crc: number; readonly by: number }>();
  readonly #count: (event: string) => void;
  readonly #report: (violation: string) => void;

  /** `report` hears of each promise that was broken. It must not throw: members would take that for their own fault. */
  constructor(count: (event: string) => void, report: (violation: string) => void) {
    this.#count = count;
    this.#report = report;
  }

  attach(raftId: number, disk: SimDisk): void {
    this.#disks.set(raftId, disk);
    disk.onWrite = (write, before) => this.#written(raftId, write, before);
  }

  /** It never comes back. */
  detach(raftId: number): void {
    this.#disks.delete(raftId);
  }

  /** All members hold everything: what lies behind them need not be remembered. */
  forget(): void {
    const last = this.#applied.get(this.maxApplied);
    this.#applied.clear();
    if (last !== undefined) this.#applied.set(this.maxApplied, last);
    for (const past of [this.#entries, this.#states, this.#votes]) past.clear();
  }

  sent(from: number, message: Message): void {
    const { type, term, to, index, reject } = message;
    const disk = this.#disks.get(from);
    if (disk === undefined) return;
    if (type === "MsgApp" || type === "MsgHeartbeat") this.#leads(from, term, disk);
    if (type === "MsgVoteResp" && !reject) {
      const key = `${from}@${term}`;
      const before = this.#votes.get(key);
      if (before !== undefined && before !== to) {
        this.#report(`${from} voted for ${before} and for ${to} in term ${term}`);
      }
      this.#votes.set(key, to);
      const { hardState } = disk.synced;
      const isKept = hardState.term > term || (hardState.term === term && hardState.vote === to);
      if (!isKept) this.#report(`${from}'s vote for ${to} in term ${term} is not durable`);
    }
    if (type === "MsgAppResp" && !reject && term === disk.synced.hardState.term) {
      const { truncated, entries } = disk.synced;
      if (index > truncated.index + entries.length) {
        this.#report(`${from} acknowledged entry ${index}, which is not durable`);
      }
    }
  }

  /**
   * Before a member's state machine gets the entry. `voters`: in force at that member now, and before the last change: changes
   * come into force when they are applied, and what follows them may have been agreed on before that.
   */
  applying(
    raftId: number,
    entry: { readonly index: number; readonly term: number; readonly data: Uint8Array },
    voters: () => readonly (readonly number[])[],
  ): void {
    const { index, term, data } = entry;
    const crc = crc32(data);
    const known = this.#applied.get(index);
    if (known === undefined) {
      this.#applied.set(index, { term, crc, outcome: undefined });
      this.maxApplied = Math.max(this.maxApplied, index);
      this.#mustBeDurable(index, term, voters());
    } else if (known.term !== term || known.crc !== crc) {
      this.#report(`${raftId} applies another entry at ${index} than others did`);
    }
  }

  /** What came of it must be the same everywhere, and so must the state. */
  applied(raftId: number, index: number, outcome: string, view: StoreView): void {
    const known = this.#applied.get(index);
    if (known !== undefined) {
      known.outcome ??= outcome;
      if (known.outcome !== outcome) {
        this.#report(`entry ${index}: ${known.outcome}, but ${outcome} on ${raftId}`);
      }
    }
    if (index % compareEvery === 0) this.compare(raftId, index, view);
  }

  /** The state after `index` must be the same everywhere. */
  compare(raftId: number, index: number, view: StoreView): void {
    const crc = fingerprint(view);
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { crc, by: raftId });
    else {
      this.#count("states compared");
      if (known.crc !== crc) {
        this.#report(`the state after ${index} differs between ${known.by} and ${raftId}`);
      }
    }
  }

  #leads(raftId: number, term: number, disk: SimDisk): void {
    const known = this.#leaders.get(term);
    if (known === raftId) return;
    if (known !== undefined) {
      this.#report(`${known} and ${raftId} lead in term ${term}`);
      return;
    }
    this.#leaders.set(term, raftId);
    this.elections += 1;
    this.#count("election won");
    const committed = this.#applied.get(this.maxApplied);
    if (committed === undefined || committed.term >= term) return;
    const { truncated } = disk.written;
    const has =
      truncated.index >= this.maxApplied || disk.writtenTerm(this.maxApplied) === committed.term;
    if (!has) {
      this.#report(`${raftId} leads in term ${term} without entry ${this.maxApplied}`);
    }
  }

  #written(raftId: number, { entries }: LogWrite, before: LogContents): void {
    const disk = this.#disks.get(raftId);
    for (const entry of entries) {
      const { index, term } = entry;
      const termBefore = disk?.writtenTerm(index - 1);
      if (termBefore !== undefined) this.#checkEntry(raftId, entry, termBefore);
      const known = this.#applied.get(index);
      if (known !== undefined && known.term !== term && termIn(before, index) === known.term) {
        this.#report(`${raftId} overwrites the entry at ${index}, which was applied`);
      }
    }
  }

  /** Equal index and term: equal entry, and by induction an equal prefix. */
  #checkEntry(raftId: number, { index, term, data }: Entry, termBefore: number): void {
    const key = `${index}@${term}`;
    const crc = crc32(data);
    const known = this.#entries.get(key);
    if (known === undefined) this.#entries.set(key, { crc, termBefore });
    else if (known.crc !== crc || known.termBefore !== termBefore) {
      this.#report(`${raftId} has another entry ${index} of term ${term} than others`);
    }
  }

  #mustBeDurable(index: number, term: number, configs: readonly (readonly number[])[]): void {
    const isHolder = (id: number): boolean => {
      const disk = this.#disks.get(id);
      if (disk === undefined) return false;
      return disk.synced.truncated.index >= index || disk.syncedTerm(index) === term;
    };
    const isQuorum = (voters: readonly number[]): boolean =>
      2 * voters.filter(isHolder).length > voters.length;
    if (configs.some(isQuorum)) return;
    const holders = [...this.#disks.keys()].filter(isHolder).join();
    const text = `entry ${index} of term ${term} is applied, but durable only on ${holders}`;
    this.#report(`${text}; voters: ${JSON.stringify(configs)}`);
  }
}

/** Stored objects never change (they are frozen), so each is looked at once. */
const checksums = new WeakMap<object, number>();

/** The same for the same state, whichever way it came about. */
export function fingerprint(view: StoreView): number {
  let sum = 0;
  for (const table of tableNames) {
    for (const object of view.all(table)) sum = (sum + checksum(table, object)) >>> 0;
  }
  return sum;
}

function checksum<T extends TableName>(table: T, object: ObjectOf[T]): number {
  const known = checksums.get(object);
  if (known !== undefined) return known;
  const sum = crc32(encodeObject(table, object));
  if (Object.isFrozen(object)) checksums.set(object, sum);
  return sum;
}
