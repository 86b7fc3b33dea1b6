import type { ContainerData } from "../backend/containers.ts";
import { type Filters, filterFlag, filterList, matchesLabels } from "../http/filters.ts";
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
  try {
    return new RegExp(pattern).test(name) || new RegExp(pattern).test(`/${name}`);
  } catch {
    return name.includes(pattern);
  }
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
