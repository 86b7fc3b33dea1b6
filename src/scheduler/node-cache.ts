import type { StoreEvent } from "../store/objects.ts";
import type { StoreView } from "../store/store-view.ts";
import { type NodeInfo, nodeInfoOf } from "./node-info.ts";

/** Keeps the NodeInfo of each node; only nodes that something happened to are summed up again. */
export class NodeCache {
  readonly #infos = new Map<string, NodeInfo>();
  readonly #stale = new Set<string>();

  /** Everything is to be read again. */
  reset(view: StoreView): void {
    this.#infos.clear();
    this.#stale.clear();
    for (const node of view.all("node")) this.#stale.add(node.id);
  }

  note(event: StoreEvent): void {
    if (event.table === "node") this.#stale.add(event.object.id);
    if (event.table === "task") {
      if (event.object.nodeId !== "") this.#stale.add(event.object.nodeId);
      const before = event.previous?.nodeId ?? "";
      if (before !== "") this.#stale.add(before);
    }
  }

  /** Sums up nodes until none is stale (true), or `isTimeUp` (false: call again after a pause). */
  refresh(view: StoreView, isTimeUp: () => boolean): boolean {
    for (const id of this.#stale) {
      if (isTimeUp()) return false;
      this.#stale.delete(id);
      const node = view.get("node", id);
      if (node === undefined) this.#infos.delete(id);
      else this.#infos.set(id, nodeInfoOf(node, view.tasksOfNode(id)));
    }
    return true;
  }

  infos(): Iterable<NodeInfo> {
    return this.#infos.values();
  }
}
