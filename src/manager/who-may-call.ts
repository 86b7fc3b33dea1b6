import type { StoreEvent } from "../store/objects.ts";

/** Pure: whether after this change a node may no longer do what it is doing: it was removed, left behind, or is no manager any more. */
export function changesWhoMayCall(event: StoreEvent): boolean {
  if (event.table === "cluster") return true;
  if (event.table !== "node") return false;
  return event.kind === "remove" || event.previous?.role !== event.object.role;
}
