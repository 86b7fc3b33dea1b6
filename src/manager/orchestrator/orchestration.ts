import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { ReconcileLoop } from "../../store/reconcile-loop.ts";
import type { Store } from "../../store/store.ts";
import { jobScheduleReconciler } from "./job-schedule-reconciler.ts";
import { nodeReconciler } from "./node-reconciler.ts";
import { reaperReconciler } from "./reaper-reconciler.ts";
import { rebalanceReconciler } from "./rebalance-reconciler.ts";
import { serviceReconciler } from "./service-reconciler.ts";

/** Reaping is no hurry; in this time many dead tasks go in one proposal. */
const reapDebounceMs = 250;

/** What the orchestration loops run on. */
export interface OrchestrationDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts the leader's orchestration; `stop` resolves when nothing is proposed any more. */
export function startOrchestration(deps: OrchestrationDeps): { stop(): Promise<void> } {
  const loops = [
    new ReconcileLoop(serviceReconciler, deps),
    new ReconcileLoop(nodeReconciler, deps),
    new ReconcileLoop(jobScheduleReconciler, deps),
    new ReconcileLoop(rebalanceReconciler, deps),
    new ReconcileLoop(reaperReconciler, { ...deps, debounceMs: reapDebounceMs }),
  ];
  for (const loop of loops) loop.start();
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}
