import type { Cluster } from "../gen/skep/Cluster.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { Service } from "../gen/skep/Service.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { InputOf, ObjectOf, TableName } from "./objects.ts";

/** Tables whose names are unique, without regard to case. */
export type NamedTable = "service" | "network" | "secret" | "config";

/** Read access to all objects as of one moment. Not to be kept over an await: then it shows later changes too. */
export interface StoreView {
  /** Index of the last entry applied. */
  readonly index: number;
  /** The one cluster object; absent before bootstrap. */
  cluster(): Cluster | undefined;
  get<T extends TableName>(table: T, id: string): ObjectOf[T] | undefined;
  /** Every object of the table. A full scan: not for paths that run per change. */
  all<T extends TableName>(table: T): Iterable<ObjectOf[T]>;
  count(table: TableName): number;
  byName<T extends NamedTable>(table: T, name: string): ObjectOf[T] | undefined;
  /** Several nodes may have one host name. */
  nodesByHostname(hostname: string): readonly Node[];
  /** Objects whose id starts so, sorted by id. A full scan, for people's commands. */
  byIdPrefix<T extends TableName>(table: T, prefix: string): readonly ObjectOf[T][];
  tasksOfService(serviceId: string): readonly Task[];
  tasksOfNode(nodeId: string): readonly Task[];
  tasksOfSlot(serviceId: string, slot: number): readonly Task[];
  /** Services whose current spec refers to the object. */
  servicesUsingNetwork(networkId: string): readonly Service[];
  servicesUsingSecret(secretId: string): readonly Service[];
  servicesUsingConfig(configId: string): readonly Service[];
}

/** A view that shows its own changes, which become real together when they are committed. */
export interface Transaction extends StoreView {
  /** How many objects would be written. */
  readonly actionCount: number;
  /** Adds an object; its meta is filled when it is applied. INVALID_ARGUMENT without an id, ALREADY_EXISTS on a taken id or name. */
  create<T extends TableName>(table: T, object: InputOf[T]): void;
  /**
   * Replaces an object; it carries the version it was read with in `meta.version`. OUT_OF_DATE ("update out of sequence") when
   * that is not the current one, NOT_FOUND when it is gone, ALREADY_EXISTS on a taken name.
   */
  update<T extends TableName>(table: T, object: ObjectOf[T]): void;
  /** NOT_FOUND when there is no such object. */
  remove(table: TableName, id: string): void;
}
