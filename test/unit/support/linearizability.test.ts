import assert from "node:assert/strict";
import { type Random, randomInteger } from "../../../src/base/random.ts";
import { checkLinearizable } from "../../support/linearizability.ts";
import {
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  RegisterRecorder,
  registerModel,
} from "../../support/linearizability-register.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("checkLinearizable", () => {
  for (const { name, given, want } of histories()) {
    it(name, () => {
      const verdict = checkLinearizable(registerModel, given);
      assert.equal(verdict.ok, want, verdict.ok ? "" : verdict.explanation);
    });
  }

  it("tells which key and which operation cannot be explained", () => {
    const verdict = checkLinearizable(registerModel, [
      write("fine", "x", 0, 1),
      write("k", "a", 0, 1),
      write("k", "b", 2, 3),
      read("k", "a", 4, 5),
    ]);
    assert.ok(!verdict.ok);
    assert.match(verdict.explanation, /^key k: no order/);
    assert.match(verdict.explanation, /the state is "b"/);
    assert.match(verdict.explanation, /\[4, 5\] client 1: read -> "a" \(had to come before/);
  });

  it("agrees with a search of all orders on small histories", () => {
    let refused = 0;
    for (let seed = 1; seed <= 2_000; seed++) {
      const history = smallHistory(seededRandom(seed));
      const want = everyOrder(history);
      const verdict = checkLinearizable(registerModel, history);
      assert.equal(verdict.ok, want, `seed ${seed}: ${JSON.stringify(history)}`);
      if (!want) refused += 1;
    }
    assert.ok(refused > 200 && refused < 1_800, `refused ${refused}`);
  });

  it("checks 10,000 operations of 10 clients, with open ones among them", () => {
    const history = simulatedKeys(7);
    assert.equal(history.length, 10_000);
    assert.ok(history.filter(({ returned }) => returned === undefined).length > 100);
    assert.deepEqual(checkLinearizable(registerModel, history), { ok: true });
  });

  it("finds one stale read among 10,000 operations", () => {
    const history = simulatedKeys(8);
    const at = history.findIndex(({ input }, i) => i > 9_800 && input.kind === "read");
    const found = history[at];
    assert.ok(found?.returned !== undefined);
    const output = { kind: "value", value: staleValue(history, at) } as const;
    history[at] = { ...found, returned: { ...found.returned, output } };
    assert.equal(checkLinearizable(registerModel, history).ok, false);
  });
});

describe("RegisterRecorder", () => {
  it("keeps what is unknown open, and drops what was not done", () => {
    let now = 0;
    const recorder = new RegisterRecorder(() => now++);
    recorder.answered(recorder.called(1, "k", { kind: "write", value: "a" }), { kind: "done" });
    recorder.called(2, "k", { kind: "write", value: "b" });
    recorder.notDone(recorder.called(3, "k", { kind: "write", value: "c" }));
    recorder.called(4, "k", { kind: "read" });
    assert.deepEqual(
      recorder.history().map(({ client, returned }) => ({ client, open: returned === undefined })),
      [
        { client: 1, open: false },
        { client: 2, open: true },
      ],
    );
  });
});

/** Of a write that was answered long before. */
function staleValue(history: readonly RegisterOperation[], at: number): string | null {
  const old = history
    .slice(at - 700, at - 500)
    .findLast(({ input, key }) => input.kind === "write" && key === history[at]?.key);
  return old?.input.kind === "write" ? old.input.value : null;
}

function histories(): { name: string; given: RegisterOperation[]; want: boolean }[] {
  return [
    { name: "nothing happened", given: [], want: true },
    { name: "a read sees absence", given: [read("k", null, 0, 1)], want: true },
    {
      name: "reads beside a write may see either value",
      given: [write("k", "a", 0, 10), read("k", null, 1, 9), read("k", "a", 2, 9)],
      want: true,
    },
    {
      name: "reads one after the other may not see a write go back",
      given: [write("k", "a", 0, 10), read("k", "a", 1, 3), read("k", null, 4, 9)],
      want: false,
    },
    {
      name: "planted: a stale read",
      given: [write("k", "a", 0, 1), write("k", "b", 2, 3), read("k", "a", 4, 5)],
      want: false,
    },
    {
      name: "planted: a lost acknowledged write",
      given: [write("k", "a", 0, 1), read("k", null, 2, 3)],
      want: false,
    },
    {
      name: "planted: a write applied twice",
      given: [
        write("k", "a", 0, 1),
        read("k", "a", 2, 3),
        write("k", "b", 4, 5),
        read("k", "b", 6, 7),
        read("k", "a", 8, 9),
      ],
      want: false,
    },
    {
      name: "planted: an open write that took effect twice",
      given: [
        open("k", { kind: "write", value: "a" }, 0),
        read("k", "a", 2, 3),
        write("k", "b", 4, 5),
        read("k", "a", 6, 7),
      ],
      want: false,
    },
    {
      name: "an open write may never take effect",
      given: [open("k", { kind: "write", value: "a" }, 0), read("k", null, 5, 6)],
      want: true,
    },
    {
      name: "an open write may take effect late",
      given: [
        open("k", { kind: "write", value: "a" }, 0),
        write("k", "b", 1, 2),
        read("k", "b", 3, 4),
        read("k", "a", 5, 6),
      ],
      want: true,
    },
    {
      name: "an open write cannot take effect before it was asked for",
      given: [read("k", "a", 0, 1), open("k", { kind: "write", value: "a" }, 2)],
      want: false,
    },
    {
      name: "open swaps may follow one another",
      given: [
        open("k", { kind: "cas", from: null, to: "a" }, 0),
        open("k", { kind: "cas", from: "a", to: "b" }, 0),
        read("k", "b", 5, 6),
      ],
      want: true,
    },
    {
      name: "one of two swaps from the same value wins",
      given: [cas("k", null, "a", true, 0, 5), cas("k", null, "b", false, 0, 5)],
      want: true,
    },
    {
      name: "planted: both of two swaps from the same value win",
      given: [cas("k", null, "a", true, 0, 5), cas("k", null, "b", true, 0, 5)],
      want: false,
    },
    {
      name: "operations that touch at one moment overlap",
      given: [write("k", "a", 0, 5), read("k", null, 5, 6)],
      want: true,
    },
    {
      name: "keys do not see each other",
      given: [write("k", "a", 0, 1), read("j", null, 2, 3)],
      want: true,
    },
    {
      name: "many open writes do not blow up the search",
      given: [
        ...Array.from({ length: 40 }, (_, i) => open("k", { kind: "write", value: `open${i}` }, i)),
        read("k", "open7", 100, 101),
        read("k", "open33", 102, 103),
        read("k", "open7", 104, 105),
      ],
      want: false,
    },
  ];
}

