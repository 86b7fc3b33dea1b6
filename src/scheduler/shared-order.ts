import { Heap } from "./heap.ts";
import type { NodeLoad } from "./node-info.ts";

const setAsideMax = 256;

interface Entry {
  readonly load: NodeLoad;
  taskCount: number;
}

/**
 * Nodes by number of tasks, then id: the order in which services that have nothing there yet fill them. Many small groups share one,
 * so that each does not have to look at every node.
 */
export class SharedOrder {
  readonly #entries: Heap<Entry>;

  constructor(loads: readonly NodeLoad[]) {
    this.#entries = new Heap(
      loads.map((load) => ({ load, taskCount: load.taskCount })),
      (a, b) =>
        a.taskCount !== b.taskCount ? a.taskCount < b.taskCount : a.load.node.id < b.load.node.id,
    );
  }

  /**
   * The first node for which `suits` holds, or `undefined` when there is none among the first few hundred: then look at all nodes.
   */
  take(suits: (load: NodeLoad) => boolean): NodeLoad | undefined {
    const aside: Entry[] = [];
    let found: NodeLoad | undefined;
    for (let first = this.#entries.first(); first; first = this.#entries.first()) {
      if (first.taskCount !== first.load.taskCount) {
        first.taskCount = first.load.taskCount;
        this.#entries.firstChanged();
      } else if (suits(first.load)) {
        found = first.load;
        break;
      } else {
        if (aside.length === setAsideMax) break;
        aside.push(first);
        this.#entries.removeFirst();
      }
    }
    for (const entry of aside) this.#entries.add(entry);
    return found;
  }
}
