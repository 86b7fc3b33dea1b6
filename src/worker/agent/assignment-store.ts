import { Level } from "level";
import { ClusterError } from "../../base/errors.ts";
import { findDamagedTable } from "../../base/leveldb-tables.ts";
import type {
  EndpointAssignment,
  EndpointAssignmentInput,
} from "../../gen/skep/EndpointAssignment.ts";
import type {
  NetworkAssignment,
  NetworkAssignmentInput,
} from "../../gen/skep/NetworkAssignment.ts";
import type {
  ServiceAssignment,
  ServiceAssignmentInput,
} from "../../gen/skep/ServiceAssignment.ts";
import type { Task, TaskInput } from "../../gen/skep/Task.ts";
import type { TaskStatus, TaskStatusInput } from "../../gen/skep/TaskStatus.ts";
import { type MessageCodec, messageCodec } from "../../rpc/load-proto.ts";
import { type AssignmentDelta, type AssignmentSet, emptyAssignmentSet } from "./assignment-set.ts";

type Operation = { type: "put"; key: string; value: Buffer } | { type: "del"; key: string };

// Keys: "<prefix>/<id>" -> encoded message. Secrets and configs are not kept: they stay in memory.
const taskCodec = messageCodec<TaskInput, Task>("Task");
const networkCodec = messageCodec<NetworkAssignmentInput, NetworkAssignment>("NetworkAssignment");
const endpointCodec = messageCodec<EndpointAssignmentInput, EndpointAssignment>(
  "EndpointAssignment",
);
const serviceCodec = messageCodec<ServiceAssignmentInput, ServiceAssignment>("ServiceAssignment");
const statusCodec = messageCodec<TaskStatusInput, TaskStatus>("TaskStatus");

/** What the node was told and how far it got, on disk, so that a restarted daemon goes on without a manager. */
export class AssignmentStore {
  readonly #db: Level<string, Buffer>;
  #tail: Promise<void> = Promise.resolve();

  private constructor(db: Level<string, Buffer>) {
    this.#db = db;
  }

  /** DATA_LOSS when the folder's content cannot be read. */
  static async open(folder: string): Promise<AssignmentStore> {
    const table = await findDamagedTable(folder);
    if (table !== undefined) throw damagedStore(folder, new Error(table));
    // A table's checksums are looked at where its index is not compressed.
    const options = { valueEncoding: "buffer", compression: false } as const;
    const db = new Level<string, Buffer>(folder, options);
    try {
      await db.open();
    } catch (error) {
      throw damagedStore(folder, error);
    }
    return new AssignmentStore(db);
  }

  /** DATA_LOSS when a record cannot be read: it is closed then. */
  async load(): Promise<{ set: AssignmentSet; statuses: ReadonlyMap<string, TaskStatus> }> {
    try {
      return await this.#load();
    } catch (error) {
      await this.#db.close();
      throw damagedStore(this.#db.location, error);
    }
  }

  async #load(): Promise<{ set: AssignmentSet; statuses: ReadonlyMap<string, TaskStatus> }> {
    const set = {
      ...emptyAssignmentSet,
      task: await this.#read("task", taskCodec),
      network: await this.#read("network", networkCodec),
      endpoint: await this.#read("endpoint", endpointCodec),
      service: await this.#read("service", serviceCodec),
    };
    return { set, statuses: await this.#read("status", statusCodec) };
  }

  /** Keeps the changed items. Not synced: what a crash of the machine loses, the managers send again. */
  save(deltas: readonly AssignmentDelta[], set: AssignmentSet): Promise<void> {
    const operations = deltas.flatMap(({ kind, id, item }): Operation[] => {
      if (kind === "secret" || kind === "config") return [];
      const key = `${kind}/${id}`;
      if (item === undefined) return [{ type: "del", key }];
      return [{ type: "put", key, value: encodeItem(kind, id, set) }];
    });
    return this.#write(operations);
  }

  saveStatus(taskId: string, status: TaskStatus): Promise<void> {
    return this.#write([
      { type: "put", key: `status/${taskId}`, value: statusCodec.encode(status) },
    ]);
  }

  removeStatus(taskId: string): Promise<void> {
    return this.#write([{ type: "del", key: `status/${taskId}` }]);
  }

  async close(): Promise<void> {
    await this.#tail.catch(() => {});
    await this.#db.close();
  }

  // One batch in flight: overlapping LevelDB batches may be reordered.
  #write(operations: Operation[]): Promise<void> {
    if (operations.length === 0) return Promise.resolve();
    const mine = this.#tail.then(() => this.#db.batch(operations));
    this.#tail = mine.catch(() => {});
    return mine;
  }

  async #read<T>(prefix: string, codec: MessageCodec<never, T>): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for await (const [key, value] of this.#db.iterator({ gte: `${prefix}/`, lt: `${prefix}0` })) {
      found.set(key.slice(prefix.length + 1), codec.decode(value));
    }
    return found;
  }
}

function damagedStore(folder: string, cause: unknown): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `cannot read the node's task store ${folder}; move it away and start the daemon again: the managers tell the tasks anew`,
    { cause },
  );
}

function encodeItem(
  kind: "task" | "network" | "endpoint" | "service",
  id: string,
  set: AssignmentSet,
): Buffer {
  switch (kind) {
    case "task":
      return taskCodec.encode(set.task.get(id) ?? { id });
    case "network":
      return networkCodec.encode(set.network.get(id) ?? { id });
    case "endpoint":
      return endpointCodec.encode(set.endpoint.get(id) ?? { id });
    case "service":
      return serviceCodec.encode(set.service.get(id) ?? { id });
  }
}
