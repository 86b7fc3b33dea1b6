import { assert } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import { defaultRaftConfig } from "../../src/raft/core/config.ts";
import { RawNode } from "../../src/raft/core/raw-node.ts";
import type { Entry, Message, Ready, SnapshotMetadata } from "../../src/raft/core/types.ts";
import { decodeConfChange } from "./raft-conf-change-codec.ts";
import type { RaftMemoryStorage } from "./raft-memory-storage.ts";
import type { RaftHistory } from "./raft-sim-history.ts";

/** What must be durable before it is said. */
function isPromise(type: Message["type"]): boolean {
  return type === "MsgAppResp" || type === "MsgVoteResp" || type === "MsgVote";
}

type ApplyWork =
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "snapshot"; readonly snapshot: SnapshotMetadata };

/** What a simulated member uses of its world. */
export interface SimSurroundings {
  readonly random: Random;
  readonly history: RaftHistory;
  send(message: Message): void;
  /** Whether a quorum of the members in force at `node` holds the entry durably. */
  isDurable(node: SimNode, index: number, term: number): boolean;
}

/** One member: the core, a disk that takes its time, a state machine that takes its time. */
export class SimNode {
  readonly id: number;
  readonly disk: RaftMemoryStorage;
  readonly #world: SimSurroundings;
  raw: RawNode;
  /** The log as the core has it: all that was handed out, durable or not. */
  #memory: RaftMemoryStorage;
  #writes: Ready[] = [];
  #work: ApplyWork[] = [];
  #hash = 0;
  #commit = 0;
  applied = 0;
  isUp = true;
  isLeader = false;
  /** Reads under way: the least index that may be answered. */
  readonly reads = new Map<string, number>();
  confirmedReads = 0;

  constructor(id: number, disk: RaftMemoryStorage, world: SimSurroundings) {
    this.id = id;
    this.disk = disk;
    this.#world = world;
    this.#memory = disk.clone();
    this.raw = this.#boot();
  }

  /** A message for it arrived. */
  receive(message: Message): void {
    if (!this.isUp) return;
    this.raw.step(message);
    this.drain();
  }

  /** Takes all Readies there are. */
  drain(): void {
    for (let rounds = 0; this.raw.hasReady(); rounds += 1) {
      assert(rounds < 100, `${this.id} never runs out of work`);
      this.#take(this.raw.ready());
    }
  }

  get isIdle(): boolean {
    return this.#writes.length === 0 && this.#work.length === 0;
  }

