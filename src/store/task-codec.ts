import type { Annotations, AnnotationsInput } from "../gen/skep/Annotations.ts";
import type { ContainerStatus } from "../gen/skep/ContainerStatus.ts";
import type { Driver, DriverInput } from "../gen/skep/Driver.ts";
import type { Endpoint, EndpointInput } from "../gen/skep/Endpoint.ts";
import type { GenericResource, GenericResourceInput } from "../gen/skep/GenericResource.ts";
import type { Meta } from "../gen/skep/Meta.ts";
import type { NetworkAttachment, NetworkAttachmentInput } from "../gen/skep/NetworkAttachment.ts";
import type { PortStatus, PortStatusInput } from "../gen/skep/PortStatus.ts";
import type { Task } from "../gen/skep/Task.ts";
import type { TaskSpec } from "../gen/skep/TaskSpec.ts";
import type { TaskState } from "../gen/skep/TaskState.ts";
import type { TaskStatus } from "../gen/skep/TaskStatus.ts";
import type { Timestamp } from "../gen/skep/Timestamp.ts";
import type { Version } from "../gen/skep/Version.ts";
import { taskStateOrder, taskStates } from "../model/task-state.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import type { FieldReader, FieldWriter } from "./wire.ts";

// Task of objects.proto, read and written without the objects in between that the general codec makes: a snapshot has very many. What few tasks
// have is left to that codec. A test holds both to the same schema.

const annotationsCodec = messageCodec<AnnotationsInput, Annotations>("Annotations");
const networkCodec = messageCodec<NetworkAttachmentInput, NetworkAttachment>("NetworkAttachment");
const endpointCodec = messageCodec<EndpointInput, Endpoint>("Endpoint");
const driverCodec = messageCodec<DriverInput, Driver>("Driver");
const genericCodec = messageCodec<GenericResourceInput, GenericResource>("GenericResource");
const portsCodec = messageCodec<PortStatusInput, PortStatus>("PortStatus");

const stateOf: ReadonlyMap<number, TaskState> = new Map(
  taskStates.map((state) => [taskStateOrder(state), state]),
);

/** Writes the fields of a task in its full form. `spec`: as bytes. */
export function writeTask(writer: FieldWriter, task: Task, spec: Uint8Array | undefined): void {
  writer.text(1, task.id);
  if (task.meta !== null) writeMeta(writer, 2, task.meta);
  if (spec !== undefined) writer.bytes(3, spec);
  writeVersion(writer, 4, task.specVersion);
  writer.text(5, task.serviceId);
  writer.number(6, task.slot);
  writer.text(7, task.nodeId);
  writeAnnotations(writer, 8, task.annotations);
  writeAnnotations(writer, 9, task.serviceAnnotations);
  if (task.status !== null) writeStatus(writer, 10, task.status);
  writer.number(11, taskStateOrder(task.desiredState));
  for (const network of task.networks) writer.bytes(12, networkCodec.encode(network));
  if (task.endpoint !== null) writer.bytes(13, endpointCodec.encode(task.endpoint));
  if (task.logDriver !== null) writer.bytes(14, driverCodec.encode(task.logDriver));
  for (const each of task.assignedGenericResources) writer.bytes(15, genericCodec.encode(each));
  writeVersion(writer, 16, task.jobIteration);
  writer.number(17, task.moving ? 1 : 0);
}

function writeMeta(writer: FieldWriter, field: number, meta: Meta): void {
  const start = writer.begin(field);
  writeVersion(writer, 1, meta.version);
  writeTime(writer, 2, meta.createdAt);
  writeTime(writer, 3, meta.updatedAt);
  writer.end(start);
}

function writeVersion(writer: FieldWriter, field: number, version: Version | null): void {
  if (version === null) return;
  const start = writer.begin(field);
  writer.number(1, version.index);
  writer.end(start);
}

function writeTime(writer: FieldWriter, field: number, time: Timestamp | null): void {
  if (time === null) return;
  const start = writer.begin(field);
  writer.number(1, time.seconds);
  writer.number(2, time.nanos);
  writer.end(start);
}

function writeAnnotations(writer: FieldWriter, field: number, value: Annotations | null): void {
  if (value !== null) writer.bytes(field, annotationsCodec.encode(value));
}

function writeStatus(writer: FieldWriter, field: number, status: TaskStatus): void {
  const start = writer.begin(field);
  writeTime(writer, 1, status.timestamp);
  writer.number(2, taskStateOrder(status.state));
  writer.text(3, status.message);
  writer.text(4, status.err);
  const { container } = status;
  if (container !== null) {
    const inner = writer.begin(5);
    writer.text(1, container.containerId);
    writer.number(2, container.pid);
    writer.number(3, container.exitCode);
    writer.end(inner);
  }
  if (status.portStatus !== null) writer.bytes(6, portsCodec.encode(status.portStatus));
  writer.text(7, status.appliedBy);
  writeTime(writer, 8, status.appliedAt);
  writeTime(writer, 9, status.runningAt);
  writer.end(start);
}

