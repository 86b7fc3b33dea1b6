import { crc32 } from "node:zlib";
import type { Meta } from "../gen/skep/Meta.ts";
import type { Task, TaskInput } from "../gen/skep/Task.ts";
import type { TaskSpec, TaskSpecInput } from "../gen/skep/TaskSpec.ts";
import type { TaskStatus } from "../gen/skep/TaskStatus.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { objectCodecs } from "./object-codecs.ts";
import type { InputOf, ObjectOf, TableName } from "./objects.ts";
import { readTask, writeTask } from "./task-codec.ts";
import { bytesField, FieldReader, FieldWriter } from "./wire.ts";

const specField = 3; // Task.spec
const specCodec = messageCodec<TaskSpecInput, TaskSpec>("TaskSpec");
/** Specs of about 1 KB each that are remembered; of more services at once, some are encoded or decoded again. */
const specsMax = 1_024;
/** Larger ones are not remembered. */
const specBytesMax = 16 * 1024;

interface KnownSpec {
  readonly bytes: Uint8Array;
  readonly spec: TaskSpec;
}

/**
 * Encodes and decodes objects as `objectCodecs` do, but a spec that many tasks carry only once: it is most of their bytes, and of what
 * it takes to read them. Decoded tasks with equal specs share one.
 */
export class SharingCodec {
  readonly #writer = new FieldWriter();
  /** Encoded specs, by the frozen object. */
  readonly #encoded = new Map<TaskSpec, Buffer>();
  /** Decoded specs, by the checksum of their bytes. */
  readonly #decoded = new Map<number, KnownSpec>();
  readonly #encoders: { readonly [T in TableName]: (object: InputOf[T]) => Buffer } = {
    cluster: objectCodecs.cluster.encode,
    node: objectCodecs.node.encode,
    network: objectCodecs.network.encode,
    secret: objectCodecs.secret.encode,
    config: objectCodecs.config.encode,
    service: objectCodecs.service.encode,
    task: (task) => this.#encodeTask(task),
  };
  readonly #decoders: { readonly [T in TableName]: (bytes: Uint8Array) => ObjectOf[T] } = {
    cluster: objectCodecs.cluster.decode,
    node: objectCodecs.node.decode,
    network: objectCodecs.network.decode,
    secret: objectCodecs.secret.decode,
    config: objectCodecs.config.decode,
    service: objectCodecs.service.decode,
    task: (bytes) => this.#decodeTask(bytes),
  };

  encode<T extends TableName>(table: T, object: InputOf[T]): Buffer {
    return this.#encoders[table](object);
  }

  /** Writes the encoded object as a field of a message. */
  write<T extends TableName>(
    writer: FieldWriter,
    field: number,
    table: T,
    object: InputOf[T],
  ): void {
    if (isStoredTask(object)) {
      const start = writer.begin(field);
      this.#writeTask(writer, object);
      writer.end(start);
    } else {
      writer.bytes(field, this.encode(table, object));
    }
  }

  /** Throws what the codecs do for bytes that are no such object. */
  decode<T extends TableName>(table: T, bytes: Uint8Array): ObjectOf[T] {
    return this.#decoders[table](bytes);
  }

  #encodeTask(task: TaskInput): Buffer {
    const { spec } = task;
    if (isStoredTask(task)) {
      this.#writeTask(this.#writer, task);
      return this.#writer.take();
    }
    // One that may change yet is not remembered.
    if (!spec || !Object.isFrozen(spec)) return objectCodecs.task.encode(task);
    const rest = objectCodecs.task.encode({ ...task, spec: null });
    return Buffer.concat([rest, ...bytesField(specField, this.#bytesOf(spec as TaskSpec))]);
  }

  #writeTask(writer: FieldWriter, task: Task): void {
    writeTask(writer, task, task.spec === null ? undefined : this.#bytesOf(task.spec));
  }

  #decodeTask(bytes: Uint8Array): Task {
    return readTask(new FieldReader(bytes), (start, end) =>
      this.#specOf(bytes.subarray(start, end)),
    );
  }

  #bytesOf(spec: TaskSpec): Buffer {
    const known = this.#encoded.get(spec);
    if (known !== undefined) return known;
    const bytes = specCodec.encode(spec);
    if (bytes.length <= specBytesMax) remember(this.#encoded, spec, bytes);
    return bytes;
  }

  #specOf(bytes: Uint8Array): TaskSpec {
    if (bytes.length > specBytesMax) return deepFreeze(specCodec.decode(bytes));
    const key = crc32(bytes);
    const known = this.#decoded.get(key);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.spec;
    const spec = deepFreeze(specCodec.decode(bytes));
    this.#decoded.delete(key);
    remember(this.#decoded, key, { bytes: Uint8Array.from(bytes), spec }); // a copy, else all of the entry stays
    return spec;
  }
}

function remember<K, V>(known: Map<K, V>, key: K, value: V): void {
  const [oldest] = known.keys();
  if (known.size >= specsMax && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}

/** What is frozen is of a table, or was: in its full form. Only tasks have this field. */
function isStoredTask(object: InputOf[TableName]): object is Task {
  return Object.isFrozen(object) && "moving" in object && object.moving !== undefined;
}

/**
 * A copy as tables hold it. Written out, since an object that grew field by field takes twice the memory of one made whole (four times when
 * it is frozen then), and there are very many of these.
 */
export function compactTask(task: Task, spec: TaskSpec | null = task.spec): Task {
  return {
    id: task.id,
    meta: task.meta && compactMeta(task.meta),
    spec,
    specVersion: task.specVersion,
    serviceId: task.serviceId,
    slot: task.slot,
    nodeId: task.nodeId,
    annotations: task.annotations,
    serviceAnnotations: task.serviceAnnotations,
    status: task.status === null ? null : compactStatus(task.status),
    desiredState: task.desiredState,
    networks: task.networks,
    endpoint: task.endpoint,
    logDriver: task.logDriver,
    assignedGenericResources: task.assignedGenericResources,
    jobIteration: task.jobIteration,
    moving: task.moving,
  };
}

function compactMeta({ version, createdAt, updatedAt }: Meta): Meta {
  return {
    version: version && { index: version.index },
    createdAt: createdAt && compactTime(createdAt),
    updatedAt: updatedAt && compactTime(updatedAt),
  };
}

function compactTime({ seconds, nanos }: Timestamp): Timestamp {
  return { seconds, nanos };
}

function compactStatus(status: TaskStatus): TaskStatus {
  const { timestamp, container } = status;
  return {
    timestamp: timestamp && compactTime(timestamp),
    state: status.state,
    message: status.message,
    err: status.err,
    container: container && {
      containerId: container.containerId,
      pid: container.pid,
      exitCode: container.exitCode,
    },
    portStatus: status.portStatus,
    appliedBy: status.appliedBy,
    appliedAt: status.appliedAt && compactTime(status.appliedAt),
    runningAt: status.runningAt && compactTime(status.runningAt),
  };
}
