/** Something that lives at one place: it can stand still, and it can end. What is planned for it is lost with it. */
export interface SimProcess {
  readonly name: string;
  isAlive: boolean;
  /** It gets no turn before then (as by SIGSTOP). */
  pausedUntilMs: number;
}

interface PlannedEvent {
  atMs: number;
  sequence: number;
  readonly process: SimProcess | undefined;
  readonly label: string;
  readonly run: () => void;
  isCancelled: boolean;
}

/** All that will happen, in order of time, then of planning. The hash of what happened is the same for the same seed. */
export class Timeline {
  nowMs = 0;
  steps = 0;
  traceHash = 0x811c9dc5;
  /** Told of every event that takes place. */
  onEvent: ((atMs: number, name: string, label: string) => void) | undefined;
  readonly #heap: PlannedEvent[] = [];
  #sequence = 0;

  /** Plans `run` in the process (none: the world itself). Gives the way to cancel. */
  plan(
    delayMs: number,
    process: SimProcess | undefined,
    label: string,
    run: () => void,
  ): () => void {
    this.#sequence += 1;
    const atMs = this.nowMs + Math.max(0, delayMs);
    const event = { atMs, sequence: this.#sequence, process, label, run, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Lets the next event take place. False when nothing is planned any more. */
  step(): boolean {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      const { process } = event;
      if (event.isCancelled || process?.isAlive === false) continue;
      if (process !== undefined && process.pausedUntilMs > event.atMs) {
        event.atMs = process.pausedUntilMs;
        this.#push(event); // keeps its sequence, and so its place among the others
        continue;
      }
      this.nowMs = Math.max(this.nowMs, event.atMs);
      this.steps += 1;
      this.note(event.label);
      this.#mix(Math.round(event.atMs * 1000) | 0);
      this.onEvent?.(this.nowMs, process?.name ?? "world", event.label);
      event.run();
      return true;
    }
  }

  /** Lets go of what will never happen, and so of all that it holds; changes nothing that will. */
  sweep(): void {
    const kept = this.#heap.filter(
      ({ isCancelled, process }) => !isCancelled && process?.isAlive !== false,
    );
    this.#heap.length = 0;
    for (const event of kept) this.#push(event);
  }

  /** Something that makes this run different from others. */
  note(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
  }

  #mix(value: number): void {
    this.traceHash = Math.imul(this.traceHash ^ value, 0x01000193) >>> 0;
  }

  #push(event: PlannedEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): PlannedEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      const left = heap[down];
      const right = heap[down + 1];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) down += 1;
      const child = heap[down];
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: PlannedEvent, b: PlannedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
