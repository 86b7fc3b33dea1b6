import type { NodeJson } from "../../rest/wire/node.ts";
import type { ServiceJson } from "../../rest/wire/service.ts";
import type { TaskJson, TaskStateJson } from "../../rest/wire/task.ts";

const barsMax = 20;
const errorLengthMax = 75;

const stateOrder: readonly TaskStateJson[] = [
  "new",
  "pending",
  "assigned",
  "accepted",
  "preparing",
  "ready",
  "starting",
  "running",
  "complete",
];

/** How far a service has come to what was asked. */
export interface Convergence {
  readonly wanted: number;
  readonly running: number;
  /** One line a slot or node, up to 20; none above. */
  readonly lines: readonly string[];
  /** Every slot or node has its task of the present spec, and no other. */
  readonly converged: boolean;
  /** No update is under way. */
  readonly settled: boolean;
  /** An update or rollback ended, after it was watched for its monitor time. */
  readonly updateEnded: boolean;
  /** Set when the update or rollback was paused. */
  readonly failure?: string;
  /** The tasks go, or went, back to the spec before. */
  readonly rollback: boolean;
}

/** Pure: reads the state of a service from its tasks of the present spec. */
export function convergenceOf(
  service: ServiceJson,
  tasks: readonly TaskJson[],
  nodes: readonly NodeJson[],
): Convergence {
  const job = service.Spec.Mode.ReplicatedJob ?? service.Spec.Mode.GlobalJob;
  const iteration = service.JobStatus?.JobIteration.Index ?? 0;
  const current = tasks.filter(
    (task) =>
      (job === undefined
        ? task.DesiredState === "running" || task.DesiredState === "ready"
        : (task.JobIteration?.Index ?? 0) === iteration) && nodeIsUp(task, nodes),
  );
  const slotted = hasSlots(service);
  const bySlot = new Map<string, TaskJson>();
  for (const task of current) {
    const key = slotted ? String(task.Slot ?? 0) : (task.NodeID ?? task.ID);
    const other = bySlot.get(key);
    if (other === undefined || rank(task) < rank(other)) bySlot.set(key, task);
  }
  const wanted = wantedTasks(service, nodes, bySlot.size);
  const goal: TaskStateJson = job === undefined ? "running" : "complete";
  const running = [...bySlot.values()].filter((task) => task.Status.State === goal).length;
  const { State, Message = "" } = service.UpdateStatus ?? {};
  const paused = State === "paused" ? "update" : State === "rollback_paused" ? "rollback" : "";
  const updateEnded = State === "completed" || State === "rollback_completed";
  return {
    wanted,
    running,
    lines: wanted > barsMax ? [] : linesOf(service, bySlot, wanted),
    converged: running >= wanted && bySlot.size <= wanted,
    settled: State === undefined || updateEnded,
    updateEnded,
    rollback: State?.startsWith("rollback") ?? false,
    ...(paused === "" ? {} : { failure: `service ${paused} paused: ${Message}` }),
  };
}

// A global service runs where its constraints allow, and what runs on paused nodes stays: the tasks made say how many that is.
function wantedTasks(service: ServiceJson, nodes: readonly NodeJson[], known: number): number {
  const { Replicated, ReplicatedJob, GlobalJob } = service.Spec.Mode;
  if (Replicated !== undefined) return Replicated.Replicas ?? 1;
  if (ReplicatedJob !== undefined) return ReplicatedJob.TotalCompletions ?? 1;
  const constrained = (service.Spec.TaskTemplate.Placement?.Constraints?.length ?? 0) > 0;
  // A job has no time in which it must stay as it is: before its first task there is nothing to see.
  if (constrained) return GlobalJob === undefined ? known : Math.max(1, known);
  const eligible = nodes.filter(
    ({ Status, Spec }) => Status.State === "ready" && Spec.Availability === "active",
  ).length;
  return Math.max(eligible, known);
}

/** Whether its tasks have numbers (from 1, those of jobs from 0) and not nodes as slots. */
export function hasSlots({ Spec: { Mode } }: ServiceJson): boolean {
  return Mode.Replicated !== undefined || Mode.ReplicatedJob !== undefined;
}

function nodeIsUp(task: TaskJson, nodes: readonly NodeJson[]): boolean {
  const node = nodes.find(({ ID }) => ID === task.NodeID);
  return node === undefined || node.Status.State !== "down";
}

function rank(task: TaskJson): number {
  const order = stateOrder.indexOf(task.Status.State ?? "new");
  return order < 0 ? stateOrder.length : -order;
}

function linesOf(
  service: ServiceJson,
  bySlot: ReadonlyMap<string, TaskJson>,
  wanted: number,
): string[] {
  const slotted = hasSlots(service);
  const first = service.Spec.Mode.ReplicatedJob === undefined ? 1 : 0;
  const keys = slotted
    ? Array.from({ length: wanted }, (_, at) => String(first + at))
    : [...bySlot.keys()];
  return keys.map((key, at) => {
    const label = slotted ? `${at + 1}/${wanted}` : key.slice(0, 12);
    const task = bySlot.get(key);
    const error = task?.Status.Err ?? "";
    const state = task?.Status.State ?? "new";
    return `${label}: ${state}${error === "" ? "" : `   ${shortened(error)}`}`;
  });
}

function shortened(text: string): string {
  return text.length > errorLengthMax ? `${text.slice(0, errorLengthMax - 1)}…` : text;
}
