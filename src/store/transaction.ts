import { ClusterError } from "../base/errors.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { Service } from "../gen/skep/Service.ts";
import type { Task } from "../gen/skep/Task.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { withIdPrefix } from "./live-view.ts";
import { completeObject } from "./object-codecs.ts";
import { type InputOf, type ObjectOf, type TableName, tableNames, versionOf } from "./objects.ts";
import { alreadyExists, nameTaken, outOfDate } from "./refusals.ts";
import type { StoreChange } from "./store-entry.ts";
import type { NamedTable, Transaction } from "./store-view.ts";
import { createTables, type Tables, tableOf } from "./tables/tables.ts";

/** Changes on top of tables that stay as they are. Each object is written at most once, however often it was touched. */
export class OverlayTransaction implements Transaction {
  readonly index: number;
  readonly #base: Tables;
  readonly #overlay = createTables();
  /** What was touched, by id; `null` when it was made and removed again. */
  readonly #touched = touchedNothing();
  #actionCount = 0;

  constructor(base: Tables, index: number) {
    this.#base = base;
    this.index = index;
  }

  /** What is to be proposed. */
  changes(): readonly StoreChange[] {
    return tableNames.flatMap((table) =>
      [...this.#touched[table].values()].filter((change) => change !== null),
    );
  }

  get actionCount(): number {
    return this.#actionCount;
  }

  create<T extends TableName>(table: T, input: InputOf[T]): void {
    const object = deepFreeze(completeObject(table, { ...input, meta: null }));
    if (object.id === "") throw new ClusterError("INVALID_ARGUMENT", `the new ${table} has no id`);
    if (this.get(table, object.id) !== undefined) throw alreadyExists(table, object.id);
    this.#checkName(table, object);
    const before = this.#touched[table].get(object.id);
    // An object that was removed in this transaction and made again replaces the stored one.
    const expectedIndex = before?.expectedIndex ?? 0;
    this.#write(table, object, before ? "update" : "create", expectedIndex);
  }

  update<T extends TableName>(table: T, object: ObjectOf[T]): void {
    const current = this.get(table, object.id);
    if (current === undefined) throw notFound(table, object.id);
    if (versionOf(current) !== versionOf(object)) throw outOfDate(table, object.id);
    this.#checkName(table, object);
    const before = this.#touched[table].get(object.id);
    const kind = before?.kind === "create" ? "create" : "update";
    this.#write(table, deepFreeze(object), kind, before?.expectedIndex ?? versionOf(current));
  }

  remove(table: TableName, id: string): void {
    const current = this.get(table, id);
    if (current === undefined) throw notFound(table, id);
    const before = this.#touched[table].get(id);
    const expectedIndex = before?.expectedIndex ?? versionOf(current);
    const change = { kind: "remove", table, expectedIndex, object: current };
    tableOf(this.#overlay, table).delete(id);
    this.#note(table, id, before?.kind === "create" ? null : (change as StoreChange));
  }

  cluster(): Cluster | undefined {
    for (const cluster of this.all("cluster")) return cluster;
    return undefined;
  }

  get<T extends TableName>(table: T, id: string): ObjectOf[T] | undefined {
    return this.#touched[table].has(id)
      ? tableOf(this.#overlay, table).get(id)
      : tableOf(this.#base, table).get(id);
  }

  *all<T extends TableName>(table: T): Iterable<ObjectOf[T]> {
    for (const object of tableOf(this.#base, table).values()) {
      if (!this.#touched[table].has(object.id)) yield object;
    }
    yield* tableOf(this.#overlay, table).values();
  }

  count(table: TableName): number {
    let touchedInBase = 0;
    for (const id of this.#touched[table].keys()) {
      if (this.#base[table].get(id) !== undefined) touchedInBase += 1;
    }
    return this.#base[table].size - touchedInBase + this.#overlay[table].size;
  }

  byName<T extends NamedTable>(table: T, name: string): ObjectOf[T] | undefined {
    const mine = tableOf(this.#overlay, table).byName(name);
    if (mine !== undefined) return mine;
    const stored = tableOf(this.#base, table).byName(name);
    return stored !== undefined && !this.#touched[table].has(stored.id) ? stored : undefined;
  }

  nodesByHostname(hostname: string): readonly Node[] {
    return this.#merged("node", (tables) => tables.node.byHostname.get(hostname.toLowerCase()));
  }

  byIdPrefix<T extends TableName>(table: T, prefix: string): readonly ObjectOf[T][] {
    return withIdPrefix(this.all(table), prefix);
  }

  tasksOfService(serviceId: string): readonly Task[] {
    return this.#merged("task", (tables) => tables.task.byService.get(serviceId));
  }

  tasksOfNode(nodeId: string): readonly Task[] {
    return this.#merged("task", (tables) => tables.task.byNode.get(nodeId));
  }

  tasksOfSlot(serviceId: string, slot: number): readonly Task[] {
    return this.#merged("task", (tables) => tables.task.bySlot.get(serviceId, slot));
  }

  servicesUsingNetwork(networkId: string): readonly Service[] {
    return this.#merged("service", (tables) => tables.service.byNetwork.get(networkId));
  }

  servicesUsingSecret(secretId: string): readonly Service[] {
    return this.#merged("service", (tables) => tables.service.bySecret.get(secretId));
  }

  servicesUsingConfig(configId: string): readonly Service[] {
    return this.#merged("service", (tables) => tables.service.byConfig.get(configId));
  }

  #write<T extends TableName>(
    table: T,
    object: ObjectOf[T],
    kind: "create" | "update",
    expectedIndex: number,
  ): void {
    tableOf(this.#overlay, table).put(object);
    const change = { kind, table, expectedIndex, object };
    this.#note(table, object.id, change as StoreChange);
  }

  #note(table: TableName, id: string, change: StoreChange | null): void {
    const before = this.#touched[table].get(id);
    this.#actionCount += (change ? 1 : 0) - (before ? 1 : 0);
    this.#touched[table].set(id, change);
  }

  #checkName<T extends TableName>(table: T, object: ObjectOf[T]): void {
    const name = tableOf(this.#base, table).nameKeyOf(object);
    if (name === undefined) return;
    const holder = this.byName(table as NamedTable, name);
    if (holder !== undefined && holder.id !== object.id) throw nameTaken(table, name);
  }

  #merged<T extends TableName>(
    table: T,
    find: (tables: Tables) => Iterable<ObjectOf[T]>,
  ): readonly ObjectOf[T][] {
    const stored = find(this.#base);
    const touched = this.#touched[table];
    if (touched.size === 0) return [...stored];
    const merged: ObjectOf[T][] = [];
    for (const object of stored) {
      if (!touched.has(object.id)) merged.push(object);
    }
    for (const object of find(this.#overlay)) merged.push(object);
    return merged;
  }
}

function touchedNothing(): Record<TableName, Map<string, StoreChange | null>> {
  return {
    cluster: new Map(),
    node: new Map(),
    service: new Map(),
    task: new Map(),
    network: new Map(),
    secret: new Map(),
    config: new Map(),
  };
}

function notFound(table: TableName, id: string): ClusterError {
  return new ClusterError("NOT_FOUND", `${table} ${id} not found`);
}
