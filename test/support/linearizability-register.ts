import type { Model, Operation } from "./linearizability.ts";

/** What a register may be asked for; null is absence. A `cas` changes the value only when it is `from`. */
export type RegisterInput =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: string | null }
  | { readonly kind: "cas"; readonly from: string | null; readonly to: string | null };

/** What it answers: `read` a value, `write` nothing, `cas` whether it swapped. */
export type RegisterOutput =
  | { readonly kind: "value"; readonly value: string | null }
  | { readonly kind: "done" }
  | { readonly kind: "swapped"; readonly swapped: boolean };

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** A register with compare-and-set, absent at first. */
export const registerModel: Model<string | null, RegisterInput, RegisterOutput> = {
  initial: () => null,
  step: (state, input, output) => {
    switch (input.kind) {
      case "read":
        return output?.kind === "value" && output.value !== state ? undefined : { state };
      case "write":
        return { state: input.value };
      case "cas": {
        const swaps = state === input.from;
        if (output?.kind === "swapped" && output.swapped !== swaps) return undefined;
        return { state: swaps ? input.to : state };
      }
    }
  },
  isInert: (input, output) =>
    input.kind === "read" || (output?.kind === "swapped" && !output.swapped),
  stateKey: (state) => (state === null ? "null" : `"${state}"`),
  describe: (input, output) => `${describeInput(input)} -> ${describeOutput(output)}`,
};

/** Collects a history: each call is closed by one of the three outcomes, or stays open. */
export class RegisterRecorder {
  readonly #now: () => number;
  readonly #operations = new Map<number, RegisterOperation>();
  #next = 0;

  /** `now`: any clock that never goes back and that all clients share. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** As `called` and `answered` at once: a value that is known to be there. */
  holds(key: string, value: string | null): void {
    this.answered(this.called("start", key, { kind: "write", value }), { kind: "done" });
  }

  /** The number by which the call is closed. */
  called(client: number | string, key: string, input: RegisterInput): number {
    const call = this.#next++;
    this.#operations.set(call, { client, key, input, calledAt: this.#now() });
    return call;
  }

  answered(call: number, output: RegisterOutput): void {
    const operation = this.#operations.get(call);
    if (operation === undefined) return;
    this.#operations.set(call, { ...operation, returned: { at: this.#now(), output } });
  }

  /** It is certain that it did not and will not take effect. */
  notDone(call: number): void {
    this.#operations.delete(call);
  }

  /** In the order of the calls; those never closed have an unknown outcome. Open reads tell nothing. */
  history(): readonly RegisterOperation[] {
    return [...this.#operations.values()].filter(
      ({ input, returned }) => input.kind !== "read" || returned !== undefined,
    );
  }
}

function describeInput(input: RegisterInput): string {
  switch (input.kind) {
    case "read":
      return "read";
    case "write":
      return `write ${JSON.stringify(input.value)}`;
    case "cas":
      return `cas ${JSON.stringify(input.from)} to ${JSON.stringify(input.to)}`;
  }
}

function describeOutput(output: RegisterOutput | undefined): string {
  if (output === undefined) return "unknown";
  if (output.kind === "value") return JSON.stringify(output.value);
  return output.kind === "done" ? "done" : output.swapped ? "swapped" : "not swapped";
}
