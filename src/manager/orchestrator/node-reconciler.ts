import type { Reconciler } from "../../store/reconcile-loop.ts";
import { type Action, earliestWake } from "./actions.ts";
import { changesOf } from "./change-of-action.ts";
import { enforceConstraints } from "./constraint-enforcer.ts";
import { planOrphans } from "./orphans.ts";

/** Watches over the tasks of each node: those that no longer fit there, those whose node is lost. Keys are node ids. */
export const nodeReconciler: Reconciler = {
  name: "nodes",
  *keysOf(event, view) {
    if (event.table === "node") yield event.object.id;
    // A task may have been given to a node that was removed, or that changed, at the same time.
    if (event.table === "task" && event.object.nodeId !== "") {
      const isNew = event.kind === "create" || event.previous?.nodeId !== event.object.nodeId;
      if (isNew || view.get("node", event.object.nodeId) === undefined) yield event.object.nodeId;
    }
  },
  *allKeys(view) {
    for (const node of view.all("node")) yield node.id;
    for (const task of view.all("task")) if (task.nodeId !== "") yield task.nodeId;
  },
  reconcile(view, key, { nowMs }) {
    const node = view.get("node", key);
    const tasks = [...view.tasksOfNode(key)];
    const actions: Action[] = planOrphans(node, tasks, nowMs);
    if (node !== undefined) actions.push(...enforceConstraints(node, tasks));
    const wakeAtMs = earliestWake(actions);
    return {
      changes: changesOf(actions, nowMs),
      ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    };
  },
};
