import { ClusterError } from "../base/errors.ts";
import type { GenericResource } from "../gen/skep/GenericResource.ts";

/**
 * Pure: what `--node-generic-resource` offers the cluster. "SSD=3" is an amount, "GPU=UUID-1" one by name; several are separated by
 * commas or given one by one. INVALID_ARGUMENT when a kind is given as both or twice as an amount (dockerd's rules).
 */
export function parseGenericResources(texts: readonly string[]): GenericResource[] {
  const found: GenericResource[] = [];
  for (const text of texts.flatMap((list) => list.split(","))) {
    const [, kind = "", value = ""] = /^\s*([^=\s]+)=(\S+)\s*$/.exec(text) ?? [];
    if (kind === "") throw wrong(text, "is not kind=value, as SSD=3 or GPU=UUID-1");
    const before = found.filter(({ named, discrete }) => (named ?? discrete)?.kind === kind);
    const amount = /^\d+$/.test(value) ? Number(value) : undefined;
    if (amount !== undefined && (amount === 0 || !Number.isSafeInteger(amount))) {
      throw wrong(text, "has an amount that is not from 1");
    }
    const mixes = before.some(({ discrete }) => discrete !== undefined || amount !== undefined);
    if (mixes) throw wrong(text, `gives ${kind} twice: use one amount, or names`);
    if (before.some(({ named }) => named?.value === value)) {
      throw wrong(text, `names ${value} twice`);
    }
    found.push(
      amount === undefined ? { named: { kind, value } } : { discrete: { kind, value: amount } },
    );
  }
  return found;
}

function wrong(text: string, why: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `option --node-generic-resource: "${text}" ${why}`);
}
