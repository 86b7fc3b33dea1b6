import type { Annotations } from "../../gen/skep/Annotations.ts";
import type { ListFilters } from "../../gen/skep/ListFilters.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { serviceModeOf } from "../../model/service-mode.ts";
import type { StoreView } from "../../store/store-view.ts";
import { isTaskDirty } from "../orchestrator/dirty.ts";

/** Whether id, name and labels pass; no filters let everything pass. */
export function matchesCommon(
  filters: ListFilters | null,
  id: string,
  name: string,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (filters === null) return true;
  return (
    isAmong(filters.ids, id) &&
    startsAny(filters.idPrefixes, id) &&
    isAmong(filters.names, name) &&
    startsAny(filters.namePrefixes, name) &&
    hasLabels(filters.labels, labels)
  );
}

/** As `matchesCommon`, for what has annotations. */
export function matchesAnnotated(
  filters: ListFilters | null,
  id: string,
  annotations: Annotations | null | undefined,
): boolean {
  return matchesCommon(filters, id, annotations?.name ?? "", annotations?.labels);
}

/** Names of nodes are their host names, `labels` those of the engine, `nodeLabels` those of the spec (as Swarm's). */
export function matchesNode(filters: ListFilters | null, node: Node): boolean {
  if (
    !matchesCommon(
      filters,
      node.id,
      node.description?.hostname ?? "",
      node.description?.engine?.labels,
    )
  ) {
    return false;
  }
  if (filters === null) return true;
  return (
    hasLabels(filters.nodeLabels, node.spec?.annotations?.labels) &&
    isAmong(filters.roles, node.role) &&
    isAmong(filters.memberships, node.membership)
  );
}

export function matchesService(filters: ListFilters | null, service: Service): boolean {
  if (!matchesAnnotated(filters, service.id, service.spec?.annotations)) return false;
  return isAmong(filters?.modes ?? [], modeNames[serviceModeOf(service.spec)]);
}

export function matchesTask(filters: ListFilters | null, task: Task, view: StoreView): boolean {
  const name = task.annotations?.name || (task.serviceAnnotations?.name ?? "");
  const labels = { ...task.serviceAnnotations?.labels, ...task.annotations?.labels };
  if (!matchesCommon(filters, task.id, name, labels)) return false;
  if (filters === null) return true;
  return (
    isAmong(filters.serviceIds, task.serviceId) &&
    isAmong(filters.nodeIds, task.nodeId) &&
    isAmong(filters.desiredStates, task.desiredState) &&
    (!filters.upToDate || isUpToDate(task, view))
  );
}

const modeNames = {
  replicated: "replicated",
  global: "global",
  replicatedJob: "replicated-job",
  globalJob: "global-job",
} as const;

// A task of an older version counts too when it is just what the service now says, as after a rollback.
function isUpToDate(task: Task, view: StoreView): boolean {
  const service = view.get("service", task.serviceId);
  if (service === undefined) return false;
  return !isTaskDirty(service, task, { get: (id) => view.get("node", id) });
}

function isAmong<T>(wanted: readonly T[], value: T): boolean {
  return wanted.length === 0 || wanted.includes(value);
}

function startsAny(prefixes: readonly string[], value: string): boolean {
  return prefixes.length === 0 || prefixes.some((prefix) => value.startsWith(prefix));
}

/** Every wanted `key` or `key=value` must be there. */
function hasLabels(
  wanted: readonly string[],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return wanted.every((text) => {
    const split = text.indexOf("=");
    const key = split < 0 ? text : text.slice(0, split);
    if (labels === undefined || !Object.hasOwn(labels, key)) return false;
    return split < 0 || labels[key] === text.slice(split + 1);
  });
}
