import { isRunning, type Slot } from "./slots.ts";

/** The `count` lowest numbers from `first` that are not taken. */
export function lowestFree(taken: ReadonlySet<number>, count: number, first: number): number[] {
  const free: number[] = [];
  for (let number = first; free.length < count; number += 1) {
    if (!taken.has(number)) free.push(number);
  }
  return free;
}

/**
 * Which `count` slots go when a service shrinks: those without anything alive, those not yet on a node, then those on the nodes with most
 * copies, so that the rest is spread evenly; non-running before running.
 */
export function scaleDownVictims(slots: readonly Slot[], count: number): Slot[] {
  if (count <= 0) return [];
  const ordered = [...slots].sort(
    (a, b) => Number(isRunning(b)) - Number(isRunning(a)) || a.place.slot - b.place.slot,
  );
  const copies = new Map<string, number>();
  const ranked = ordered.map((slot, order) => ({ slot, order, rank: rankOf(slot, copies) }));
  ranked.sort((a, b) => b.rank - a.rank || b.order - a.order);
  return ranked.slice(0, count).map(({ slot }) => slot);
}

/** How many better copies are on the slot's node; more than any when it has none. */
function rankOf(slot: Slot, copies: Map<string, number>): number {
  const live = [...slot.clean, ...slot.dirty];
  const [task] = live;
  if (task === undefined) return Number.MAX_SAFE_INTEGER;
  if (task.nodeId === "") return Number.MAX_SAFE_INTEGER - 1;
  const rank = copies.get(task.nodeId) ?? 0;
  copies.set(task.nodeId, rank + 1);
  return rank;
}
