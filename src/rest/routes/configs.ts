import { must } from "../../base/assert.ts";
import { readJson } from "../http/body.ts";
import { parseFilters } from "../http/filters.ts";
import { clusterGet } from "../http/http-error.ts";
import { queryVersion } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { configJson, readConfigSpec } from "../translate/config.ts";
import { acceptedFilters, commonFilters } from "../translate/list-filters.ts";

/** /configs and below */
export const configRoutes: readonly Route[] = [
  { method: "GET", pattern: "/configs", handler: list, cluster: true },
  { method: "POST", pattern: "/configs/create", handler: create, cluster: true },
  { method: "GET", pattern: "/configs/{id}", handler: inspect, cluster: true },
  { method: "DELETE", pattern: "/configs/{id}", handler: remove, cluster: true },
  { method: "POST", pattern: "/configs/{id}/update", handler: update, cluster: true },
];

async function list(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const filters = commonFilters(parseFilters(request.query, acceptedFilters.config));
  const { configs } = await backend.cluster.listConfigs({ filters });
  return ok(configs.map(configJson));
}

async function create(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const spec = readConfigSpec(await readJson(request));
  const { config } = await backend.cluster.createConfig({ spec });
  return created({ ID: must(config, "the created config").id });
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  return ok(configJson(await getConfig(context, param(request, "id"))));
}

async function remove(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  await clusterGet("config", ref, backend.cluster.removeConfig({ ref }));
  return empty(204);
}

async function update(request: RestRequest, context: RestContext): Promise<Reply> {
  const version = { index: queryVersion(request.query) };
  const spec = readConfigSpec(await readJson(request));
  const config = await getConfig(context, param(request, "id"));
  await context.backend.cluster.updateConfig({ configId: config.id, version, spec });
  return empty(200);
}

async function getConfig({ backend }: RestContext, ref: string) {
  const { config } = await clusterGet("config", ref, backend.cluster.getConfig({ ref }));
  return must(config, `config ${ref}`);
}
