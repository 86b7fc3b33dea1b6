import { setMaxListeners } from "node:events";

/**
 * Aborts with the first of these, and leaves nothing at the others then. `AbortSignal.any` of Node 20 leaves something at each of them for
 * as long as they live, which counts at a signal that lives as long as the daemon. One of them must abort in the end.
 */
export function anySignal(...sources: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const aborted = sources.find((source) => source.aborted);
  if (aborted !== undefined) {
    controller.abort(aborted.reason);
    return controller.signal;
  }
  setMaxListeners(0, ...sources); // many calls at once are no leak
  const listeners = sources.map((source) => {
    const onAbort = (): void => {
      for (const [other, listener] of listeners) other.removeEventListener("abort", listener);
      controller.abort(source.reason);
    };
    source.addEventListener("abort", onAbort);
    return [source, onAbort] as const;
  });
  return controller.signal;
}
