import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { SchedulerLoop } from "../scheduler/scheduler-loop.ts";
import { ReconcileLoop } from "../store/reconcile-loop.ts";
import type { Store } from "../store/store.ts";
import { startAllocator } from "./allocator/allocator-loop.ts";
import { rotationReconciler } from "./ca-rotation.ts";
import { networkReaper } from "./network-reaper.ts";
import { startOrchestration } from "./orchestrator/orchestration.ts";
import type { RaftControl } from "./raft-control.ts";
import { RoleManager } from "./role-manager.ts";

export interface LeaderLoopDeps {
  readonly store: Store;
  readonly raft: RaftControl;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Starts everything that only the leader does to the state by itself; `stop` resolves when nothing is proposed any more. */
export function startLeaderLoops(deps: LeaderLoopDeps): { stop(): Promise<void> } {
  const roles = new RoleManager(deps);
  const allocator = startAllocator(deps);
  const scheduler = new SchedulerLoop(deps);
  const reaper = new ReconcileLoop(networkReaper, deps);
  const orchestration = startOrchestration(deps);
  const rotation = new ReconcileLoop(rotationReconciler(deps.random), { ...deps, debounceMs: 100 });
  scheduler.start();
  reaper.start();
  rotation.start();
  roles.start();
  return {
    async stop() {
      await Promise.all([
        roles.stop(),
        orchestration.stop(),
        reaper.stop(),
        rotation.stop(),
        scheduler.stop(),
        allocator.stop(),
      ]);
    },
  };
}
