import { must } from "../../base/assert.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { filterList, parseFilters } from "../http/filters.ts";
import { clusterGet } from "../http/http-error.ts";
import { ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import {
  acceptedFilters,
  excludesContainers,
  noFilters,
  taskFilters,
} from "../translate/list-filters.ts";
import { taskJson } from "../translate/task.ts";
import { serviceLogsReply } from "./service-logs.ts";

/** /tasks and below */
export const taskRoutes: readonly Route[] = [
  { method: "GET", pattern: "/tasks", handler: list, cluster: true },
  { method: "GET", pattern: "/tasks/{id}", handler: inspect, cluster: true },
  { method: "GET", pattern: "/tasks/{id}/logs", handler: logs, cluster: true },
];

async function list(request: RestRequest, context: RestContext): Promise<Reply> {
  const { cluster } = context.backend;
  const filters = parseFilters(request.query, acceptedFilters.task);
  if (excludesContainers(filters)) return ok([]);
  const [serviceIds, nodeIds] = await Promise.all([
    resolveAll(filterList(filters, "service"), async (ref) => {
      const { service } = await clusterGet("service", ref, cluster.getService({ ref }));
      return must(service, `service ${ref}`).id;
    }),
    resolveAll(filterList(filters, "node"), async (ref) => {
      const { node } = await clusterGet("node", ref, cluster.getNode({ ref }));
      return must(node, `node ${ref}`).id;
    }),
  ]);
  const { tasks } = await cluster.listTasks({ filters: taskFilters(filters, serviceIds, nodeIds) });
  const networks = await networksOf(context, tasks);
  return ok(tasks.map((task) => taskJson(task, networks)));
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  const task = await getTask(context, param(request, "id"));
  return ok(taskJson(task, await networksOf(context, [task])));
}

async function logs(request: RestRequest, context: RestContext): Promise<Reply> {
  const task = await getTask(context, param(request, "id"));
  return serviceLogsReply(request, context, {
    serviceIds: [],
    taskIds: [task.id],
    tty: task.spec?.container?.tty ?? false,
  });
}

async function getTask({ backend }: RestContext, ref: string): Promise<Task> {
  const { task } = await clusterGet("task", ref, backend.cluster.getTask({ ref }));
  return must(task, `task ${ref}`);
}

function resolveAll(refs: readonly string[], resolve: (ref: string) => Promise<string>) {
  return Promise.all(refs.map(resolve));
}

// Tasks carry whole networks in Docker's JSON and only their ids in ours.
async function networksOf(
  { backend }: RestContext,
  tasks: readonly Task[],
): Promise<ReadonlyMap<string, Network>> {
  if (tasks.every((task) => task.networks.length === 0)) return new Map();
  const { networks } = await backend.cluster.listNetworks({ filters: noFilters });
  return new Map(networks.map((network) => [network.id, network]));
}
