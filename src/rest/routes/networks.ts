import { must } from "../../base/assert.ts";
import { isClusterError } from "../../base/errors.ts";
import { readJson } from "../http/body.ts";
import {
  type Filters,
  filterFlag,
  filterList,
  matchesLabels,
  matchesPattern,
  parseFilters,
} from "../http/filters.ts";
import {
  badRequest,
  clusterCall,
  fromCluster,
  HttpError,
  notManagerError,
} from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { untilFilterMs } from "../http/until-filter.ts";
import { JsonObject } from "../translate/json-object.ts";
import { acceptedFilters, noFilters } from "../translate/list-filters.ts";
import { localNetworkJson, readLocalNetwork, requestedDriver } from "../translate/local-network.ts";
import { networkJson, readNetworkSpec } from "../translate/network.ts";
import { localNetworkDetails, serviceDetails } from "../translate/network-details.ts";
import type { NetworkJson } from "../wire/network.ts";
import { clusterNetworks, findNetwork } from "./find-network.ts";

/** /networks and below: the node's own and, on managers, the cluster's */
export const networkRoutes: readonly Route[] = [
  { method: "GET", pattern: "/networks", handler: list },
  { method: "GET", pattern: "/networks/", handler: list },
  { method: "POST", pattern: "/networks/create", handler: create },
  { method: "POST", pattern: "/networks/prune", handler: prune },
  { method: "GET", pattern: "/networks/{id}", handler: inspect },
  { method: "DELETE", pattern: "/networks/{id}", handler: remove },
];

const predefinedNames: readonly string[] = ["bridge", "host", "none"];
const noNetworks: ReadonlySet<string> = new Set();

async function list(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, acceptedFilters.network);
  const [local, cluster] = await Promise.all([
    context.backend.node.networks.list(),
    clusterNetworks(context),
  ]);
  const used =
    filterFlag(filters, "dangling") === undefined ? noNetworks : await usedNetworks(context);
  const type = filterList(filters, "type").find((each) => !["builtin", "custom"].includes(each));
  if (type !== undefined) throw badRequest(`invalid filter 'type=${type}': use builtin or custom`);
  const all = [...local.map(localNetworkJson), ...cluster.map(networkJson)];
  return ok(all.filter((network) => matchesNetwork(network, filters, used)));
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
  const { cluster, node } = context.backend;
  const knowsServices = node.swarmState().manager;
  if (!knowsServices || !queryFlag(request.query, "verbose")) return ok(withContainers);
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
  const { node, cluster } = context.backend;
  const [driver, name] = [requestedDriver(object), object.text("Name")];
  const spec = readNetworkSpec(object);
  if (predefinedNames.includes(name)) {
    throw new HttpError(403, `operation is not permitted on predefined ${name} network`);
  }
  const others = await Promise.all([
    node.networks.list(),
    (await clusterNetworks(context)).map(({ spec }) => ({ name: spec?.annotations?.name ?? "" })),
  ]);
  if (others.flat().some((network) => network.name === name)) {
    throw new HttpError(409, `network with name ${name} already exists`);
  }
  if (driver === "bridge") {
    const id = await node.networks.create(readLocalNetwork(object));
    return created({ Id: id, Warning: "" });
  }
  if (driver !== "overlay") {
    throw new HttpError(
      501,
      `network driver ${driver} is not supported for new networks: use bridge, or overlay in a swarm`,
    );
  }
  const refusal = notManagerError(node.swarmState());
  if (refusal !== undefined) throw refusal;
  const { network } = await clusterCall(cluster.createNetwork({ spec }));
  return created({ Id: must(network, "the created network").id, Warning: "" });
}

async function remove(request: RestRequest, context: RestContext): Promise<Reply> {
  const found = await findNetwork(context, param(request, "id"), "");
  const { node } = context.backend;
  if (found.kind === "local") {
    await node.networks.remove(found.network.id);
    return empty(204);
  }
  const refusal = notManagerError(node.swarmState());
  if (refusal !== undefined) throw refusal;
  await clusterCall(context.backend.cluster.removeNetwork({ ref: found.network.id }));
  return empty(204);
}

async function prune(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, ["label", "label!", "until"]);
  const { node, cluster } = context.backend;
  const beforeMs = untilFilterMs(filters, context.clock.now());
  const goes = (network: NetworkJson): boolean =>
    !network.Ingress &&
    !isPredefined(network) &&
    Date.parse(network.Created) <= beforeMs &&
    matchesLabels(network.Labels ?? {}, filterList(filters, "label")) &&
    !filterList(filters, "label!").some((label) => matchesLabels(network.Labels ?? {}, [label]));
  const local = (await node.networks.list()).map(localNetworkJson).filter(goes);
  const isManager = node.swarmState().manager;
  const ofSwarm = isManager ? (await clusterNetworks(context)).map(networkJson).filter(goes) : [];
  const deleted: string[] = [];
  const attempt = async ({ Name }: NetworkJson, removal: Promise<unknown>): Promise<void> => {
    try {
      await removal;
      deleted.push(Name);
    } catch (error) {
      // In use, or removed by somebody else meanwhile: neither is an error of a prune.
      if (!isClusterError(error, "FAILED_PRECONDITION", "PERMISSION_DENIED", "NOT_FOUND")) {
        throw fromCluster(error);
      }
    }
  };
  for (const network of local) await attempt(network, node.networks.remove(network.Id));
  for (const network of ofSwarm) await attempt(network, cluster.removeNetwork({ ref: network.Id }));
  return ok({ NetworksDeleted: deleted.length === 0 ? null : deleted });
}

/** Ids of the networks that containers on this node are running on. */
async function usedNetworks({ backend }: RestContext): Promise<ReadonlySet<string>> {
  const containers = await backend.node.containers.list();
  const running = containers.filter(({ state }) => state === "running" || state === "paused");
  return new Set(running.flatMap(({ networks }) => networks.map(({ networkId }) => networkId)));
}

function matchesNetwork(
  network: NetworkJson,
  filters: Filters,
  used: ReadonlySet<string>,
): boolean {
  const oneOf = (name: string, matches: (value: string) => boolean) => {
    const values = filterList(filters, name);
    return values.length === 0 || values.some(matches);
  };
  const builtin = isPredefined(network);
  const dangling = filterFlag(filters, "dangling");
  return (
    oneOf("id", (id) => network.Id.startsWith(id)) &&
    oneOf("name", (name) => matchesPattern(network.Name, name)) &&
    oneOf("driver", (driver) => network.Driver === driver) &&
    oneOf("scope", (scope) => network.Scope === scope) &&
    oneOf("type", (type) => (type === "builtin") === builtin) &&
    matchesLabels(network.Labels ?? {}, filterList(filters, "label")) &&
    (dangling === undefined || dangling === (!builtin && !network.Ingress && !used.has(network.Id)))
  );
}

function isPredefined({ Scope, Name }: NetworkJson): boolean {
  return Scope === "local" && predefinedNames.includes(Name);
}
