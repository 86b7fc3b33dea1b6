import type { Task } from "../gen/skep/Task.ts";

/** Ids in one array. */
const pieceIds = 100;

/**
 * Tasks that are placed alike. Their ids are kept in many short arrays: a long one is copied each time it has to grow, and with hundreds
 * of thousands of tasks in many lines such copies come all at once.
 */
interface Line {
  readonly serviceId: string;
  readonly version: number;
  readonly pieces: string[][];
  /** Which piece is given out, and what of it comes next. */
  piece: number;
  next: number;
}

/**
 * Tasks that wait to be placed, by group (`groupKeyOf`). First those that name their node already, as they can go nowhere else; then
 * groups in the order in which they came up, tasks likewise. One that was added twice comes twice: with hundreds of thousands of them,
 * looking each up in a set costs as much as placing it.
 */
export class TaskQueue {
  #ownNode: Line = newLine("", 0);
  readonly #lines = new Set<Line>();
  /** The lines of services by spec version. Two maps, since a key of both would have to be put together for each task. */
  readonly #ofServices = new Map<string, Map<number, Line>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(task: Task): void {
    this.#size += 1;
    const { pieces } = this.#lineOf(task);
    const last = pieces.at(-1);
    if (last !== undefined && last.length < pieceIds) last.push(task.id);
    else pieces.push([task.id]);
  }

  /** Takes out up to `most` ids of tasks of one group, and no more than 100; none when the queue is empty. */
  take(most: number): readonly string[] {
    const [first] = this.#lines;
    const line = this.#ownNode.pieces.length > 0 ? this.#ownNode : first;
    const piece = line?.pieces[line.piece];
    if (line === undefined || piece === undefined) return [];
    const ids = piece.slice(line.next, line.next + most);
    line.next += ids.length;
    this.#size -= ids.length;
    if (line.next >= piece.length) this.#endPiece(line);
    return ids;
  }

  clear(): void {
    this.#ownNode = newLine("", 0);
    this.#lines.clear();
    this.#ofServices.clear();
    this.#size = 0;
  }

  #lineOf(task: Task): Line {
    const { serviceId, nodeId } = task;
    if (nodeId !== "") return this.#ownNode;
    const version = task.specVersion?.index ?? 0;
    const known = this.#ofServices.get(serviceId)?.get(version);
    if (known !== undefined) return known;
    const line = newLine(serviceId, version);
    this.#lines.add(line);
    // A task of no service is a group of its own.
    if (serviceId === "") return line;
    const versions = this.#ofServices.get(serviceId) ?? new Map<number, Line>();
    this.#ofServices.set(serviceId, versions.set(version, line));
    return line;
  }

  #endPiece(line: Line): void {
    line.pieces[line.piece] = [];
    line.piece += 1;
    line.next = 0;
    if (line.piece < line.pieces.length) return;
    if (line === this.#ownNode) {
      this.#ownNode = newLine("", 0);
      return;
    }
    this.#lines.delete(line);
    const versions = this.#ofServices.get(line.serviceId);
    versions?.delete(line.version);
    if (versions?.size === 0) this.#ofServices.delete(line.serviceId);
  }
}

function newLine(serviceId: string, version: number): Line {
  return { serviceId, version, pieces: [], piece: 0, next: 0 };
}
