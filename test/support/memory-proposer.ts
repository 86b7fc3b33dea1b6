import { silentLogger } from "../../src/base/log.ts";
import { completeObject } from "../../src/store/object-codecs.ts";
import type { InputOf, ObjectOf, TableName } from "../../src/store/objects.ts";
import { Store } from "../../src/store/store.ts";
import { encodeEntry, type StoreChange } from "../../src/store/store-entry.ts";
import { FakeClock } from "./fake-clock.ts";

interface Applying {
  apply(entry: {
    readonly index: number;
    readonly term: number;
    readonly data: Uint8Array;
  }): unknown;
}

/** Stands for raft: every proposal is agreed on at once and applied, in order, after a turn of the event loop's microtasks. */
export class MemoryProposer {
  /** Thrown instead of proposing, while set. */
  refusal: Error | undefined;
  /** How many entries were proposed. */
  proposals = 0;
  #stateMachine: Applying | undefined;
  #index = 0;

  /** Must be called before the first proposal. */
  attach(stateMachine: Applying): void {
    this.#stateMachine = stateMachine;
  }

  get index(): number {
    return this.#index;
  }

  async propose(data: Uint8Array): Promise<unknown> {
    await Promise.resolve();
    if (this.refusal !== undefined) throw this.refusal;
    if (this.#stateMachine === undefined) throw new Error("attach a state machine first");
    this.proposals += 1;
    return this.applyNow(data);
  }

  /** Applies an entry synchronously, as if another manager had proposed it. */
  applyNow(data: Uint8Array): unknown {
    this.#index += 1;
    return this.#stateMachine?.apply({ index: this.#index, term: 1, data });
  }
}

/** A real store on a memory proposer. */
export interface MemoryStore {
  readonly store: Store;
  readonly proposer: MemoryProposer;
  readonly clock: FakeClock;
  /** Puts objects in, synchronously; they get the version of this write. */
  seed<T extends TableName>(table: T, ...objects: readonly InputOf[T][]): void;
}

/** An empty store, for tests of everything that works on one. */
export function createMemoryStore(clock: FakeClock = new FakeClock()): MemoryStore {
  const proposer = new MemoryProposer();
  const store = new Store({ proposer, clock, log: silentLogger });
  proposer.attach(store.stateMachine);
  return {
    store,
    proposer,
    clock,
    seed(table, ...objects) {
      const changes = objects.map((object) => createChange(table, completeObject(table, object)));
      proposer.applyNow(encodeEntry(changes, clock.now()));
    },
  };
}

function createChange<T extends TableName>(table: T, object: ObjectOf[T]): StoreChange {
  return { kind: "create", table, expectedIndex: 0, object } as StoreChange;
}
