import type { ListFilters } from "../../gen/skep/ListFilters.ts";
import { type Filters, filterFlag, filterList } from "../http/filters.ts";
import { badRequest } from "../http/http-error.ts";
import { roleWords, taskStateWords } from "./words.ts";

/** No filter at all. */
export const noFilters: ListFilters = {
  ids: [],
  idPrefixes: [],
  names: [],
  namePrefixes: [],
  labels: [],
  nodeLabels: [],
  serviceIds: [],
  nodeIds: [],
  desiredStates: [],
  roles: [],
  memberships: [],
  modes: [],
  upToDate: false,
};

/** Filter names that Docker accepts for each list (Docker API v1.50). */
export const acceptedFilters = {
  task: [
    "id",
    "name",
    "service",
    "node",
    "label",
    "desired-state",
    "_up-to-date",
    "runtime",
    "up-to-date",
  ],
  node: ["id", "name", "label", "node.label", "role", "membership"],
  service: ["id", "name", "label", "mode", "runtime"],
  secret: ["id", "name", "names", "label"],
  config: ["id", "name", "names", "label"],
  network: ["id", "name", "driver", "type", "label", "scope", "dangling"],
} as const;

/** id, name and label, which every list of cluster objects has. Ids and names are prefixes. */
export function commonFilters(filters: Filters): ListFilters {
  return {
    ...noFilters,
    idPrefixes: filterList(filters, "id"),
    namePrefixes: filterList(filters, "name"),
    names: filterList(filters, "names"),
    labels: filterList(filters, "label"),
  };
}

/** 400 for an unknown role or membership. */
export function nodeFilters(filters: Filters): ListFilters {
  return {
    ...commonFilters(filters),
    nodeLabels: filterList(filters, "node.label"),
    roles: words(filters, "role", roleWords),
    memberships: words(filters, "membership", {
      accepted: "MEMBERSHIP_ACCEPTED",
      pending: "MEMBERSHIP_PENDING",
    } as const),
  };
}

const modeWords = ["replicated", "global", "replicated-job", "global-job"];

/** 400 for an unknown mode. */
export function serviceFilters(filters: Filters): ListFilters {
  const modes = filterList(filters, "mode");
  const unknown = modes.find((mode) => !modeWords.includes(mode));
  if (unknown !== undefined) {
    throw badRequest(`invalid filter 'mode=${unknown}': use ${modeWords.join(", ")}`);
  }
  return { ...commonFilters(filters), modes };
}

/** `serviceIds` and `nodeIds` are the ids that the filters `service` and `node` were resolved to. */
export function taskFilters(
  filters: Filters,
  serviceIds: string[],
  nodeIds: string[],
): ListFilters {
  return {
    ...commonFilters(filters),
    serviceIds,
    nodeIds,
    desiredStates: words(filters, "desired-state", taskStateWords),
    upToDate: filterFlag(filters, "_up-to-date") ?? filterFlag(filters, "up-to-date") ?? false,
  };
}

/** Whether the filter `runtime` excludes everything, as there are only container tasks. */
export function excludesContainers(filters: Filters): boolean {
  const runtimes = filterList(filters, "runtime");
  return runtimes.length > 0 && !runtimes.includes("container");
}

function words<T>(filters: Filters, name: string, known: Readonly<Record<string, T>>): T[] {
  return filterList(filters, name).map((word) => {
    const value = Object.hasOwn(known, word.toLowerCase()) ? known[word.toLowerCase()] : undefined;
    if (value === undefined) {
      throw badRequest(`invalid filter '${name}=${word}': use ${Object.keys(known).join(", ")}`);
    }
    return value;
  });
}
