import type { Annotations } from "../../gen/skep/Annotations.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { Config } from "../../gen/skep/Config.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { Secret } from "../../gen/skep/Secret.ts";
import type { ObjectOf, TableName } from "../objects.ts";
import { NodeTable } from "./node-table.ts";
import { ServiceTable } from "./service-table.ts";
import { Table } from "./table.ts";
import { TaskTable } from "./task-table.ts";

/** All objects in memory. */
export interface Tables {
  readonly cluster: Table<Cluster>;
  readonly node: NodeTable;
  readonly service: ServiceTable;
  readonly task: TaskTable;
  readonly network: Table<Network>;
  readonly secret: Table<Secret>;
  readonly config: Table<Config>;
}

/** Empty tables. */
export function createTables(): Tables {
  return {
    cluster: new Table<Cluster>(),
    node: new NodeTable(),
    service: new ServiceTable(),
    task: new TaskTable(),
    network: new Table<Network>({ nameOf: specName }),
    secret: new Table<Secret>({ nameOf: specName }),
    config: new Table<Config>({ nameOf: specName }),
  };
}

/** The table of that name. */
export function tableOf<T extends TableName>(tables: Tables, name: T): Table<ObjectOf[T]> {
  const byName: { readonly [K in TableName]: Table<ObjectOf[K]> } = tables;
  return byName[name];
}

function specName(object: {
  readonly spec: { readonly annotations: Annotations | null } | null;
}): string {
  return object.spec?.annotations?.name ?? "";
}
