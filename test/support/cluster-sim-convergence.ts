import type { Service } from "../../src/gen/skep/Service.ts";
import type { Task } from "../../src/gen/skep/Task.ts";
import { hasEnded, isWanted, observedState } from "../../src/manager/orchestrator/task-facts.ts";
import { serviceModeOf } from "../../src/model/service-mode.ts";
import type { StoreView } from "../../src/store/store-view.ts";

/** What is not yet as asked for, and does not say why; undefined when all is well. `workers`: hosts that work. */
export function whyNotConverged(view: StoreView, workers: number): string | undefined {
  const ready = [...view.all("node")].filter(
    ({ status, role }) => role === "WORKER" && status?.state === "READY_NODE",
  );
  if (ready.length < workers) return `only ${ready.length} of ${workers} workers are ready`;
  for (const service of view.all("service")) {
    const tasks = [...view.tasksOfService(service.id)];
    const why = whyNot(service, tasks, workers);
    if (why !== undefined) return `service ${service.spec?.annotations?.name}: ${why}`;
  }
  for (const task of view.all("task")) {
    if (view.get("service", task.serviceId) === undefined && !hasEnded(task)) {
      return `task ${task.id} lives on without its service`;
    }
  }
  return undefined;
}

function whyNot(service: Service, tasks: readonly Task[], workers: number): string | undefined {
  if (service.pendingDelete) return "it is still there though removed";
  const image = service.spec?.task?.container?.image ?? "";
  const current = tasks.filter((task) => task.spec?.container?.image === image);
  // Its containers cannot start: what counts is that someone who looks is told.
  if (!image.startsWith("ok")) {
    const isTold = current.some((task) => (task.status?.err ?? "") !== "");
    const isPaused = service.updateStatus?.state === "UPDATE_PAUSED";
    const wants = wantedOf(service, workers);
    return isTold || isPaused || wants === 0 || workers === 0
      ? undefined
      : "failing without a word";
  }
  if (service.updateStatus?.state === "UPDATE_PAUSED") return undefined;
  const mode = serviceModeOf(service.spec);
  const states = tasks.map((t) => `${t.slot}/${t.nodeId}:${observedState(t)}>${t.desiredState}`);
  const said = `${mode} wants ${wantedOf(service, workers)}, has ${states.join(" ")}, update ${service.updateStatus?.state}`;
  if (mode === "replicatedJob" || mode === "globalJob") {
    const iteration = service.jobStatus?.jobIteration?.index ?? 0;
    const done = tasks.filter(
      (task) => (task.jobIteration?.index ?? 0) === iteration && observedState(task) === "COMPLETE",
    );
    return done.length >= wantedOf(service, workers) || isWaiting(tasks) ? undefined : said;
  }
  const wanted = tasks.filter(isWanted);
  const running = wanted.filter((task) => observedState(task) === "RUNNING");
  const isCurrent = running.every((task) => task.spec?.container?.image === image);
  const isAsWanted =
    isCurrent && running.length === wanted.length && wanted.length === wantedOf(service, workers);
  return isAsWanted || isWaiting(wanted) ? undefined : said;
}

/** Every task that does not run says what it waits for. */
function isWaiting(tasks: readonly Task[]): boolean {
  const waiting = tasks.filter((task) => observedState(task) === "PENDING");
  return waiting.length > 0 && waiting.every((task) => (task.status?.err ?? "") !== "");
}

function wantedOf(service: Service, workers: number): number {
  switch (serviceModeOf(service.spec)) {
    case "replicated":
      return service.spec?.replicated?.replicas ?? 0;
    case "replicatedJob":
      return service.spec?.replicatedJob?.totalCompletions ?? 0;
    default:
      return workers;
  }
}
