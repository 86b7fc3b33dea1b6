import type { NodeJson } from "../../rest/wire/node.ts";
import type { ServiceJson } from "../../rest/wire/service.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { pause } from "../pause.ts";
import { filterQuery, type Session } from "../session.ts";
import { type Convergence, convergenceOf } from "./convergence.ts";

const pollMs = 200;
const defaultMonitorMs = 5_000;

export interface WaitOptions {
  readonly quiet: boolean;
  /** The command asked for a rollback, so that one is no failure. */
  readonly rollback?: boolean;
}

/**
 * Waits until the service has converged and stayed so, drawing progress on a terminal. Ctrl-C ends the wait, not the work.
 * Rejects when the update was paused, or rolled back without having been asked to.
 */
export async function waitForService(
  session: Session,
  serviceId: string,
  options: WaitOptions,
): Promise<void> {
  let drawn = 0;
  let stableSince: number | undefined;
  for (;;) {
    const { service, state } = await observe(session, serviceId);
    if (!options.quiet) drawn = draw(session, state, drawn);
    if (state.failure !== undefined) throw new Error(state.failure);
    stableSince = state.converged ? (stableSince ?? session.now()) : undefined;
    const { Spec, UpdateStatus } = service;
    const isJob = Spec.Mode.ReplicatedJob !== undefined || Spec.Mode.GlobalJob !== undefined;
    const monitorMs = isJob ? 0 : (Spec.UpdateConfig?.Monitor ?? defaultMonitorMs * 1e6) / 1e6;
    const stable = stableSince !== undefined && session.now() - stableSince >= monitorMs;
    if (state.settled && (stable || (state.converged && state.updateEnded))) {
      if (state.rollback && options.rollback !== true) {
        throw new Error(`service rolled back: ${UpdateStatus?.Message ?? ""}`);
      }
      if (!options.quiet) session.print(isJob ? "job complete" : `Service ${serviceId} converged`);
      return;
    }
    if (!(await pause(session.interrupted, pollMs))) {
      session.print(
        `\nOperation continuing in background.\nUse \`skep service ps ${serviceId}\` to check progress.`,
      );
      return;
    }
  }
}

async function observe(
  session: Session,
  serviceId: string,
): Promise<{ service: ServiceJson; state: Convergence }> {
  const service = await session.client.get<ServiceJson>(`/services/${serviceId}`);
  const filters = filterQuery([], { service: [serviceId], "_up-to-date": ["true"] });
  const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
  const nodes = await session.client.get<NodeJson[]>("/nodes");
  return { service, state: convergenceOf(service, tasks, nodes) };
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
  const shown = lines.map((line) => line.slice(0, session.columns));
  session.print(`${up}${shown.join("\n")}`);
  return lines.length;
}
