import { must } from "../../src/base/assert.ts";

/**
 * Is a recorded history linearizable? The algorithm of Wing and Gong with Lowe's memoisation: search an order of
 * the operations that respects real time and that the model accepts; a configuration (which operations are placed,
 * in which state) is looked at once. Keys are checked apart, since linearizability is local (Herlihy and Wing 1990).
 */

/** One operation as its client saw it. Times are of one clock (any unit) that all clients share. */
export interface Operation<Input, Output> {
  readonly client: number | string;
  readonly key: string;
  readonly input: Input;
  readonly calledAt: number;
  /** Absent when the outcome is unknown: it may take effect at any time after `calledAt`, or never. */
  readonly returned?: { readonly at: number; readonly output: Output };
}

/**
 * What one key may do. An operation with an unknown outcome is placed only right before one that could not come
 * without it. So of two operations that are possible in both orders, the order must not matter, or the first must
 * leave nothing behind: true of registers.
 */
export interface Model<State, Input, Output> {
  initial(key: string): State;
  /** The state after the operation; undefined when it cannot answer so here. `output` is undefined when unknown. */
  step(state: State, input: Input, output: Output | undefined): { state: State } | undefined;
  /** With this answer it never changes the state: as soon as it is possible it may as well come next. */
  isInert(input: Input, output: Output | undefined): boolean;
  stateKey(state: State): string;
  describe(input: Input, output: Output | undefined): string;
}

/** `unfinished`: the search met its bound, which is neither a proof nor a refutation. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly unfinished?: boolean; readonly explanation: string };

/** Checks each key's operations; the explanation names the first key that fails and where its order ends. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  { maxConfigurations = 500_000 } = {},
): Verdict {
  const byKey = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const { calledAt, returned } = operation;
    if (returned !== undefined && returned.at < calledAt) {
      throw new RangeError(`an operation on ${operation.key} returned before it was called`);
    }
    const of = byKey.get(operation.key);
    if (of === undefined) byKey.set(operation.key, [operation]);
    else of.push(operation);
  }
  for (const [key, operations] of byKey) {
    const verdict = new KeySearch(model, key, operations, maxConfigurations).run();
    if (!verdict.ok) return verdict;
  }
  return { ok: true };
}

/** An end of a completed operation, in a list ordered by time. */
interface End {
  readonly operation: number;
  readonly isCall: boolean;
  readonly order: number;
  other: End | undefined;
  previous: End | undefined;
  next: End | undefined;
}

interface Placed<State> {
  /** The call of a completed operation, or the number of an unknown one. */
  readonly what: End | number;
  readonly before: State;
  /** Nothing else needs to be tried in its place. */
  readonly isForced: boolean;
}

/** Where the longest order ended. */
interface Furthest<State, Input, Output> {
  readonly length: number;
  readonly last: readonly Operation<Input, Output>[];
  readonly state: State;
  /** What could have come next, had the state allowed it; the first one had to. */
  readonly waiting: readonly Operation<Input, Output>[];
}

