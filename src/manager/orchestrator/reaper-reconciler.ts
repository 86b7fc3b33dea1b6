import { clusterSettingsOf } from "../../model/defaults.ts";
import type { Reconciler } from "../../store/reconcile-loop.ts";
import { earliestWake } from "./actions.ts";
import { planAttachmentReap } from "./attachments.ts";
import { changesOf } from "./change-of-action.ts";
import { planReap } from "./reaper.ts";
import { nodesOf } from "./service-reconciler.ts";

/** Takes tasks out of the store that nobody needs any more. Keys are service ids, "" for tasks without a service. */
export const reaperReconciler: Reconciler = {
  name: "reaper",
  *keysOf(event, view) {
    if (event.table === "task" && event.kind !== "remove") yield event.object.serviceId;
    if (event.table === "cluster") yield* this.allKeys(view);
    if (event.table === "service") yield event.object.id;
  },
  *allKeys(view) {
    for (const task of view.all("task")) yield task.serviceId;
  },
  reconcile(view, key, { nowMs }) {
    const limit = clusterSettingsOf(view.cluster()).taskHistoryLimit;
    const service = view.get("service", key);
    const tasks = [...view.tasksOfService(key)];
    const actions = planReap(service, tasks, nodesOf(view), { limit });
    if (key === "") actions.push(...planAttachmentReap(tasks, nowMs));
    const wakeAtMs = earliestWake(actions);
    return {
      changes: changesOf(actions, nowMs),
      ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    };
  },
};
