import type { NodeJson } from "../../../rest/wire/node.ts";
import type { ServiceJson } from "../../../rest/wire/service.ts";
import type { TaskJson } from "../../../rest/wire/task.ts";
import { pause } from "../../pause.ts";
import { convergenceOf, hasSlots } from "../../service/convergence.ts";
import { filterQuery, type Session } from "../../session.ts";
import type { Dependency } from "../dependencies.ts";

const pollMs = 300;

/** Whether a condition is fulfilled; a text when it never will be. */
export type Progress = "fulfilled" | "waiting" | { readonly failed: string };

/**
 * Waits until what a service depends on is as it asks. `deployed` has the ids of the services deployed so far. Rejects when it cannot
 * become so, or not in time. Ctrl-C ends the waiting.
 */
export async function waitForDependencies(
  session: Session,
  step: { readonly name: string; readonly dependsOn: readonly Dependency[] },
  deployed: ReadonlyMap<string, string>,
  timeoutMs: number,
): Promise<void> {
  for (const { service, condition } of step.dependsOn) {
    const id = deployed.get(service);
    if (condition === undefined || id === undefined) continue;
    const until = session.now() + timeoutMs;
    let told = false;
    for (;;) {
      const progress = await progressOf(session, id, condition);
      if (progress === "fulfilled") break;
      if (progress !== "waiting") {
        throw new Error(`service ${step.name} waits for ${service}: ${progress.failed}`);
      }
      if (session.now() > until) {
        throw new Error(
          `service ${step.name} waited ${timeoutMs / 1000} s for ${service} (${condition}); see \`skep service ps ${service}\`, and deploy again`,
        );
      }
      if (!told) session.print(`Waiting for service ${service} (${condition})`);
      told = true;
      if (!(await pause(session.interrupted, pollMs))) return;
    }
  }
}

async function progressOf(
  session: Session,
  id: string,
  condition: NonNullable<Dependency["condition"]>,
): Promise<Progress> {
  const service = await session.client.get<ServiceJson>(`/services/${id}`);
  const filters = filterQuery([], { service: [id], "_up-to-date": ["true"] });
  const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
  const nodes = await session.client.get<NodeJson[]>("/nodes");
  return conditionProgress(condition, service, tasks, nodes);
}

/**
 * Pure. Started: a task runs, or has run. Healthy: every task runs (a task counts as running only once its health check says so), and no
 * update is under way. Completed: every task of the job, or of a service that is not restarted, has ended well.
 */
export function conditionProgress(
  condition: NonNullable<Dependency["condition"]>,
  service: ServiceJson,
  tasks: readonly TaskJson[],
  nodes: readonly NodeJson[],
): Progress {
  const state = convergenceOf(service, tasks, nodes);
  if (state.failure !== undefined) return { failed: state.failure };
  const isJob = service.Spec.Mode.ReplicatedJob ?? service.Spec.Mode.GlobalJob;
  const ended = tasks.filter(({ Status }) => Status.State === "complete").length;
  switch (condition) {
    case "service_started": {
      const runs = tasks.some(({ Status }) => Status.State === "running");
      return state.wanted === 0 || runs || ended > 0 ? "fulfilled" : "waiting";
    }
    case "service_healthy":
      return state.converged && state.settled && (state.wanted > 0 || isEmptyOnPurpose(service))
        ? "fulfilled"
        : "waiting";
    case "service_completed_successfully": {
      if (isJob !== undefined) return state.converged ? "fulfilled" : failedJob(service, tasks);
      const wanted = service.Spec.Mode.Replicated?.Replicas ?? Math.max(1, tasks.length);
      return ended >= wanted ? "fulfilled" : failedJob(service, tasks);
    }
  }
}

// A global service on no node yet is not healthy: its tasks are still to be made.
function isEmptyOnPurpose({ Spec: { Mode } }: ServiceJson): boolean {
  return Mode.Replicated?.Replicas === 0;
}

// Given up: a task failed, and no other will be made for its slot.
function failedJob(service: ServiceJson, tasks: readonly TaskJson[]): Progress {
  const { Condition, MaxAttempts = 0 } = service.Spec.TaskTemplate.RestartPolicy ?? {};
  const failed = tasks.filter(({ Status }) => ["failed", "rejected"].includes(Status.State ?? ""));
  const slotted = hasSlots(service);
  const slotOf = ({ Slot = 0, NodeID = "" }: TaskJson): string => (slotted ? String(Slot) : NodeID);
  const last = failed.find((task) => {
    if (Condition === "none") return true;
    const attempts = failed.filter((other) => slotOf(other) === slotOf(task)).length;
    return MaxAttempts > 0 && attempts > MaxAttempts;
  });
  if (last === undefined) return "waiting";
  return { failed: `task ${last.ID} failed: ${last.Status.Err ?? "no reason given"}` };
}