/** A depth-first search through the orders of one key's operations. */
class KeySearch<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #key: string;
  readonly #limit: number;
  /** By the time of their calls. */
  readonly #completed: Operation<Input, Output>[];
  readonly #unknown: { readonly operation: Operation<Input, Output>; readonly order: number }[] =
    [];
  readonly #head: End = endAt(-1, false, -1);
  readonly #seen = new Map<string, bigint[]>();
  readonly #stack: Placed<State>[] = [];
  #configurations = 0;
  #placedCompleted = 0;
  #placedUnknown = 0n;
  #state: State;
  /** Unknown operations that do nothing in the present state; absent when not yet looked for. */
  #dormant: readonly Operation<Input, Output>[] | undefined;
  #furthest: Furthest<State, Input, Output> | undefined;

  constructor(
    model: Model<State, Input, Output>,
    key: string,
    operations: readonly Operation<Input, Output>[],
    limit: number,
  ) {
    this.#model = model;
    this.#key = key;
    this.#limit = limit;
    this.#state = model.initial(key);
    const sorted = [...operations].sort((a, b) => a.calledAt - b.calledAt);
    this.#completed = sorted.filter(({ returned }) => returned !== undefined);
    this.#link(sorted);
  }

  run(): Verdict {
    let at: End | undefined = this.#head.next;
    let unknownAt = 0;
    while (this.#placedCompleted < this.#completed.length) {
      if (this.#configurations > this.#limit) return this.#unfinished();
      if (at?.isCall === true) {
        const operation = this.#completed[at.operation];
        const isPlaced = operation !== undefined && this.#place(at, operation);
        at = isPlaced ? this.#head.next : at.next;
        if (isPlaced) unknownAt = 0;
        continue;
      }
      const candidate = this.#unknown[unknownAt];
      if (at !== undefined && candidate !== undefined && candidate.order < at.order) {
        const isPlaced = this.#placeUnknown(unknownAt, candidate.operation);
        if (isPlaced) at = this.#head.next;
        unknownAt = isPlaced ? 0 : unknownAt + 1;
        continue;
      }
      this.#noteFurthest(at);
      const last = this.#takeBack();
      if (last === undefined) return { ok: false, explanation: this.#explain() };
      const isUnknown = typeof last === "number";
      at = isUnknown ? this.#firstReturn() : last.next;
      unknownAt = isUnknown ? last + 1 : 0;
    }
    return { ok: true };
  }

  /** Undoes the last choice that had an alternative. */
  #takeBack(): End | number | undefined {
    for (;;) {
      const last = this.#stack.pop();
      if (last === undefined) return undefined;
      this.#state = last.before;
      this.#dormant = undefined;
      if (typeof last.what === "number") {
        this.#placedUnknown &= ~(1n << BigInt(last.what));
      } else {
        this.#placedCompleted -= 1;
        putBack(last.what);
      }
      if (!last.isForced) return last.what;
    }
  }

  /** Both ends of each operation, by time; at the same time calls come first, so the two overlap. */
  #link(sorted: readonly Operation<Input, Output>[]): void {
    const ends: { time: number; end: End | undefined; of: Operation<Input, Output> }[] = [];
    let index = 0;
    for (const of of sorted) {
      if (of.returned === undefined) {
        ends.push({ time: of.calledAt, end: undefined, of });
        continue;
      }
      const call = endAt(index, true, 0);
      const back = endAt(index, false, 0);
      call.other = back;
      back.other = call;
      ends.push({ time: of.calledAt, end: call, of }, { time: of.returned.at, end: back, of });
      index += 1;
    }
    ends.sort((a, b) => a.time - b.time || rank(a.end) - rank(b.end));
    let last = this.#head;
    for (const [order, { end, of }] of ends.entries()) {
      if (end === undefined) this.#unknown.push({ operation: of, order });
      else {
        Object.assign(end, { order, previous: last });
        last.next = end;
        last = end;
      }
    }
  }

  #place(call: End, operation: Operation<Input, Output>): boolean {
    const { input, returned } = operation;
    const next = this.#model.step(this.#state, input, returned?.output);
    if (next === undefined) return false;
    takeOut(call);
    this.#placedCompleted += 1;
    const isForced = this.#model.isInert(input, returned?.output);
    if (isForced || this.#isNew(next.state, this.#placedUnknown)) {
      this.#push(call, next.state, isForced);
      return true;
    }
    this.#placedCompleted -= 1;
    putBack(call);
    return false;
  }

  #placeUnknown(number: number, operation: Operation<Input, Output>): boolean {
    const bit = 1n << BigInt(number);
    if ((this.#placedUnknown & bit) !== 0n) return false;
    const next = this.#model.step(this.#state, operation.input, undefined);
    if (next === undefined || this.#isSame(next.state, this.#state)) return false;
    if (!this.#isNeeded(next.state)) return false;
    if (!this.#isNew(next.state, this.#placedUnknown | bit)) return false;
    this.#placedUnknown |= bit;
    this.#push(number, next.state, false);
    return true;
  }

  /** Whether something that is not possible now, or does nothing, could come right after the state became `next`. */
  #isNeeded(next: State): boolean {
    for (let end = this.#head.next; end?.isCall === true; end = end.next) {
      const operation = this.#completed[end.operation];
      if (operation === undefined) continue;
      const { input, returned } = operation;
      if (this.#model.step(this.#state, input, returned?.output) !== undefined) continue;
      if (this.#model.step(next, input, returned?.output) !== undefined) return true;
    }
    this.#dormant ??= this.#findDormant();
    return this.#dormant.some(({ input }) => {
      const then = this.#model.step(next, input, undefined);
      return then !== undefined && !this.#isSame(then.state, next);
    });
  }

  #findDormant(): readonly Operation<Input, Output>[] {
    const until = this.#firstReturn()?.order ?? Number.POSITIVE_INFINITY;
    const dormant: Operation<Input, Output>[] = [];
    for (const [number, { operation, order }] of this.#unknown.entries()) {
      if (order > until) break;
      if ((this.#placedUnknown & (1n << BigInt(number))) !== 0n) continue;
      const now = this.#model.step(this.#state, operation.input, undefined);
      if (now === undefined || this.#isSame(now.state, this.#state)) dormant.push(operation);
    }
    return dormant;
  }

  #isSame(one: State, other: State): boolean {
    return this.#model.stateKey(one) === this.#model.stateKey(other);
  }

  #push(what: End | number, state: State, isForced: boolean): void {
    this.#stack.push({ what, before: this.#state, isForced });
    this.#state = state;
    this.#dormant = undefined;
  }

  /** A configuration that used up a superset of the unknown operations can do no more than one seen before. */
  #isNew(state: State, unknown: bigint): boolean {
    const holes: number[] = [];
    for (let end = this.#head.next; end !== undefined; end = end.next) {
      if (!end.isCall) continue;
      if (end.operation >= this.#placedCompleted + holes.length) break;
      holes.push(end.operation);
    }
    const key = `${this.#placedCompleted}:${holes.join()}:${this.#model.stateKey(state)}`;
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, [unknown]);
    else if (seen.some((used) => (used & unknown) === used)) return false;
    else seen.push(unknown);
    this.#configurations += 1;
    return true;
  }

  #firstReturn(): End | undefined {
    let end = this.#head.next;
    while (end?.isCall === true) end = end.next;
    return end;
  }

  #noteFurthest(stopped: End | undefined): void {
    const { length } = this.#stack;
    if (this.#furthest !== undefined && this.#furthest.length >= length) return;
    const waiting: Operation<Input, Output>[] = [];
    const add = (of: Operation<Input, Output> | undefined): void => void (of && waiting.push(of));
    if (stopped !== undefined) add(this.#completed[stopped.operation]);
    for (let end = this.#head.next; end?.isCall === true; end = end.next) {
      if (end.operation !== stopped?.operation) add(this.#completed[end.operation]);
    }
    const last = this.#stack.slice(-5).flatMap(({ what }) => this.#operationOf(what) ?? []);
    this.#furthest = { length, last, state: this.#state, waiting };
  }

  #operationOf(what: End | number): Operation<Input, Output> | undefined {
    return typeof what === "number"
      ? this.#unknown[what]?.operation
      : this.#completed[what.operation];
  }

  #unfinished(): Verdict {
    const explanation = `key ${this.#key}: no verdict after ${this.#limit} configurations`;
    return { ok: false, unfinished: true, explanation };
  }

  #explain(): string {
    const { length, last, state, waiting } = must(this.#furthest, "the longest order");
    const [first, ...others] = waiting.map((operation) => this.#describe(operation));
    return [
      `key ${this.#key}: no order of its ${this.#completed.length} answered and ${this.#unknown.length} open operations explains the answers.`,
      `the longest order found places ${length}, and ends with:`,
      ...last.map((operation) => `  ${this.#describe(operation)}`),
      `after which the state is ${this.#model.stateKey(state)}. none of these could come next:`,
      `  ${first} (had to come before all later calls)`,
      ...others.map((line) => `  ${line}`),
    ].join("\n");
  }

  #describe({ client, calledAt, input, returned }: Operation<Input, Output>): string {
    const span = `[${calledAt}, ${returned?.at ?? "open"}]`;
    return `${span} client ${client}: ${this.#model.describe(input, returned?.output)}`;
  }
}

function endAt(operation: number, isCall: boolean, order: number): End {
  return { operation, isCall, order, other: undefined, previous: undefined, next: undefined };
}

function rank(end: End | undefined): number {
  return end === undefined || end.isCall ? 0 : 1;
}

function takeOut(call: End): void {
  for (const end of [call, call.other]) {
    if (end === undefined) continue;
    if (end.previous !== undefined) end.previous.next = end.next;
    if (end.next !== undefined) end.next.previous = end.previous;
  }
}

function putBack(call: End): void {
  for (const end of [call.other, call]) {
    if (end === undefined) continue;
    if (end.previous !== undefined) end.previous.next = end;
    if (end.next !== undefined) end.next.previous = end;
  }
}
