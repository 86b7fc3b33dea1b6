import assert from "node:assert/strict";
import type { LoadHistory } from "./consensus-load.ts";
import { checkLinearizable } from "./linearizability.ts";
import { registerModel } from "./linearizability-register.ts";
import { getJson } from "./test-cluster.ts";
import type { TestDaemon } from "./test-daemon.ts";
import { until } from "./until.ts";

/** Fails unless the registers' history is linearizable and every manager shows every config whose creation was acknowledged. */
export async function assertConsistent(
  history: LoadHistory,
  daemons: readonly TestDaemon[],
): Promise<void> {
  const verdict = checkLinearizable(registerModel, history.operations);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.explanation);
  for (const daemon of daemons) {
    const configs = await until(`a listing of ${daemon.host.name}`, 15_000, () =>
      getJson<{ Spec: { Name: string } }[]>(daemon, "/configs").catch(() => undefined),
    );
    assert.deepEqual(lostOf(history, new Set(configs.map(({ Spec }) => Spec.Name))), []);
  }
}

/** The acknowledged configs that are not among `names`. */
export function lostOf({ created }: LoadHistory, names: ReadonlySet<string>): string[] {
  return [...created].filter((name) => !names.has(name));
}

/** One line for the test's output. */
export function describeHistory({ operations, created, calls }: LoadHistory): string {
  const counts = new Map<string, number>();
  for (const { outcome } of calls) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
  return `${calls.length} calls (${kinds}), ${operations.length} on registers, ${created.size} configs`;
}

/** The longest time in which no write succeeded anywhere, milliseconds. */
export function longestGapMs({ calls }: LoadHistory): number {
  const ends = calls
    .filter(({ what, outcome }) => outcome === "ok" && what.startsWith("POST"))
    .map(({ endMs }) => endMs)
    .sort((a, b) => a - b);
  let gap = 0;
  for (const [index, end] of ends.entries()) gap = Math.max(gap, end - (ends[index - 1] ?? end));
  return Math.round(gap);
}
