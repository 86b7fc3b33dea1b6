import type { Node } from "../gen/skep/Node.ts";
import type { Task } from "../gen/skep/Task.ts";
import { atLeast, isTerminal } from "../model/task-state.ts";
import type { StoreEvent } from "../store/objects.ts";
import { type NodeInfo, nodeInfoOf } from "./node-info.ts";
import type { PlacementStore } from "./placement-store.ts";

type View = ReturnType<PlacementStore["view"]>;

/** Keeps the NodeInfo of each node; only nodes that something happened to are summed up again. */
export class NodeCache {
  readonly #infos = new Map<string, NodeInfo>();
  /** Ids of all infos, in order. */
  readonly #ids: string[] = [];
  readonly #stale = new Set<string>();
  /** Nodes of the store that have not been looked at. */
  #unread: Iterator<Node> | undefined;

  /** Everything is to be read again. */
  reset(view: View): void {
    this.#infos.clear();
    this.#ids.length = 0;
    this.#stale.clear();
    this.#unread = view.all("node")[Symbol.iterator]();
  }

  /** Whether a node is not as it was, other than by a task that was just placed there. */
  note(event: StoreEvent): boolean {
    if (event.table === "node") {
      this.#stale.add(event.object.id);
      return true;
    }
    if (event.table !== "task") return false;
    const { object, previous } = event;
    if (event.kind === "update" && previous !== undefined && sumsUpAlike(object, previous)) {
      return false;
    }
    if (object.nodeId !== "") this.#stale.add(object.nodeId);
    const before = previous?.nodeId ?? "";
    if (before !== "") this.#stale.add(before);
    return (object.nodeId !== "" || before !== "") && !isPlacing(object, previous);
  }

  /** Sums up nodes until none is stale (true), or `isTimeUp` (false: call again after a pause). */
  refresh(view: View, isTimeUp: () => boolean): boolean {
    while (this.#unread !== undefined) {
      if (isTimeUp()) return false;
      const next = this.#unread.next();
      if (next.done) {
        this.#unread = undefined;
      } else {
        this.#know(nodeInfoOf(next.value, view.tasksOfNode(next.value.id)));
      }
    }
    for (const id of this.#stale) {
      if (isTimeUp()) return false;
      this.#stale.delete(id);
      const node = view.get("node", id);
      if (node === undefined) this.#forget(id);
      else this.#know(nodeInfoOf(node, view.tasksOfNode(id)));
    }
    return true;
  }

  /** By id. */
  *infos(): Generator<NodeInfo> {
    for (const id of this.#ids) {
      const info = this.#infos.get(id);
      if (info !== undefined) yield info;
    }
  }

  #know(info: NodeInfo): void {
    const { id } = info.node;
    if (!this.#infos.has(id)) this.#ids.splice(this.#placeOf(id), 0, id);
    this.#infos.set(id, info);
  }

  #forget(id: string): void {
    if (this.#infos.delete(id)) this.#ids.splice(this.#placeOf(id), 1);
  }

  /** How many ids come before it: found by halves, as sorting 10,000 at once would take long. */
  #placeOf(id: string): number {
    let [from, to] = [0, this.#ids.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#ids[middle] ?? "") < id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** Whether a node's sums are the same with either: most reports tell only how far a task has come. */
function sumsUpAlike(task: Task, previous: Task): boolean {
  const [state, before] = [task.status?.state ?? "NEW", previous.status?.state ?? "NEW"];
  return (
    task.nodeId === previous.nodeId &&
    atLeast(state, "ASSIGNED") === atLeast(before, "ASSIGNED") &&
    !isTerminal(state) &&
    !isTerminal(before) &&
    atLeast(task.desiredState, "SHUTDOWN") === atLeast(previous.desiredState, "SHUTDOWN") &&
    // The store shares equal parts of an object's versions.
    task.spec === previous.spec &&
    task.endpoint === previous.endpoint &&
    task.assignedGenericResources === previous.assignedGenericResources
  );
}

function isPlacing(task: Task, previous: Task | undefined): boolean {
  return previous?.status?.state === "PENDING" && task.status?.state === "ASSIGNED";
}
