import { assert } from "../../src/base/assert.ts";
import type { RaftConfig } from "../../src/raft/core/config.ts";
import {
  type DescribeData,
  describeConfState,
  describeEntries,
  describeReady,
  describeSnapshot,
  describeSoftState,
} from "../../src/raft/core/describe.ts";
import { RawNode } from "../../src/raft/core/raw-node.ts";
import type {
  ConfState,
  Entry,
  HardState,
  Message,
  Ready,
  SnapshotMetadata,
} from "../../src/raft/core/types.ts";
import { decodeConfChange } from "./raft-conf-change-codec.ts";
import { entry } from "./raft-core.ts";
import { RaftMemoryStorage } from "./raft-memory-storage.ts";
import { seededRandom } from "./seeded-random.ts";

interface Given {
  readonly confState: ConfState;
  readonly terms: readonly number[];
  readonly hardState: HardState;
  /** Whether the entries of `terms` have data. */
  readonly isFilled: boolean;
  readonly send: (message: Message) => void;
  readonly tell: (line: string) => void;
}

type ApplyWork = readonly Entry[] | SnapshotMetadata;

/** One member in a golden script: does its Readies one by one, or by hand when it is async. */
export class GoldenNode {
  readonly id: number;
  readonly #config: RaftConfig;
  readonly #given: Given;
  storage: RaftMemoryStorage;
  raw: RawNode;
  isUp = true;
  isAsync = false;
  #writes: Ready[] = [];
  #work: ApplyWork[] = [];
  #applied = 0;
  #configAt: { index: number; state: ConfState };

  constructor(config: RaftConfig, given: Given) {
    this.id = config.id;
    this.#config = config;
    this.#given = given;
    this.storage = new RaftMemoryStorage(given.confState);
    this.storage.log = given.terms.map((term, at) => {
      const made = entry(at + 1, term);
      return given.isFilled ? { ...made, data: Buffer.from(`e${made.index}`) } : made;
    });
    this.storage.hardState = given.hardState;
    this.#configAt = { index: 0, state: given.confState };
    this.raw = this.#boot();
  }

  take(inFull: boolean, dataText: DescribeData): void {
    const ready = this.raw.ready();
    const lines = inFull ? describeReady(ready, dataText) : this.#inShort(ready, dataText);
    for (const line of lines) this.#given.tell(`${this.id} ${line}`);
    for (const message of ready.messages) this.#given.send(message);
    this.#writes.push(ready);
    if (ready.snapshot !== undefined) this.#work = [ready.snapshot];
    if (ready.committedEntries.length > 0) this.#work.push(ready.committedEntries);
    if (this.isAsync) return;
    this.write(1);
    this.apply(Number.POSITIVE_INFINITY);
  }

  /** The disk is done with the oldest `count` Readies. */
  write(count: number): void {
    for (const ready of this.#writes.splice(0, count)) {
      this.storage.write(ready);
      this.raw.advanceAppend(ready);
      for (const message of ready.messagesAfterPersist) this.#given.send(message);
    }
  }

  apply(count: number): void {
    for (const work of this.#work.splice(0, count)) {
      if ("confState" in work) {
        this.#applied = work.index;
        this.#configAt = { index: work.index, state: work.confState };
      } else {
        for (const one of work) this.#applyOne(one);
      }
      this.raw.advanceApply(this.#applied);
    }
  }

  compact(keep: number): void {
    this.storage.compact(this.#applied, this.#configAt.state, this.#applied - keep);
  }

  /** What was not written is lost. */
  crash(): void {
    this.isUp = false;
    this.#writes = [];
    this.#work = [];
  }

  restart(): void {
    this.isUp = true;
    this.raw = this.#boot();
  }

  #boot(): RawNode {
    const { newestSnapshot, confState } = this.storage;
    this.#applied = newestSnapshot?.index ?? 0;
    this.#configAt = { index: this.#applied, state: newestSnapshot?.confState ?? confState };
    return new RawNode(
      { ...this.#config, applied: this.#applied },
      { storage: this.storage, random: seededRandom(this.id), decodeConfChange },
    );
  }

  #applyOne({ index, type, data }: Entry): void {
    assert(index === this.#applied + 1, `${this.id} applies ${index} out of order`);
    this.#applied = index;
    if (type !== "conf-change") return;
    const state = this.raw.applyConfChange(decodeConfChange(data), index);
    this.#configAt = { index, state };
    this.#given.tell(`${this.id} configuration: ${describeConfState(state)}`);
  }

  /** Without the messages, which are told when they arrive, and what goes with them. */
  #inShort(ready: Ready, dataText: DescribeData): string[] {
    const { softState, snapshot, committedEntries, readStates, failedReads } = ready;
    const lines: string[] = [];
    if (softState !== undefined) {
      lines.push(`is ${describeSoftState(softState)}, term ${this.raw.status().term}`);
    }
    if (snapshot !== undefined) lines.push(`installs ${describeSnapshot(snapshot)}`);
    if (committedEntries.length > 0) {
      lines.push(`applies ${describeEntries(committedEntries, dataText)}`);
    }
    for (const { context, index } of readStates) {
      lines.push(`may answer read ${Buffer.from(context).toString()} at ${index}`);
    }
    for (const context of failedReads) {
      lines.push(`gives up read ${Buffer.from(context).toString()}`);
    }
    return lines;
  }
}
