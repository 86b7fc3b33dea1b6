import type { NodeJson } from "../rest/wire/node.ts";
import type { ServiceJson } from "../rest/wire/service.ts";
import type { TaskJson, TaskStateJson } from "../rest/wire/task.ts";
import { filterQuery, type Session } from "./session.ts";

const pollMs = 200;
const barsMax = 20;
const errorLengthMax = 75;
const defaultMonitorMs = 5_000;

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
  readonly converged: boolean;
  /** Set when the update was paused or rolled back: the command fails with it. */
  readonly failure?: string;
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
  const bySlot = new Map<string, TaskJson>();
  for (const task of current) {
    const key = task.Slot ? String(task.Slot) : (task.NodeID ?? task.ID);
    const other = bySlot.get(key);
    if (other === undefined || rank(task) < rank(other)) bySlot.set(key, task);
  }
  const wanted = wantedTasks(service, nodes, bySlot.size);
  const goal: TaskStateJson = job === undefined ? "running" : "complete";
  const running = [...bySlot.values()].filter((task) => task.Status.State === goal).length;
  const status = service.UpdateStatus;
  const settled =
    status?.State === undefined ||
    status.State === "completed" ||
    status.State === "rollback_completed";
  const failed = status?.State === "paused" || status?.State === "rollback_paused";
  return {
    wanted,
    running,
    lines: wanted > barsMax ? [] : linesOf(service, bySlot, wanted),
    converged: settled && running >= wanted && bySlot.size <= wanted,
    rollback: status?.State?.startsWith("rollback") ?? false,
    ...(failed
      ? {
          failure: `service ${status.State === "paused" ? "update" : "rollback"} paused: ${status.Message ?? ""}`,
        }
      : {}),
  };
}

/** Waits until the service has converged and stayed so, drawing progress on a terminal. Ctrl-C ends the wait, not the work. */
export async function waitForService(
  session: Session,
  serviceId: string,
  quiet: boolean,
): Promise<void> {
  let drawn = 0;
  let stableSince: number | undefined;
  let sawRollback = false;
  for (;;) {
    const service = await session.client.get<ServiceJson>(`/services/${serviceId}`);
    const filters = filterQuery([], { service: [serviceId], "_up-to-date": ["true"] });
    const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
    const nodes = await session.client.get<NodeJson[]>("/nodes");
    const state = convergenceOf(service, tasks, nodes);
    sawRollback ||= state.rollback;
    if (!quiet) drawn = draw(session, state, drawn);
    if (state.failure !== undefined) throw new Error(state.failure);
    const isJob = service.Spec.Mode.ReplicatedJob ?? service.Spec.Mode.GlobalJob;
    const monitorMs = isJob
      ? 0
      : (service.Spec.UpdateConfig?.Monitor ?? defaultMonitorMs * 1e6) / 1e6;
    if (state.converged) {
      stableSince ??= session.now();
      if (session.now() - stableSince >= monitorMs) {
        if (!quiet) session.print(isJob ? "job complete" : `Service ${serviceId} converged`);
        if (sawRollback && service.UpdateStatus?.State === "rollback_completed") {
          session.warn(`service rolled back: ${service.UpdateStatus.Message ?? ""}`);
        }
        return;
      }
    } else {
      stableSince = undefined;
    }
    if (!(await pause(session, pollMs))) {
      session.print(
        `\nOperation continuing in background.\nUse \`skep service ps ${serviceId}\` to check progress.`,
      );
      return;
    }
  }
}

function wantedTasks(service: ServiceJson, nodes: readonly NodeJson[], known: number): number {
  const { Replicated, ReplicatedJob } = service.Spec.Mode;
  if (Replicated !== undefined) return Replicated.Replicas ?? 1;
  if (ReplicatedJob !== undefined) return ReplicatedJob.TotalCompletions ?? 1;
  // A global service runs where its constraints allow: what the orchestrator made says how many that is.
  const eligible = nodes.filter(
    ({ Status, Spec }) => Status.State === "ready" && Spec.Availability === "active",
  ).length;
  return (service.Spec.TaskTemplate.Placement?.Constraints?.length ?? 0) > 0 ? known : eligible;
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
  const replicated = service.Spec.Mode.Replicated ?? service.Spec.Mode.ReplicatedJob;
  const keys =
    replicated === undefined
      ? [...bySlot.keys()]
      : Array.from({ length: wanted }, (_, at) => String(at + 1));
  return keys.map((key) => {
    const label = replicated === undefined ? key.slice(0, 12) : `${key}/${wanted}`;
    const task = bySlot.get(key);
    const error = task?.Status.Err ?? "";
    const state = task?.Status.State ?? "new";
    return `${label}: ${state}${error === "" ? "" : `   ${shortened(error)}`}`;
  });
}

function shortened(text: string): string {
  return text.length > errorLengthMax ? `${text.slice(0, errorLengthMax - 1)}…` : text;
}

// On a terminal the lines are drawn over the ones before; elsewhere only the total is told, when it changes.
function draw(session: Session, state: Convergence, drawnBefore: number): number {
  const verb = state.rollback ? "rolling back: " : "";
  const head = `${verb}overall progress: ${state.running} out of ${state.wanted} tasks`;
  if (!session.terminal) {
    const mark = state.running + 1;
    if (mark !== drawnBefore) session.print(head);
    return mark;
  }
  const up = drawnBefore > 0 ? `\u001b[${drawnBefore}A\u001b[J` : "";
  const lines = [
    head,
    ...state.lines,
    ...(state.converged ? ["verify: waiting to see that tasks are stable"] : []),
  ];
  session.print(`${up}${lines.join("\n")}`);
  return lines.length;
}

/** False when interrupted. */
function pause(session: Session, ms: number): Promise<boolean> {
  const { interrupted } = session;
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      interrupted.removeEventListener("abort", done);
      resolve(!interrupted.aborted);
    };
    const timer = setTimeout(done, ms);
    interrupted.addEventListener("abort", done, { once: true });
  });
}