function write(key: string, value: string, from: number, to: number): RegisterOperation {
  const returned = { at: to, output: { kind: "done" } } as const;
  return { client: 1, key, input: { kind: "write", value }, calledAt: from, returned };
}

function read(key: string, value: string | null, from: number, to: number): RegisterOperation {
  const returned = { at: to, output: { kind: "value", value } } as const;
  return { client: 1, key, input: { kind: "read" }, calledAt: from, returned };
}

function cas(
  key: string,
  ...[before, to, swapped, from, until]: [string | null, string, boolean, number, number]
): RegisterOperation {
  const returned = { at: until, output: { kind: "swapped", swapped } } as const;
  return { client: 1, key, input: { kind: "cas", from: before, to }, calledAt: from, returned };
}

function open(key: string, input: RegisterInput, calledAt: number): RegisterOperation {
  return { client: 1, key, input, calledAt };
}

/** A history of a true register, of values that are written once: each operation takes effect between its ends. */
function simulated(seed: number, operations: number, clients: number): RegisterOperation[] {
  const random = seededRandom(seed);
  const planned = Array.from({ length: clients }, (_, client) => {
    let now = 0;
    return Array.from({ length: operations / clients }, () => {
      const calledAt = now + randomInteger(random, 1, 20);
      const effect = calledAt + randomInteger(random, 1, 50);
      now = effect + randomInteger(random, 1, 50);
      return { client, calledAt, effect, returnedAt: now };
    });
  }).flat();
  let state: string | null = null;
  planned.sort((a, b) => a.effect - b.effect);
  return planned.map(({ client, calledAt, returnedAt }, at): RegisterOperation => {
    const input = anInput(random, state, `value${at}`);
    const isOpen = input.kind !== "read" && random.float() < 0.03;
    if (isOpen && random.float() < 0.5) return { client, key: "k", input, calledAt };
    const { state: next, output } = answer(state, input);
    state = next;
    if (isOpen) return { client, key: "k", input, calledAt };
    return { client, key: "k", input, calledAt, returned: { at: returnedAt, output } };
  });
}

/** 10,000 operations of 10 clients on 10 keys. */
function simulatedKeys(seed: number): RegisterOperation[] {
  return Array.from({ length: 10 }, (_, key) =>
    simulated(100 * seed + key, 1_000, 10).map((operation) => ({ ...operation, key: `k${key}` })),
  ).flat();
}

function anInput(random: Random, state: string | null, value: string): RegisterInput {
  const dice = random.float();
  if (dice < 0.4) return { kind: "read" };
  if (dice < 0.7) return { kind: "write", value };
  return { kind: "cas", from: random.float() < 0.6 ? state : "stale", to: value };
}

function answer(
  state: string | null,
  input: RegisterInput,
): { state: string | null; output: RegisterOutput } {
  if (input.kind === "read") return { state, output: { kind: "value", value: state } };
  if (input.kind === "write") return { state: input.value, output: { kind: "done" } };
  const swapped = state === input.from;
  return { state: swapped ? input.to : state, output: { kind: "swapped", swapped } };
}

function smallHistory(random: Random): RegisterOperation[] {
  return Array.from({ length: 6 }, (_, client) => {
    const calledAt = randomInteger(random, 0, 12);
    const input = smallInput(random);
    if (input.kind !== "read" && random.float() < 0.25) {
      return { client, key: "k", input, calledAt };
    }
    const state = random.float() < 0.3 ? null : String(randomInteger(random, 0, 1));
    const { output } = answer(state, input);
    return {
      client,
      key: "k",
      input,
      calledAt,
      returned: { at: calledAt + randomInteger(random, 0, 8), output },
    };
  });
}

function smallInput(random: Random): RegisterInput {
  const value = (): string => String(randomInteger(random, 0, 1));
  const dice = random.float();
  if (dice < 0.4) return { kind: "read" };
  if (dice < 0.6) return { kind: "write", value: value() };
  return { kind: "cas", from: dice < 0.8 ? null : value(), to: value() };
}

/** The definition, taken literally. */
function everyOrder(left: readonly RegisterOperation[], state: string | null = null): boolean {
  if (left.every(({ returned }) => returned === undefined)) return true;
  const firstReturn = Math.min(...left.map(({ returned }) => returned?.at ?? Infinity));
  return left.some((operation) => {
    if (operation.calledAt > firstReturn) return false;
    const next = registerModel.step(state, operation.input, operation.returned?.output);
    return (
      next !== undefined &&
      everyOrder(
        left.filter((other) => other !== operation),
        next.state,
      )
    );
  });
}
