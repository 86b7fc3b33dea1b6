import { isDeepStrictEqual } from "node:util";
import type { Node } from "../../gen/skep/Node.ts";
import { isReplicated, isReplicatedJob } from "../../model/service-mode.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { Reconciler } from "../../store/reconcile-loop.ts";
import type { StoreView } from "../../store/store-view.ts";
import { earliestWake } from "./actions.ts";
import { changesOf } from "./change-of-action.ts";
import type { NodeList } from "./global.ts";
import { reconcileService } from "./reconcile-service.ts";

/** Keeps each service's tasks as its spec says. Keys are service ids. */
export const serviceReconciler: Reconciler = {
  name: "services",
  keysOf: serviceKeysOf,
  *allKeys(view) {
    for (const service of view.all("service")) yield service.id;
    for (const task of view.all("task")) if (task.serviceId !== "") yield task.serviceId;
  },
  reconcile(view, key, { nowMs, newId }) {
    const logDriver = view.cluster()?.spec?.taskDefaults?.logDriver ?? null;
    const context = { nowMs, newId, logDriver };
    const service = view.get("service", key);
    const actions = reconcileService(service, view.tasksOfService(key), nodesOf(view), context);
    const wakeAtMs = earliestWake(actions);
    return {
      changes: changesOf(actions, nowMs),
      ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    };
  },
};

/** The nodes of a view, as decisions read them. */
export function nodesOf(view: StoreView): NodeList {
  return { get: (nodeId) => view.get("node", nodeId), all: () => view.all("node") };
}

function* serviceKeysOf(event: StoreEvent, view: StoreView): Iterable<string> {
  switch (event.table) {
    case "service":
      yield event.object.id;
      return;
    case "task":
      if (event.object.serviceId !== "") yield event.object.serviceId;
      return;
    case "node":
      if (event.kind === "update" && isSameToServices(event.object, event.previous)) return;
      for (const task of view.tasksOfNode(event.object.id)) {
        if (task.serviceId !== "") yield task.serviceId;
      }
      for (const service of view.all("service")) {
        if (!isReplicated(service) && !isReplicatedJob(service)) yield service.id;
      }
      return;
    default:
      return;
  }
}

/** Nothing changed that decides whether the node takes or keeps tasks. */
function isSameToServices(node: Node, previous: Node | undefined): boolean {
  return (
    previous !== undefined &&
    node.status?.state === previous.status?.state &&
    isDeepStrictEqual(node.spec, previous.spec) &&
    isDeepStrictEqual(node.description, previous.description) &&
    node.role === previous.role
  );
}
