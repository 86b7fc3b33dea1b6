import type { Task } from "../gen/skep/Task.ts";
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

/**
 * Tasks that wait to be placed, by group. Groups come in the order in which they came up, tasks likewise. One that was added twice comes
 * twice: with hundreds of thousands of them, looking each up in a set costs as much as placing it.
 */
export class TaskQueue {
  readonly #lines = new Map<string, Line>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(task: Task): void {
    this.#size += 1;
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
    this.#size -= ids.length;
    if (line.next >= line.ids.length) this.#lines.delete(key);
    return ids;
  }

  clear(): void {
    this.#lines.clear();
    this.#size = 0;
  }
}
