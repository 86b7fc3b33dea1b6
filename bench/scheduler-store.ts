import type { Node } from "../src/gen/skep/Node.ts";
import type { Task } from "../src/gen/skep/Task.ts";
import type { PlacementStore } from "../src/scheduler/placement-store.ts";
import type { ObjectOf, StoreEvent, TableName } from "../src/store/objects.ts";
import type { StoreListener } from "../src/store/store.ts";

import { MemoryProposer } from "../test/support/memory-proposer.ts";

const batchTasks = 50;

/**
 * What the scheduler asks of a store and no more: objects by id, tasks by node. Nothing is encoded or agreed on, so what is measured
 * on it is the scheduler alone. As raft's do, answers come in a later turn of the event loop.
 */
export class PlainStore implements PlacementStore {
  readonly nodes = new Map<string, Node>();
  readonly tasks = new Map<string, Task>();
  readonly #tables: { readonly [K in TableName]?: Map<string, ObjectOf[K]> } = {
    node: this.nodes,
    task: this.tasks,
  };
  readonly #tasksOfNode = new Map<string, Task[]>();
  readonly #listeners = new Set<StoreListener>();

  view(): this {
    return this;
  }

  get<T extends TableName>(table: T, id: string): ObjectOf[T] | undefined {
    return this.#table(table).get(id);
  }

  all<T extends TableName>(table: T): Iterable<ObjectOf[T]> {
    return this.#table(table).values();
  }

  tasksOfNode(nodeId: string): readonly Task[] {
    return this.#tasksOfNode.get(nodeId) ?? [];
  }

  subscribe(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onReset(): () => void {
    return () => {};
  }

  async batch(changes: Parameters<PlacementStore["batch"]>[0]): Promise<void> {
    const events: StoreEvent[] = [];
    const tx = {
      get: this.get.bind(this),
      update: <T extends TableName>(table: T, object: ObjectOf[T]) => {
        const previous = this.#table(table).get(object.id);
        this.#table(table).set(object.id, object);
        if ("nodeId" in object) this.#noteNode(object);
        events.push({ kind: "update", table, object, previous } as StoreEvent);
      },
    };
    for (const change of changes) {
      change(tx);
      if (events.length >= batchTasks) await this.#tell(events.splice(0));
    }
    if (events.length > 0) await this.#tell(events);
  }

  #noteNode(task: Task): void {
    const tasks = this.#tasksOfNode.get(task.nodeId);
    if (tasks === undefined) this.#tasksOfNode.set(task.nodeId, [task]);
    else tasks.push(task);
  }

  #table<T extends TableName>(table: T): Map<string, ObjectOf[T]> {
    const found: Map<string, ObjectOf[T]> | undefined = this.#tables[table];
    if (found === undefined) throw new Error(`the scheduler has no business with ${table}`);
    return found;
  }

  async #tell(events: readonly StoreEvent[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const listener of this.#listeners) listener(events, 1);
  }
}

/** As raft's, answers come in a later turn of the event loop. */
export class LaterProposer extends MemoryProposer {
  override async propose(data: Uint8Array): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    return await super.propose(data);
  }
}
