import { must } from "../../base/assert.ts";
import { readJson } from "../http/body.ts";
import { parseFilters } from "../http/filters.ts";
import { clusterGet } from "../http/http-error.ts";
import { queryFlag, queryVersion } from "../http/query.ts";
import { empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { acceptedFilters, nodeFilters } from "../translate/list-filters.ts";
import { nodeJson, readNodeSpec } from "../translate/node.ts";

/** /nodes and below */
export const nodeRoutes: readonly Route[] = [
  { method: "GET", pattern: "/nodes", handler: list, cluster: true },
  { method: "GET", pattern: "/nodes/{id}", handler: inspect, cluster: true },
  { method: "DELETE", pattern: "/nodes/{id}", handler: remove, cluster: true },
  { method: "POST", pattern: "/nodes/{id}/update", handler: update, cluster: true },
];

async function list(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const filters = nodeFilters(parseFilters(request.query, acceptedFilters.node));
  const { nodes } = await backend.cluster.listNodes({ filters });
  return ok(nodes.map(nodeJson));
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  return ok(nodeJson(await getNode(context, param(request, "id"))));
}

async function remove(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  const force = queryFlag(request.query, "force");
  await clusterGet("node", ref, backend.cluster.removeNode({ ref, force }));
  return empty(200);
}

async function update(request: RestRequest, context: RestContext): Promise<Reply> {
  const version = { index: queryVersion(request.query) };
  const spec = readNodeSpec(await readJson(request));
  const node = await getNode(context, param(request, "id"));
  await context.backend.cluster.updateNode({ nodeId: node.id, version, spec });
  return empty(200);
}

async function getNode({ backend }: RestContext, ref: string) {
  const { node } = await clusterGet("node", ref, backend.cluster.getNode({ ref }));
  return must(node, `node ${ref}`);
}
