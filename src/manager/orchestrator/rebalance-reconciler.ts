import type { StoreEvent } from "../../store/objects.ts";
import type { Reconciler } from "../../store/reconcile-loop.ts";
import type { StoreView } from "../../store/store-view.ts";
import { nextRebalanceStep, wantsRebalancing } from "./rebalance.ts";

/**
 * Marks the tasks of uneven services that are to move; the service reconciler replaces a marked task start-first.
 * Keys are service ids.
 */
export const rebalanceReconciler: Reconciler = {
  name: "rebalance",
  keysOf,
  allKeys: wantedServices,
  reconcile(view, key, { nowMs }) {
    const service = view.get("service", key);
    if (service === undefined || !wantsRebalancing(service)) return { changes: [] };
    const nodes = () =>
      [...view.all("node")].map((node) => ({ node, tasks: [...view.tasksOfNode(node.id)] }));
    const step = nextRebalanceStep(service, view.tasksOfService(key), nodes, nowMs);
    if (step.kind === "move") {
      const task = view.get("task", step.taskId);
      if (task === undefined) return { changes: [] };
      return { changes: [(tx) => tx.update("task", { ...task, moving: true })] };
    }
    if (step.kind === "wait" || !service.rebalancing) return { changes: [] };
    return { changes: [(tx) => tx.update("service", { ...service, rebalancing: false })] };
  },
};

function* keysOf(event: StoreEvent, view: StoreView): Iterable<string> {
  if (event.table === "service") {
    if (event.kind !== "remove" && wantsRebalancing(event.object)) yield event.object.id;
  } else if (event.table === "task") {
    const service = view.get("service", event.object.serviceId);
    if (service !== undefined && wantsRebalancing(service)) yield service.id;
  } else if (event.table === "node" && isNewRoom(event)) {
    yield* wantedServices(view);
  }
}

// A node that takes tasks now and did not before.
function isNewRoom(event: StoreEvent & { readonly table: "node" }): boolean {
  const takes = ({ status, spec }: typeof event.object): boolean =>
    status?.state === "READY_NODE" && spec?.availability === "ACTIVE";
  if (event.kind === "remove" || !takes(event.object)) return false;
  return event.previous === undefined || !takes(event.previous);
}

function* wantedServices(view: StoreView): Iterable<string> {
  for (const service of view.all("service")) if (wantsRebalancing(service)) yield service.id;
}