/** The task that `reader` is at the start of; `specOf` is given where its spec lies. RangeError when it is none. */
export function readTask(
  reader: FieldReader,
  specOf: (start: number, end: number) => TaskSpec,
): Task {
  let [id, serviceId, nodeId] = ["", "", ""];
  let slot = 0;
  let desiredState: TaskState = "NEW";
  let moving = false;
  let meta: Meta | null = null;
  let spec: TaskSpec | null = null;
  let specVersion: Version | null = null;
  let jobIteration: Version | null = null;
  let annotations: Annotations | null = null;
  let serviceAnnotations: Annotations | null = null;
  let status: TaskStatus | null = null;
  let endpoint: Endpoint | null = null;
  let logDriver: Driver | null = null;
  const networks: NetworkAttachment[] = [];
  const assignedGenericResources: GenericResource[] = [];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) id = reader.text();
    else if (field === 2) meta = readMeta(reader.inner());
    else if (field === 3) spec = specOf(reader.start, reader.end);
    else if (field === 4) specVersion = readVersion(reader.inner());
    else if (field === 5) serviceId = reader.text();
    else if (field === 6) slot = reader.value;
    else if (field === 7) nodeId = reader.text();
    else if (field === 8) annotations = annotationsCodec.decode(reader.content());
    else if (field === 9) serviceAnnotations = annotationsCodec.decode(reader.content());
    else if (field === 10) status = readStatus(reader.inner());
    else if (field === 11) desiredState = stateIn(reader);
    else if (field === 12) networks.push(networkCodec.decode(reader.content()));
    else if (field === 13) endpoint = endpointCodec.decode(reader.content());
    else if (field === 14) logDriver = driverCodec.decode(reader.content());
    else if (field === 15) assignedGenericResources.push(genericCodec.decode(reader.content()));
    else if (field === 16) jobIteration = readVersion(reader.inner());
    else if (field === 17) moving = reader.value !== 0;
  }
  // Written out, in one piece and in the schema's order: see compactTask.
  return {
    id,
    meta,
    spec,
    specVersion,
    serviceId,
    slot,
    nodeId,
    annotations,
    serviceAnnotations,
    status,
    desiredState,
    networks,
    endpoint,
    logDriver,
    assignedGenericResources,
    jobIteration,
    moving,
  };
}

function readMeta(reader: FieldReader): Meta {
  let version: Version | null = null;
  let createdAt: Timestamp | null = null;
  let updatedAt: Timestamp | null = null;
  while (reader.next()) {
    if (reader.field === 1) version = readVersion(reader.inner());
    else if (reader.field === 2) createdAt = readTime(reader.inner());
    else if (reader.field === 3) updatedAt = readTime(reader.inner());
  }
  return { version, createdAt, updatedAt };
}

function readVersion(reader: FieldReader): Version {
  let index = 0;
  while (reader.next()) {
    if (reader.field === 1) index = reader.value;
  }
  return { index };
}

function readTime(reader: FieldReader): Timestamp {
  let seconds = 0;
  let nanos = 0;
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.signed();
    else if (reader.field === 2) nanos = reader.signed();
  }
  return { seconds, nanos };
}

function readStatus(reader: FieldReader): TaskStatus {
  let timestamp: Timestamp | null = null;
  let state: TaskState = "NEW";
  let [message, err, appliedBy] = ["", "", ""];
  let container: ContainerStatus | null = null;
  let portStatus: PortStatus | null = null;
  let appliedAt: Timestamp | null = null;
  let runningAt: Timestamp | null = null;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) timestamp = readTime(reader.inner());
    else if (field === 2) state = stateIn(reader);
    else if (field === 3) message = reader.text();
    else if (field === 4) err = reader.text();
    else if (field === 5) container = readContainer(reader.inner());
    else if (field === 6) portStatus = portsCodec.decode(reader.content());
    else if (field === 7) appliedBy = reader.text();
    else if (field === 8) appliedAt = readTime(reader.inner());
    else if (field === 9) runningAt = readTime(reader.inner());
  }
  return {
    timestamp,
    state,
    message,
    err,
    container,
    portStatus,
    appliedBy,
    appliedAt,
    runningAt,
  };
}

function readContainer(reader: FieldReader): ContainerStatus {
  let containerId = "";
  let pid = 0;
  let exitCode = 0;
  while (reader.next()) {
    if (reader.field === 1) containerId = reader.text();
    else if (reader.field === 2) pid = reader.signed();
    else if (reader.field === 3) exitCode = reader.signed();
  }
  return { containerId, pid, exitCode };
}

// A state that this version does not know makes the task unreadable, as nobody could decide anything about it.
function stateIn({ value }: FieldReader): TaskState {
  const state = stateOf.get(value);
  if (state === undefined) throw new RangeError(`no task state ${value}`);
  return state;
}
