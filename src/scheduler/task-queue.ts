import type { Task } from "../gen/skep/Task.ts";
import { IdSet } from "./id-set.ts";
import { groupKeyOf } from "./node-info.ts";

/** Tasks that name their node already can go nowhere else, so they come first. */
const ownNodeKey = "";

/** Key of the tasks that are placed alike: those with a node of their own, else those of one group. */
export function queueKeyOf(task: Task): string {
  return task.nodeId === "" ? groupKeyOf(task) : ownNodeKey;
}

interface Line {
  readonly ids: string[];
  next: number;
}

/** Tasks that wait to be placed, by group, each of them once. Groups come in the order in which they came up, tasks likewise. */
export class TaskQueue {
  readonly #lines = new Map<string, Line>();
  readonly #known = new IdSet();

  get size(): number {
    return this.#known.size;
  }

  add(task: Task): void {
    if (!this.#known.add(task.id)) return;
    const key = queueKeyOf(task);
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, { ids: [task.id], next: 0 });
    else line.ids.push(task.id);
  }

  /** Takes out up to `most` ids of tasks of one group; none when the queue is empty. */
  take(most: number): readonly string[] {
    const key = this.#lines.has(ownNodeKey) ? ownNodeKey : this.#lines.keys().next().value;
    const line = key === undefined ? undefined : this.#lines.get(key);
    if (key === undefined || line === undefined) return [];
    const ids = line.ids.slice(line.next, line.next + most);
    line.next += ids.length;
    if (line.next >= line.ids.length) this.#lines.delete(key);
    for (const id of ids) this.#known.delete(id);
    return ids;
  }

  clear(): void {
    this.#lines.clear();
    for (const id of this.#known) this.#known.delete(id);
  }
}