  /** The disk finishes one batch of up to `count` Readies. */
  write(count: number): void {
    const batch = this.#writes.splice(0, count);
    const before = this.disk.hardState;
    for (const ready of batch) this.#writeOne(ready);
    const after = this.disk.hardState;
    assert(after.term >= before.term && after.commit >= before.commit, "the hard state went back");
    for (const ready of batch) {
      this.raw.advanceAppend(ready);
      for (const message of ready.messagesAfterPersist) {
        this.#world.history.acknowledged(message, this.disk);
        this.#world.send(message);
      }
    }
    this.drain();
    if (this.#writes.length === 0) this.#checkMemory();
  }

  /** The state machine does one piece of work. */
  apply(): void {
    const work = this.#work.shift();
    if (work === undefined) return;
    const { history } = this.#world;
    if (work.kind === "snapshot") {
      const { index, confState } = work.snapshot;
      assert(index > this.applied, "a snapshot takes the state back");
      this.applied = index;
      this.#hash = history.hashAt(index);
      history.config(this.id, index, confState);
    } else {
      for (const entry of work.entries) {
        assert(entry.index === this.applied + 1, `${this.id} applies ${entry.index} out of order`);
        this.#hash = history.apply(this.id, entry, this.#hash);
        this.applied = entry.index;
        if (entry.type === "conf-change") {
          const state = this.raw.applyConfChange(decodeConfChange(entry.data), entry.index);
          // When a snapshot has overtaken the entry this is not the state at the entry.
          if (this.raw.status().commit >= entry.index && !this.#hasSnapshotAhead()) {
            history.config(this.id, entry.index, state);
          }
        }
      }
    }
    this.raw.advanceApply(this.applied);
    this.drain();
  }

  /** Snapshots what is applied and drops the log before `keep` entries. */
  compact(keep: number): void {
    if (this.applied <= (this.disk.newestSnapshot?.index ?? 0) || this.#hasSnapshotAhead()) return;
    // What is applied may stand in a snapshot whose write has not replaced the log on disk yet.
    if (this.#writes.some(({ snapshot }) => snapshot !== undefined)) return;
    const { confState } = this.raw.status();
    this.disk.compact(this.applied, confState, this.applied - keep);
  }

  /** Dies; of the writes under way any first few may be durable. */
  crash(): void {
    const kept = Math.floor(this.#world.random.float() * (this.#writes.length + 1));
    for (const ready of this.#writes.slice(0, kept)) this.#writeOne(ready);
    this.isUp = false;
    this.isLeader = false;
    this.reads.clear();
  }

  /** Starts from what the disk holds. */
  restart(): void {
    this.#writes = [];
    this.#work = [];
    this.#memory = this.disk.clone();
    this.isUp = true;
    this.raw = this.#boot();
    this.drain();
  }

  #boot(): RawNode {
    this.applied = this.disk.newestSnapshot?.index ?? 0;
    this.#hash = this.#world.history.hashAt(this.applied);
    this.#commit = Math.max(this.disk.hardState.commit, this.applied);
    const config = {
      ...defaultRaftConfig,
      id: this.id,
      applied: this.applied,
      messageBytesMax: 40,
      inflightMessagesMax: 4,
      inflightBytesMax: 200,
      uncommittedBytesMax: 400,
      applyingBytesMax: 100,
    };
    const { random } = this.#world;
    return new RawNode(config, { storage: this.disk, random, decodeConfChange });
  }

  #take(ready: Ready): void {
    const { history } = this.#world;
    if (this.isLeader && ready.softState === undefined) {
      const first = ready.entries[0];
      assert(
        first === undefined || first.index === this.#memory.lastIndex() + 1,
        `leader ${this.id} rewrites its log`,
      );
    }
    this.#memory.write(ready);
    for (const entry of ready.entries) {
      if (entry.index > this.#memory.truncated.index) {
        history.entry(entry, this.#memory.term(entry.index - 1));
      }
    }
    this.#noteState(ready);
    this.#writes.push(ready);
    if (ready.snapshot !== undefined) {
      this.#work = [{ kind: "snapshot", snapshot: ready.snapshot }];
    }
    if (ready.committedEntries.length > 0) {
      this.#work.push({ kind: "entries", entries: ready.committedEntries });
    }
    for (const message of ready.messages) {
      assert(!isPromise(message.type), `${this.id} sends a ${message.type} too early`);
      this.#world.send(message);
    }
    for (const { index, context } of ready.readStates) {
      const key = Buffer.from(context).toString();
      const least = this.reads.get(key);
      if (least === undefined) continue;
      assert(index >= least, `${this.id} reads at ${index}, but ${least} was committed before`);
      this.reads.delete(key);
      this.confirmedReads += 1;
    }
    for (const context of ready.failedReads) this.reads.delete(Buffer.from(context).toString());
  }

  #noteState({ softState, hardState }: Ready): void {
    const { history } = this.#world;
    const { term, role, commit } = this.raw.status();
    if (softState?.role === "leader") history.leader(this.id, term, this.#memory);
    if (softState !== undefined) this.isLeader = role === "leader";
    if (hardState === undefined) return;
    assert(commit >= this.#commit, `${this.id} takes a commit back`);
    history.commit(this.id, this.#commit, commit, this.#memory, term, (index, entryTerm) =>
      this.#world.isDurable(this, index, entryTerm),
    );
    this.#commit = commit;
  }

  #writeOne(ready: Ready): void {
    this.disk.write(ready);
    const { term, vote } = this.disk.hardState;
    this.#world.history.vote(this.id, term, vote);
  }

  #hasSnapshotAhead(): boolean {
    return this.raw.status().firstIndex - 1 > this.applied;
  }

  #checkMemory(): void {
    assert(this.#memory.lastIndex() === this.disk.lastIndex(), `${this.id}: memory is not disk`);
    assert(
      this.raw.status().lastIndex === this.disk.lastIndex(),
      `${this.id}: the core ends elsewhere than the disk`,
    );
    for (let index = this.disk.firstIndex(); index <= this.disk.lastIndex(); index += 1) {
      assert(this.#memory.term(index) === this.disk.term(index), `${this.id}: entry ${index}`);
    }
  }
}
