import { Heap } from "./heap.ts";
import type { NodeLoad } from "./node-info.ts";

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
  readonly #setAsideMax: number;
  #setAside: Entry[] = [];

  /** Gives up after `setAsideMax` nodes that do not suit. */
  constructor(loads: readonly NodeLoad[], setAsideMax: number) {
    this.#setAsideMax = setAsideMax;
    this.#entries = new Heap(
      loads.map((load) => ({ load, taskCount: load.taskCount })),
      (a, b) =>
        a.taskCount !== b.taskCount ? a.taskCount < b.taskCount : a.load.node.id < b.load.node.id,
    );
  }

  /**
   * The first node for which `suits` holds; those before it are not looked at again until `endGroup`, so they must not come to suit.
   * `undefined` when there is none, or too many did not suit: then look at all nodes.
   */
  take(suits: (load: NodeLoad) => boolean): NodeLoad | undefined {
    for (let first = this.#entries.first(); first; first = this.#entries.first()) {
      if (first.taskCount !== first.load.taskCount) {
        first.taskCount = first.load.taskCount;
        this.#entries.firstChanged();
      } else if (suits(first.load)) {
        return first.load;
      } else {
        if (this.#setAside.length >= this.#setAsideMax) return undefined;
        this.#setAside.push(first);
        this.#entries.removeFirst();
      }
    }
    return undefined;
  }

  /** Makes all nodes available to the next group. */
  endGroup(): void {
    for (const entry of this.#setAside) this.#entries.add(entry);
    this.#setAside = [];
  }
}
