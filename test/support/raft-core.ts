import { must } from "../../src/base/assert.ts";
import { defaultRaftConfig } from "../../src/raft/core/config.ts";
import { RawNode } from "../../src/raft/core/raw-node.ts";
import {
  type Entry,
  type Message,
  type MessageType,
  makeMessage,
  noData,
} from "../../src/raft/core/types.ts";
import { aConfState, RaftMemoryStorage } from "./raft-memory-storage.ts";
import { seededRandom } from "./seeded-random.ts";

/** One member of the core under test: its messages go to nobody but are kept, by type. */
export class CoreNode {
  readonly storage: RaftMemoryStorage;
  readonly raw: RawNode;
  readonly sent: Message[] = [];
  readonly applied: Entry[] = [];

  /** `terms` are those of the log's entries, from index 1 on. */
  constructor(given: {
    id: number;
    voters: readonly number[];
    terms?: readonly number[];
    term?: number;
    vote?: number;
    commit?: number;
  }) {
    const { id, voters, terms = [], term = terms.at(-1) ?? 0, vote = 0, commit = 0 } = given;
    this.storage = new RaftMemoryStorage(aConfState(voters));
    this.storage.log = terms.map((of, at) => entry(at + 1, of));
    this.storage.hardState = { term, vote, commit };
    this.raw = new RawNode(
      { ...defaultRaftConfig, id, applied: 0 },
      {
        storage: this.storage,
        random: seededRandom(id),
        decodeConfChange: () => ({ changes: [], transition: "TRANSITION_AUTO" }),
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
    this.raw.step({ ...makeMessage(type, this.raw.status().id, fields), from });
    this.drain();
    return this.sent.slice(before);
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
      const last = ready.committedEntries.at(-1);
      if (last !== undefined) this.raw.advanceApply(last.index);
    }
  }
}

export function entry(index: number, term: number): Entry {
  return { index, term, type: "normal", data: noData };
}
