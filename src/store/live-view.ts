import type { Cluster } from "../gen/skep/Cluster.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { Service } from "../gen/skep/Service.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { ObjectOf, TableName } from "./objects.ts";
import type { NamedTable, StoreView } from "./store-view.ts";
import { type Tables, tableOf } from "./tables/tables.ts";

/** The tables as a view. */
export class LiveView implements StoreView {
  readonly index: number;
  readonly #tables: Tables;

  constructor(tables: Tables, index: number) {
    this.#tables = tables;
    this.index = index;
  }

  cluster(): Cluster | undefined {
    for (const cluster of this.#tables.cluster.values()) return cluster;
    return undefined;
  }

  get<T extends TableName>(table: T, id: string): ObjectOf[T] | undefined {
    return tableOf(this.#tables, table).get(id);
  }

  all<T extends TableName>(table: T): Iterable<ObjectOf[T]> {
    return tableOf(this.#tables, table).values();
  }

  count(table: TableName): number {
    return this.#tables[table].size;
  }

  byName<T extends NamedTable>(table: T, name: string): ObjectOf[T] | undefined {
    return tableOf(this.#tables, table).byName(name);
  }

  nodesByHostname(hostname: string): readonly Node[] {
    return [...this.#tables.node.byHostname.get(hostname.toLowerCase())];
  }

  byIdPrefix<T extends TableName>(table: T, prefix: string): readonly ObjectOf[T][] {
    return withIdPrefix(this.all(table), prefix);
  }

  tasksOfService(serviceId: string): readonly Task[] {
    return [...this.#tables.task.byService.get(serviceId)];
  }

  tasksOfNode(nodeId: string): readonly Task[] {
    return [...this.#tables.task.byNode.get(nodeId)];
  }

  tasksOfSlot(serviceId: string, slot: number): readonly Task[] {
    return [...this.#tables.task.bySlot.get(serviceId, slot)];
  }

  servicesUsingNetwork(networkId: string): readonly Service[] {
    return [...this.#tables.service.byNetwork.get(networkId)];
  }

  servicesUsingSecret(secretId: string): readonly Service[] {
    return [...this.#tables.service.bySecret.get(secretId)];
  }

  servicesUsingConfig(configId: string): readonly Service[] {
    return [...this.#tables.service.byConfig.get(configId)];
  }
}

/** The objects whose id starts with `prefix`, sorted by id. */
export function withIdPrefix<O extends { readonly id: string }>(
  objects: Iterable<O>,
  prefix: string,
): readonly O[] {
  const found: O[] = [];
  for (const object of objects) if (object.id.startsWith(prefix)) found.push(object);
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}
