import { must } from "../../base/assert.ts";
import { isClusterError } from "../../base/errors.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { LocalNetworkData } from "../backend.ts";
import { readJson } from "../http/body.ts";
import {
  type Filters,
  filterFlag,
  filterList,
  matchesLabels,
  parseFilters,
} from "../http/filters.ts";
import {
  clusterCall,
  fromCluster,
  HttpError,
  notFound,
  notManagerError,
} from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { JsonObject } from "../translate/json-object.ts";
import { acceptedFilters, noFilters } from "../translate/list-filters.ts";
import { localNetworkJson, networkJson, readNetworkSpec } from "../translate/network.ts";
import { localNetworkDetails, serviceDetails } from "../translate/network-details.ts";
import type { NetworkJson } from "../wire/network.ts";

/** /networks and below: the node's own and, on managers, the cluster's */
export const networkRoutes: readonly Route[] = [
  { method: "GET", pattern: "/networks", handler: list },
  { method: "GET", pattern: "/networks/", handler: list },
  { method: "POST", pattern: "/networks/create", handler: create },
  { method: "POST", pattern: "/networks/prune", handler: prune },
  { method: "GET", pattern: "/networks/{id}", handler: inspect },
  { method: "DELETE", pattern: "/networks/{id}", handler: remove },
  { method: "POST", pattern: "/networks/{id}/connect", handler: connect },
  { method: "POST", pattern: "/networks/{id}/disconnect", handler: connect },
];

async function list(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, acceptedFilters.network);
  const [local, cluster] = await Promise.all([
    context.backend.node.networks(),
    clusterNetworks(context),
  ]);
  const all = [...local.map(localNetworkJson), ...cluster.map(networkJson)];
  return ok(all.filter((network) => matchesNetwork(network, filters)));
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  const scope = request.query.get("scope") ?? "";
  const found = await findNetwork(context, ref, scope);
  const containers = await context.backend.node.containers.list();
  if (found.kind === "local") {
    const json = localNetworkJson(found.network);
    return ok({ ...json, Containers: localNetworkDetails(json, containers) });
  }
  const json = networkJson(found.network);
  const withContainers = { ...json, Containers: localNetworkDetails(json, containers) };
  if (!queryFlag(request.query, "verbose")) return ok(withContainers);
  const { cluster } = context.backend;
  const [{ services }, { tasks }, { nodes }] = await clusterCall(
    Promise.all([
      cluster.listServices({ filters: noFilters }),
      cluster.listTasks({ filters: noFilters }),
      cluster.listNodes({ filters: noFilters }),
    ]),
  );
  return ok({ ...withContainers, ...serviceDetails(found.network, services, tasks, nodes) });
}

async function create(request: RestRequest, context: RestContext): Promise<Reply> {
  const object = new JsonObject(await readJson(request));
  const spec = readNetworkSpec(object);
  const driver = spec.driver?.name ?? "";
  const local = await context.backend.node.networks();
  const name = spec.annotations?.name ?? "";
  if (local.some((network) => network.name === name)) {
    throw new HttpError(409, `network with name ${name} already exists`);
  }
  if (driver !== "overlay") {
    throw new HttpError(
      501,
      `network driver ${driver} is not supported for new networks: create it with driver overlay`,
    );
  }
  const refusal = notManagerError(context.backend.node.swarmState());
  if (refusal !== undefined) throw refusal;
  const { network } = await clusterCall(context.backend.cluster.createNetwork({ spec }));
  return created({ Id: must(network, "the created network").id, Warning: "" });
}

async function remove(request: RestRequest, context: RestContext): Promise<Reply> {
  const found = await findNetwork(context, param(request, "id"), "");
  if (found.kind === "local") {
    throw new HttpError(
      403,
      `${found.network.name} is a pre-defined network and cannot be removed`,
    );
  }
  await clusterCall(context.backend.cluster.removeNetwork({ ref: found.network.id }));
  return empty(204);
}

async function prune(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, ["label", "until"]);
  const deleted: string[] = [];
  for (const network of await clusterNetworks(context)) {
    const labels = network.spec?.annotations?.labels ?? {};
    if (network.spec?.ingress === true || !matchesLabels(labels, filterList(filters, "label"))) {
      continue;
    }
    try {
      await context.backend.cluster.removeNetwork({ ref: network.id });
      deleted.push(network.spec?.annotations?.name ?? network.id);
    } catch (error) {
      // In use, or removed by somebody else meanwhile: neither is an error of a prune.
      if (!isClusterError(error, "FAILED_PRECONDITION", "NOT_FOUND")) throw fromCluster(error);
    }
  }
  return ok({ NetworksDeleted: deleted.length === 0 ? null : deleted });
}

async function connect(request: RestRequest, context: RestContext): Promise<Reply> {
  await readJson(request);
  const found = await findNetwork(context, param(request, "id"), "");
  const name = found.kind === "local" ? found.network.name : found.network.spec?.annotations?.name;
  throw new HttpError(
    501,
    `containers cannot join or leave network ${name} while they exist: ` +
      "change the networks of the service instead",
  );
}

type Found =
  | { readonly kind: "local"; readonly network: LocalNetworkData }
  | { readonly kind: "cluster"; readonly network: Network };

async function findNetwork(context: RestContext, ref: string, scope: string): Promise<Found> {
  const [local, cluster] = await Promise.all([
    scope === "swarm" ? [] : context.backend.node.networks(),
    scope === "local" ? [] : clusterNetworks(context),
  ]);
  const all: { id: string; name: string; found: Found }[] = [
    ...local.map((network) => ({
      id: network.id,
      name: network.name,
      found: { kind: "local" as const, network },
    })),
    ...cluster.map((network) => ({
      id: network.id,
      name: network.spec?.annotations?.name ?? "",
      found: { kind: "cluster" as const, network },
    })),
  ];
  const exact = all.find(({ id }) => id === ref) ?? all.find(({ name }) => name === ref);
  if (exact !== undefined) return exact.found;
  const prefixed = all.filter(({ id }) => id.startsWith(ref));
  const [only] = prefixed;
  if (only === undefined) throw notFound(`network ${ref} not found`);
  if (prefixed.length > 1) {
    throw new HttpError(
      400,
      `network ${ref} is ambiguous (${prefixed.length} matches found based on id prefix)`,
    );
  }
  return only.found;
}

async function clusterNetworks({ backend }: RestContext): Promise<readonly Network[]> {
  if (!backend.node.swarmState().manager) return [];
  const { networks } = await clusterCall(backend.cluster.listNetworks({ filters: noFilters }));
  return networks;
}

function matchesNetwork(network: NetworkJson, filters: Filters): boolean {
  const oneOf = (name: string, matches: (value: string) => boolean) => {
    const values = filterList(filters, name);
    return values.length === 0 || values.some(matches);
  };
  const builtin = network.Scope === "local" && ["bridge", "host", "none"].includes(network.Name);
  const dangling = filterFlag(filters, "dangling");
  return (
    oneOf("id", (id) => network.Id.startsWith(id)) &&
    oneOf("name", (name) => network.Name.includes(name)) &&
    oneOf("driver", (driver) => network.Driver === driver) &&
    oneOf("scope", (scope) => network.Scope === scope) &&
    oneOf("type", (type) => (type === "builtin") === builtin) &&
    matchesLabels(network.Labels ?? {}, filterList(filters, "label")) &&
    (dangling !== true || !builtin)
  );
}
