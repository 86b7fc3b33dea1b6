import type { Reconciler } from "../store/reconcile-loop.ts";
import { hasEndingTasks } from "./control/networks.ts";

/** Removes a network that was asked to go once the last of its tasks has ended. */
export const networkReaper: Reconciler = {
  name: "network-reaper",
  *keysOf(event, view) {
    if (event.table === "network") yield event.object.id;
    if (event.table !== "task") return;
    for (const { networkId } of event.object.networks) {
      if (view.get("network", networkId)?.pendingDelete === true) yield networkId;
    }
  },
  *allKeys(view) {
    for (const network of view.all("network")) if (network.pendingDelete) yield network.id;
  },
  reconcile(view, id) {
    const network = view.get("network", id);
    if (network?.pendingDelete !== true || hasEndingTasks(view, id)) return { changes: [] };
    return {
      changes: [
        (tx) => {
          if (tx.get("network", id) !== undefined) tx.remove("network", id);
        },
      ],
    };
  },
};
