import { newId } from "../base/ids.ts";
import type { ControlDeps, ControlMethods } from "./control/methods.ts";
import { dryRun } from "./dry-run.ts";

/** Control of what would be. */
export function dryRunMethods({
  store,
  readBarrier,
  clock,
  random,
}: ControlDeps): Pick<ControlMethods, "dryRun"> {
  return {
    async dryRun(input) {
      await readBarrier();
      return dryRun(store.view(), input, { nowMs: clock.now(), newId: () => newId(random) });
    },
  };
}
