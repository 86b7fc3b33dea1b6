import { must } from "../../base/assert.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceCounts } from "../../gen/skep/ServiceCounts.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import { readJson } from "../http/body.ts";
import { parseFilters } from "../http/filters.ts";
import { badRequest, clusterGet } from "../http/http-error.ts";
import { queryFlag, queryVersion } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { randomName } from "../random-name.ts";
import { acceptedFilters, excludesContainers, serviceFilters } from "../translate/list-filters.ts";
import { serviceJson } from "../translate/service.ts";
import { withDefaults } from "../translate/service-defaults.ts";
import { readServiceSpec } from "../translate/service-spec.ts";
import { serviceLogsReply } from "./service-logs.ts";

/** /services and below */
export const serviceRoutes: readonly Route[] = [
  { method: "GET", pattern: "/services", handler: list, cluster: true },
  { method: "POST", pattern: "/services/create", handler: create, cluster: true },
  { method: "GET", pattern: "/services/{id}", handler: inspect, cluster: true },
  { method: "DELETE", pattern: "/services/{id}", handler: remove, cluster: true },
  { method: "POST", pattern: "/services/{id}/update", handler: update, cluster: true },
  { method: "POST", pattern: "/services/{id}/rebalance", handler: rebalance, cluster: true },
  { method: "GET", pattern: "/services/{id}/logs", handler: logs, cluster: true },
];

async function list(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, acceptedFilters.service);
  if (excludesContainers(filters)) return ok([]);
  const { services } = await backend.cluster.listServices({ filters: serviceFilters(filters) });
  if (!queryFlag(request.query, "status") || services.length === 0) {
    return ok(services.map((service) => serviceJson(service)));
  }
  const serviceIds = services.map(({ id }) => id);
  const { counts } = await backend.cluster.listServiceCounts({ serviceIds });
  const byId = new Map(counts.map((count) => [count.serviceId, count]));
  return ok(
    services.map((service) =>
      serviceJson(service, { counts: byId.get(service.id) ?? noCounts(service.id) }),
    ),
  );
}

async function create(request: RestRequest, { backend, random }: RestContext): Promise<Reply> {
  const given = withRegistryAuth(request, readServiceSpec(await readJson(request)));
  const spec = given.annotations?.name
    ? given
    : {
        ...given,
        annotations: { labels: {}, ...given.annotations, name: randomName(random) },
      };
  const { service, warnings } = await backend.cluster.createService({ spec });
  return created({
    ID: must(service, "the created service").id,
    Warnings: warnings.length === 0 ? null : warnings,
  });
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  const service = await getService(context, param(request, "id"));
  const specForm = queryFlag(request.query, "insertDefaults") ? { specForm: withDefaults } : {};
  return ok(serviceJson(service, specForm));
}

async function remove(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  await clusterGet("service", ref, backend.cluster.removeService({ ref }));
  return empty(200);
}

async function update(request: RestRequest, context: RestContext): Promise<Reply> {
  const { query } = request;
  const version = { index: queryVersion(query) };
  const rollback = query.get("rollback") ?? "";
  if (rollback !== "" && rollback !== "previous") {
    throw badRequest(`invalid rollback "${rollback}": only "previous" is known`);
  }
  const registryAuthFrom = query.get("registryAuthFrom") ?? "";
  if (!["", "spec", "previous-spec"].includes(registryAuthFrom)) {
    throw badRequest("invalid registryAuthFrom: spec or previous-spec is needed");
  }
  const body = readServiceSpec(await readJson(request));
  const service = await getService(context, param(request, "id"));
  const { warnings } = await context.backend.cluster.updateService({
    serviceId: service.id,
    version,
    spec: withRegistryAuth(request, body),
    rollback: rollback === "previous",
    registryAuthFrom: registryAuthFrom === "" ? "spec" : registryAuthFrom,
  });
  return ok({ Warnings: warnings.length === 0 ? null : warnings });
}

// Not in Docker's API.
async function rebalance(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  await clusterGet("service", ref, backend.cluster.rebalanceService({ ref }));
  return empty(200);
}

async function logs(request: RestRequest, context: RestContext): Promise<Reply> {
  const service = await getService(context, param(request, "id"));
  return serviceLogsReply(request, context, {
    serviceIds: [service.id],
    taskIds: [],
    tty: service.spec?.task?.container?.tty ?? false,
  });
}

async function getService({ backend }: RestContext, ref: string): Promise<Service> {
  const { service } = await clusterGet("service", ref, backend.cluster.getService({ ref }));
  return must(service, `service ${ref}`);
}

// Nodes pull with what the client who made the service sent along.
function withRegistryAuth(request: RestRequest, spec: ServiceSpec): ServiceSpec {
  const registryAuth = request.headers["x-registry-auth"] ?? "";
  if (registryAuth === "" || spec.task?.container == null) return spec;
  const container = { ...spec.task.container, registryAuth };
  return { ...spec, task: { ...spec.task, container } };
}

function noCounts(serviceId: string): ServiceCounts {
  return { serviceId, desiredTasks: 0, runningTasks: 0, completedTasks: 0 };
}
