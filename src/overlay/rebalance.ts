import { addressOf } from "../base/ip.ts";
import type { NetworkState } from "./network-state.ts";

/** Pure: addresses that served in `before` and do not in `after`. */
export function stoppedBackends(before: NetworkState, after: NetworkState): readonly string[] {
  const serving = new Set(
    after.endpoints.filter((endpoint) => endpoint.serving).map(({ address }) => address),
  );
  return before.endpoints
    .filter((endpoint) => endpoint.serving && !serving.has(endpoint.address))
    .map(({ address }) => addressOf(address));
}

/** Pure: a small number that differs from name to name and is always the same for one. */
export function turnOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % 1009;
}
