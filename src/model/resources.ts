import type { GenericResource } from "../gen/skep/GenericResource.ts";
import type { Resources } from "../gen/skep/Resources.ts";
import type { Task } from "../gen/skep/Task.ts";

/** The most that the kernel takes for a cgroup's pids.max (PID_MAX_LIMIT). */
export const pidsMax = 4_194_304;

/** An amount of what nodes have and tasks reserve. */
export interface ResourceAmounts {
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  /** How many of each kind of generic resource. */
  readonly generic: ReadonlyMap<string, number>;
}

const noGeneric: ReadonlyMap<string, number> = new Map();
const nothing: ResourceAmounts = { nanoCpus: 0, memoryBytes: 0, generic: noGeneric };

/** The amounts in a resource message: each named generic resource counts as one of its kind. */
export function amountsOf(resources: Resources | null | undefined): ResourceAmounts {
  if (!resources) return nothing;
  return {
    nanoCpus: resources.nanoCpus,
    memoryBytes: resources.memoryBytes,
    generic: countGeneric(resources.generic),
  };
}

/** What the task's spec reserves on its node. */
export function reservationsOf(task: Pick<Task, "spec">): ResourceAmounts {
  return amountsOf(task.spec?.resources?.reservations);
}

/** How many of each kind the list stands for. */
export function countGeneric(list: readonly GenericResource[]): ReadonlyMap<string, number> {
  if (list.length === 0) return noGeneric;
  const counts = new Map<string, number>();
  for (const { named, discrete } of list) {
    if (named) counts.set(named.kind, (counts.get(named.kind) ?? 0) + 1);
    if (discrete) counts.set(discrete.kind, (counts.get(discrete.kind) ?? 0) + discrete.value);
  }
  return counts;
}

/**
 * Picks which generic resources a task gets: named ones by name (lowest first), discrete ones by number.
 * `undefined` when the node has not enough left.
 */
export function claimGeneric(
  wanted: ReadonlyMap<string, number>,
  offered: readonly GenericResource[],
  taken: readonly GenericResource[],
): readonly GenericResource[] | undefined {
  const claim: GenericResource[] = [];
  const takenCounts = countGeneric(taken);
  const takenNames = new Set(taken.flatMap(({ named }) => (named ? [nameKey(named)] : [])));
  for (const [kind, count] of wanted) {
    const names = offered
      .flatMap(({ named }) => (named?.kind === kind ? [named] : []))
      .filter((named) => !takenNames.has(nameKey(named)))
      .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
    if (names.length >= count) {
      claim.push(...names.slice(0, count).map((named) => ({ named, resource: "named" as const })));
      continue;
    }
    const total = countGeneric(offered.filter(({ discrete }) => discrete)).get(kind) ?? 0;
    if (total - (takenCounts.get(kind) ?? 0) < count) return undefined;
    claim.push({ discrete: { kind, value: count }, resource: "discrete" });
  }
  return claim;
}

function nameKey(named: { readonly kind: string; readonly value: string }): string {
  return `${named.kind}=${named.value}`;
}
