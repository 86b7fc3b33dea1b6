import type { ServiceJson } from "../../rest/wire/service.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { ApiError } from "../client.ts";
import { shortId } from "../format/units.ts";
import { copyLogs, type LogFlags } from "../logs.ts";
import type { Session } from "../session.ts";
import { noNames, type ObjectNames, objectNames, taskLabel } from "../tasks.ts";
import { getService } from "./write.ts";

export interface ServiceLogOptions {
  follow?: boolean;
  since?: string;
  until?: string;
  /** With what the log driver adds to a line. */
  details?: boolean;
  tail: string;
  timestamps?: boolean;
  /** False: ids instead of names. */
  resolve: boolean;
  /** False: without the id of the task. */
  taskIds: boolean;
  trunc: boolean;
  raw?: boolean;
}

const taskIdKey = "com.docker.swarm.task.id";

/** `service logs`: of a service, else of the task of that id. */
export async function showLogs(
  session: Session,
  name: string,
  options: ServiceLogOptions,
): Promise<void> {
  const { path, tasks, tty } = await findSource(session, name);
  const { resolve, taskIds, trunc, raw, ...flags } = options;
  let names = resolve ? await objectNames(session) : noNames;
  const known = new Map(tasks.map((task) => [task.ID, task] as const));
  const asked = new Set<string>();
  // What is followed may come from tasks, and nodes, that were not there in the beginning.
  const learn = async (taskId: string): Promise<void> => {
    if (!resolve || known.has(taskId) || asked.has(taskId)) return;
    asked.add(taskId);
    const task = await session.client.get<TaskJson>(`/tasks/${taskId}`).catch(() => undefined);
    if (task === undefined) return;
    known.set(taskId, task);
    if (!names.nodes.has(task.NodeID ?? "")) names = await objectNames(session);
  };
  const prefix: LogFlags["prefix"] = async (details) => {
    await learn(details.get(taskIdKey) ?? "");
    return sourceLabel(details, known, names, { resolve, taskIds, trunc });
  };
  const framed = raw === true || tty ? {} : { prefix };
  await copyLogs(session, path, { ...flags, tty, merged: true, ...framed });
}

/** Pure: "web.1.4xmq1v2dgexl@node-a", from what names the source of a line. */
export function sourceLabel(
  details: ReadonlyMap<string, string>,
  tasks: ReadonlyMap<string, TaskJson>,
  names: ObjectNames,
  options: { readonly resolve: boolean; readonly taskIds: boolean; readonly trunc: boolean },
): string {
  const taskId = details.get(taskIdKey) ?? "";
  const nodeId = details.get("com.docker.swarm.node.id") ?? "";
  const short = (id: string): string => (options.trunc ? shortId(id) : id);
  const task = tasks.get(taskId);
  const node = names.nodes.get(nodeId) ?? short(nodeId);
  if (!options.resolve || task === undefined) return `${short(taskId)}@${node}`;
  const label = taskLabel(task, names.services);
  return `${options.taskIds ? `${label}.${short(taskId)}` : label}@${node}`;
}

async function findSource(
  session: Session,
  name: string,
): Promise<{ path: string; tasks: readonly TaskJson[]; tty: boolean }> {
  try {
    const service: ServiceJson = await getService(session, name);
    const filters = JSON.stringify({ service: { [service.ID]: true } });
    const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
    const tty = service.Spec.TaskTemplate.ContainerSpec?.TTY ?? false;
    return { path: `/services/${service.ID}/logs`, tasks, tty };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    const task = await session.client
      .get<TaskJson>(`/tasks/${encodeURIComponent(name)}`)
      .catch((cause: unknown) => {
        throw cause instanceof ApiError && cause.status === 404
          ? new ApiError(404, `no such task or service: ${name}`)
          : cause;
      });
    const tty = task.Spec.ContainerSpec?.TTY ?? false;
    return { path: `/tasks/${task.ID}/logs`, tasks: [task], tty };
  }
}
