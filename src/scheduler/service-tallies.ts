/** A service's counts are a flat array once it counts at one of so many nodes. */
const nodesPerCount = 16;

/**
 * How many tasks of a service a pass has placed on a node. Few are kept in a map, many in a flat array of at most 64 bytes a task: one
 * map of services for each of 10,000 nodes instead costs several cache misses a task, and is much for the garbage collector to copy.
 */
export class ServiceTallies {
  readonly #tallies = new Map<string, Map<number, number> | Int32Array>();
  #nodes = 0;

  /** Gives the next node its index. All nodes are to be added before anything is counted. */
  addNode(): number {
    this.#nodes += 1;
    return this.#nodes - 1;
  }

  get(serviceId: string, index: number): number {
    const tally = this.#tallies.get(serviceId);
    if (tally === undefined) return 0;
    return (tally instanceof Int32Array ? tally[index] : tally.get(index)) ?? 0;
  }

  /** Counts one more. */
  add(serviceId: string, index: number): void {
    const tally = this.#tallies.get(serviceId);
    if (tally instanceof Int32Array) {
      tally[index] = (tally[index] ?? 0) + 1;
    } else if (tally === undefined) {
      this.#tallies.set(serviceId, new Map([[index, 1]]));
    } else {
      tally.set(index, (tally.get(index) ?? 0) + 1);
      if (tally.size * nodesPerCount > this.#nodes) {
        this.#tallies.set(serviceId, flatten(tally, this.#nodes));
      }
    }
  }
}

function flatten(tally: ReadonlyMap<number, number>, nodes: number): Int32Array {
  const flat = new Int32Array(nodes);
  for (const [index, count] of tally) flat[index] = count;
  return flat;
}
