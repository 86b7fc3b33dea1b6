import { must } from "../../src/base/assert.ts";
import { defaultRaftConfig, type RaftConfig } from "../../src/raft/core/config.ts";
import { RawNode } from "../../src/raft/core/raw-node.ts";
import {
  type Entry,
  type Message,
  type MessageType,
  makeMessage,
  noData,
  type ReadState,
} from "../../src/raft/core/types.ts";
import { decodeConfChange } from "./raft-conf-change-codec.ts";
import { aConfState, RaftMemoryStorage } from "./raft-memory-storage.ts";
import { seededRandom } from "./seeded-random.ts";

/** One member of the core under test: its messages go to nobody but are kept, by type. */
export class CoreNode {
  readonly storage: RaftMemoryStorage;
  readonly raw: RawNode;
  readonly sent: Message[] = [];
  readonly applied: Entry[] = [];
  readonly readStates: ReadState[] = [];
  readonly failedReads: Uint8Array[] = [];

  /** `terms` are those of the log's entries, from index 1 on. */
  constructor(given: {
    id: number;
    voters: readonly number[];
    learners?: readonly number[];
    terms?: readonly number[];
    term?: number;
    vote?: number;
    commit?: number;
    config?: Partial<RaftConfig>;
  }) {
    const {
      id,
      voters,
      learners = [],
      terms = [],
      term = terms.at(-1) ?? 0,
      vote = 0,
      commit = 0,
    } = given;
    this.storage = new RaftMemoryStorage(aConfState(voters, learners));
    this.storage.log = terms.map((of, at) => entry(at + 1, of));
    this.storage.hardState = { term, vote, commit };
    this.raw = new RawNode(
      { ...defaultRaftConfig, id, applied: 0, ...given.config },
      {
        storage: this.storage,
        random: seededRandom(id),
        decodeConfChange,
      },
    );
    this.drain();
  }

  get term(): number {
    return this.raw.status().term;
  }

  get role(): string {
    return this.raw.status().role;
  }

  get commit(): number {
    return this.raw.status().commit;
  }

  /** Terms of the whole log, from index 1. */
  get terms(): number[] {
    return this.storage.log.map(({ term }) => term);
  }

  /** Takes a message in, and does all that the core then wants. What it sends is the answer. */
  step(type: MessageType, from: number, fields: Partial<Message> = {}): readonly Message[] {
    const before = this.sent.length;
    this.raw.step({ ...this.message(type, from), ...fields, to: this.raw.status().id, from });
    this.drain();
    return this.sent.slice(before);
  }

  /** A message to this member. */
  message(type: MessageType, from: number): Message {
    return { ...makeMessage(type, this.raw.status().id), from };
  }

  /** Wins an election by the votes of these members. */
  lead(...voters: number[]): void {
    this.raw.campaign();
    this.drain();
    for (const type of ["MsgPreVoteResp", "MsgVoteResp"] as const) {
      const term = type === "MsgPreVoteResp" ? this.term + 1 : this.term;
      for (const from of voters) this.step(type, from, { term });
    }
  }

  /** The member `from` stores all that this leader has. */
  follow(from: number): readonly Message[] {
    const { term, lastIndex } = this.raw.status();
    return this.step("MsgAppResp", from, { term, index: lastIndex });
  }

  tick(times: number): void {
    for (let tick = 0; tick < times; tick += 1) this.raw.tick();
    this.drain();
  }

  /** The last message of this type, which must have been sent. */
  last(type: MessageType): Message {
    return must(
      this.sent.findLast((message) => message.type === type),
      `a ${type}`,
    );
  }

  drain(): void {
    while (this.raw.hasReady()) {
      const ready = this.raw.ready();
      this.sent.push(...ready.messages);
      this.storage.write(ready);
      this.raw.advanceAppend(ready);
      this.sent.push(...ready.messagesAfterPersist);
      this.applied.push(...ready.committedEntries);
      this.readStates.push(...ready.readStates);
      this.failedReads.push(...ready.failedReads);
      for (const { type, data, index } of ready.committedEntries) {
        if (type === "conf-change") this.raw.applyConfChange(decodeConfChange(data), index);
      }
      const last = ready.committedEntries.at(-1);
      if (last !== undefined) this.raw.advanceApply(last.index);
    }
  }
}

export function entry(index: number, term: number): Entry {
  return { index, term, type: "normal", data: noData };
}
