import type { ContainerData } from "../backend/containers.ts";
import {
  type Filters,
  filterFlag,
  filterList,
  matchesLabels,
  matchesPattern,
} from "../http/filters.ts";
import { badRequest } from "../http/http-error.ts";
import { pickContainer } from "./find-container.ts";

/** Filters of GET /containers/json (Docker API v1.50). */
export const acceptedContainerFilters = [
  "id",
  "name",
  "label",
  "status",
  "ancestor",
  "before",
  "since",
  "exited",
  "expose",
  "publish",
  "health",
  "network",
  "volume",
  "is-task",
  "isolation",
];

/** Words that a filter may have; those of `dead` and `removing` are taken though nothing is so here. */
const words: Readonly<Record<string, readonly string[]>> = {
  status: ["created", "running", "paused", "restarting", "removing", "exited", "dead"],
  health: ["starting", "healthy", "unhealthy", "none"],
};

/** 400 for values that can match nothing, as Docker refuses them. */
export function checkContainerFilters(filters: Filters): void {
  for (const [name, allowed] of Object.entries(words)) {
    const wrong = filterList(filters, name).find((value) => !allowed.includes(value));
    if (wrong === undefined) continue;
    throw badRequest(`invalid filter '${name}=${wrong}': use ${allowed.join(", ")}`);
  }
  const code = filterList(filters, "exited").find((value) => !/^-?\d+$/.test(value));
  if (code !== undefined) throw badRequest(`invalid filter 'exited=${code}': use an exit code`);
  for (const name of ["publish", "expose"]) {
    const port = filterList(filters, name).find((value) => !portPattern.test(value));
    if (port === undefined) continue;
    throw badRequest(`invalid filter '${name}=${port}': use a port, as 80, 80/udp or 80-90/tcp`);
  }
}

const portPattern = /^\d{1,5}(?:-\d{1,5})?(?:\/(?:tcp|udp|sctp))?$/;

/** Whether a container passes; `before` and `since` name others in `containers`. */
export function matchesContainer(
  container: ContainerData,
  containers: readonly ContainerData[],
  filters: Filters,
): boolean {
  const oneOf = (name: string, matches: (value: string) => boolean) => {
    const values = filterList(filters, name);
    return values.length === 0 || values.some(matches);
  };
  const isTask = filterFlag(filters, "is-task");
  return (
    oneOf("id", (id) => container.id.startsWith(id)) &&
    oneOf("name", (name) => matchesName(container.name, name)) &&
    oneOf("status", (status) => container.state === status) &&
    oneOf("ancestor", (image) => isAncestor(container, image)) &&
    oneOf(
      "exited",
      (code) => container.state === "exited" && String(container.exitCode) === code,
    ) &&
    oneOf("health", (health) => (container.health?.status ?? "none") === health) &&
    oneOf("network", (network) =>
      container.networks.some(
        ({ networkId, networkName }) => networkId === network || networkName === network,
      ),
    ) &&
    oneOf("volume", (volume) =>
      container.mounts.some(({ name, target }) => name === volume || target === volume),
    ) &&
    oneOf("publish", (port) => hasPort(container, port, "publishedPort")) &&
    oneOf("expose", (port) => hasPort(container, port, "targetPort")) &&
    oneOf("before", (ref) => container.createdAtMs < pickContainer(containers, ref).createdAtMs) &&
    oneOf("since", (ref) => container.createdAtMs > pickContainer(containers, ref).createdAtMs) &&
    (isTask === undefined || isTask === container.isTask) &&
    matchesLabels(container.labels, filterList(filters, "label"))
  );
}

// Docker takes a regular expression; "/name" anchors it, as names begin with a slash.
function matchesName(name: string, pattern: string): boolean {
  return matchesPattern(name, pattern) || matchesPattern(`/${name}`, pattern);
}

function isAncestor(container: ContainerData, image: string): boolean {
  return (
    container.image === image ||
    container.image.split("@")[0] === image ||
    container.image === `${image}:latest` ||
    container.imageId === image ||
    container.imageId.startsWith(`sha256:${image}`)
  );
}

function hasPort(
  container: ContainerData,
  wanted: string,
  field: "publishedPort" | "targetPort",
): boolean {
  const [port = "", protocol = "tcp"] = wanted.split("/");
  const [first = "0", last = first] = port.split("-");
  return container.ports.some(
    (candidate) =>
      candidate.protocol === protocol &&
      candidate[field] >= Number(first) &&
      candidate[field] <= Number(last),
  );
}
