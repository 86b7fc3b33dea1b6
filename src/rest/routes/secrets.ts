import { must } from "../../base/assert.ts";
import { readJson } from "../http/body.ts";
import { parseFilters } from "../http/filters.ts";
import { clusterGet } from "../http/http-error.ts";
import { queryVersion } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { acceptedFilters, commonFilters } from "../translate/list-filters.ts";
import { readSecretSpec, secretJson } from "../translate/secret.ts";

/** /secrets and below */
export const secretRoutes: readonly Route[] = [
  { method: "GET", pattern: "/secrets", handler: list, cluster: true },
  { method: "POST", pattern: "/secrets/create", handler: create, cluster: true },
  { method: "GET", pattern: "/secrets/{id}", handler: inspect, cluster: true },
  { method: "DELETE", pattern: "/secrets/{id}", handler: remove, cluster: true },
  { method: "POST", pattern: "/secrets/{id}/update", handler: update, cluster: true },
];

async function list(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const filters = commonFilters(parseFilters(request.query, acceptedFilters.secret));
  const { secrets } = await backend.cluster.listSecrets({ filters });
  return ok(secrets.map(secretJson));
}

async function create(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const spec = readSecretSpec(await readJson(request));
  const { secret } = await backend.cluster.createSecret({ spec });
  return created({ ID: must(secret, "the created secret").id });
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  return ok(secretJson(await getSecret(context, param(request, "id"))));
}

async function remove(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  await clusterGet("secret", ref, backend.cluster.removeSecret({ ref }));
  return empty(204);
}

async function update(request: RestRequest, context: RestContext): Promise<Reply> {
  const version = { index: queryVersion(request.query) };
  const spec = readSecretSpec(await readJson(request));
  const secret = await getSecret(context, param(request, "id"));
  await context.backend.cluster.updateSecret({ secretId: secret.id, version, spec });
  return empty(200);
}

async function getSecret({ backend }: RestContext, ref: string) {
  const { secret } = await clusterGet("secret", ref, backend.cluster.getSecret({ ref }));
  return must(secret, `secret ${ref}`);
}
