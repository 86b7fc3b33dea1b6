import { IndexHeap } from "./index-heap.ts";
import type { NodeLoad } from "./node-info.ts";

/**
 * Nodes by number of tasks, then id: the order in which services that have nothing there yet fill them. Many small groups share one,
 * so that each does not have to look at every node.
 */
export class SharedOrder {
  readonly #loads: readonly NodeLoad[];
  readonly #heap: IndexHeap;
  readonly #setAsideMax: number;
  #setAside: number[] = [];

  /** `loads` by id. Gives up after `setAsideMax` nodes that do not suit. */
  constructor(loads: readonly NodeLoad[], setAsideMax: number) {
    this.#loads = loads;
    this.#setAsideMax = setAsideMax;
    const keys = new Float64Array(loads.length);
    loads.forEach((load, at) => {
      keys[at] = load.taskCount;
    });
    this.#heap = new IndexHeap(keys);
  }

  /**
   * The first node for which `suits` holds; those before it are not looked at again until `endGroup`, so they must not come to suit.
   * `undefined` when there is none, or too many did not suit: then look at all nodes.
   */
  take(suits: (load: NodeLoad) => boolean): NodeLoad | undefined {
    const heap = this.#heap;
    for (let first = heap.first(); first !== undefined; first = heap.first()) {
      const load = this.#loads[first];
      if (load === undefined) break;
      if (heap.firstKey() !== load.taskCount) {
        heap.changeFirst(load.taskCount);
      } else if (suits(load)) {
        return load;
      } else {
        if (this.#setAside.length >= this.#setAsideMax) return undefined;
        this.#setAside.push(first);
        heap.removeFirst();
      }
    }
    return undefined;
  }

  /** Makes all nodes available to the next group. */
  endGroup(): void {
    for (const index of this.#setAside) this.#heap.add(index);
    this.#setAside = [];
  }
}
