import { signalNumber } from "../../model/signal.ts";
import type { ContainerData } from "../backend/containers.ts";
import { readJson } from "../http/body.ts";
import { filterList, matchesLabels, parseFilters } from "../http/filters.ts";
import { fromLocal, HttpError, notImplemented } from "../http/http-error.ts";
import { queryFlag, queryInteger } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { untilFilterMs } from "../http/until-filter.ts";
import { containerInspectJson, containerSummaryJson } from "../translate/container.ts";
import {
  readContainerCreate,
  readLimits,
  readRestartPolicy,
} from "../translate/container-create.ts";
import { refuseUnsupported } from "../translate/container-unsupported.ts";
import { orNull } from "../translate/image.ts";
import { JsonObject } from "../translate/json-object.ts";
import { readVolumesFrom, withVolumesFrom } from "../translate/volumes-from.ts";
import {
  acceptedContainerFilters,
  checkContainerFilters,
  matchesContainer,
} from "./container-filters.ts";
import { attach, logs, resize, stats, wait } from "./container-streams.ts";
import { findContainer } from "./find-container.ts";

/** /containers and below: this node's, of tasks and of people */
export const containerRoutes: readonly Route[] = [
  { method: "GET", pattern: "/containers/json", handler: list },
  { method: "POST", pattern: "/containers/create", handler: create },
  { method: "POST", pattern: "/containers/prune", handler: prune },
  { method: "GET", pattern: "/containers/{id}/json", handler: inspect },
  { method: "GET", pattern: "/containers/{id}/logs", handler: logs },
  { method: "GET", pattern: "/containers/{id}/top", handler: top },
  { method: "GET", pattern: "/containers/{id}/stats", handler: stats },
  { method: "POST", pattern: "/containers/{id}/start", handler: start },
  { method: "POST", pattern: "/containers/{id}/stop", handler: stop },
  { method: "POST", pattern: "/containers/{id}/restart", handler: restart },
  { method: "POST", pattern: "/containers/{id}/kill", handler: kill },
  { method: "POST", pattern: "/containers/{id}/pause", handler: pause },
  { method: "POST", pattern: "/containers/{id}/unpause", handler: unpause },
  { method: "POST", pattern: "/containers/{id}/update", handler: update },
  { method: "GET", pattern: "/containers/{id}/changes", handler: changes },
  { method: "POST", pattern: "/containers/{id}/rename", handler: rename },
  { method: "POST", pattern: "/containers/{id}/resize", handler: resize },
  { method: "POST", pattern: "/containers/{id}/wait", handler: wait },
  { method: "POST", pattern: "/containers/{id}/attach", handler: attach },
  { method: "DELETE", pattern: "/containers/{id}", handler: remove },
  ...["GET /containers/{id}/attach/ws", "POST /commit", "POST /build"].map(missing),
];

async function list(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, acceptedContainerFilters);
  checkContainerFilters(filters);
  const limit = queryInteger(request.query, "limit", -1);
  const all = queryFlag(request.query, "all") || limit > 0 || filters.has("status");
  const containers = await context.backend.node.containers.list();
  const rows = containers
    .filter((container) => all || isActive(container))
    .filter((container) => matchesContainer(container, containers, filters))
    .sort((a, b) => b.createdAtMs - a.createdAtMs)
    .slice(0, limit > 0 ? limit : containers.length);
  const nowMs = context.clock.now();
  if (!queryFlag(request.query, "size")) {
    return ok(rows.map((container) => containerSummaryJson(container, nowMs)));
  }
  const sizeOf = await containerSizes(context);
  return ok(
    await Promise.all(
      rows.map(async (container) => ({
        ...containerSummaryJson(container, nowMs),
        ...(await sizeOf(container)),
      })),
    ),
  );
}

// What a container wrote, and that with its image.
async function containerSizes({
  backend,
}: RestContext): Promise<(container: ContainerData) => Promise<object>> {
  const { images, containers } = backend.node;
  const bytes = new Map((await images.list()).map(({ id, sizeBytes }) => [id, sizeBytes]));
  return async ({ id, imageId }) => {
    const written = (await containers.writtenBytes?.(id)) ?? 0;
    return { SizeRw: written, SizeRootFs: written + (bytes.get(imageId) ?? 0) };
  };
}

async function create(request: RestRequest, context: RestContext): Promise<Reply> {
  const body = await readJson(request);
  const { containers } = context.backend.node;
  if (containers.create === undefined) throw notImplemented("POST /containers/create");
  const name = request.query.get("name") ?? "";
  if (name !== "") checkName(name);
  const asked = readContainerCreate(body);
  const sources = (asked.volumesFrom ?? []).map(async (text) => {
    const { ref, readOnly } = readVolumesFrom(text);
    return { container: await findContainer(context, ref).catch(asBadRequest), readOnly };
  });
  const options = withVolumesFrom(asked, await Promise.all(sources));
  const { id, warnings } = await containers.create(name.replace(/^\//, ""), options);
  return created({ Id: id, Warnings: warnings });
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  const json = containerInspectJson(container, context.execs.runningIn(container.id));
  if (!queryFlag(request.query, "size")) return ok(json);
  const sizeOf = await containerSizes(context);
  return ok({ ...json, ...(await sizeOf(container)) });
}

async function top(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  requireRunning(container);
  const psArgs = request.query.get("ps_args") ?? "-ef";
  const { titles, processes } = await context.backend.node.containers.top(container.id, psArgs);
  return ok({ Titles: titles, Processes: processes });
}

async function start(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  if (container.state === "running") return empty(304);
  if (container.state === "paused") {
    throw new HttpError(409, "cannot start a paused container, try unpause instead");
  }
  await context.backend.node.containers.start(container.id);
  return empty(204);
}

async function stop(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  if (!isActive(container)) return empty(304);
  await context.backend.node.containers.stop(container.id, stopOptions(request));
  return empty(204);
}

async function restart(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  const options = stopOptions(request);
  if (containers.restart !== undefined) await containers.restart(container.id, options);
  else {
    if (container.state === "running") await containers.stop(container.id, options);
    await containers.start(container.id);
  }
  return empty(204);
}

async function kill(request: RestRequest, context: RestContext): Promise<Reply> {
  const ref = param(request, "id");
  const container = await findContainer(context, ref).catch((error: unknown) => {
    if (!(error instanceof HttpError)) throw error;
    throw new HttpError(error.status, `cannot kill container: ${ref}: ${error.message}`);
  });
  const signal = request.query.get("signal") || "SIGKILL";
  signalNumber(signal); // or it throws
  if (!["running", "paused"].includes(container.state)) {
    throw new HttpError(
      409,
      `cannot kill container: ${ref}: container ${container.id} is not running`,
    );
  }
  await context.backend.node.containers.kill(container.id, signal);
  return empty(204);
}

async function rename(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  const name = request.query.get("name") ?? "";
  if (containers.rename === undefined) throw notImplemented("rename of containers");
  try {
    checkName(name.startsWith("/") ? name : `/${name}`);
    await containers.rename(container.id, name.replace(/^\//, ""));
  } catch (error) {
    const { status, message } = fromLocal(error);
    const prefix = status === 409 || error instanceof HttpError ? newNameError : "";
    throw new HttpError(status, `${prefix}${message}`);
  }
  return empty(204);
}

async function remove(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  const force = queryFlag(request.query, "force");
  if (isActive(container) && !force) {
    throw new HttpError(
      409,
      `cannot remove container "/${container.name}": container is ${container.state}: ` +
        `${container.state === "paused" ? "unpause and then " : ""}stop the container before removing or force remove`,
    );
  }
  const volumes = queryFlag(request.query, "v");
  await context.backend.node.containers.remove(container.id, { force, volumes });
  return empty(204);
}

async function prune(request: RestRequest, { backend, clock }: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, ["until", "label", "label!"]);
  const { containers } = backend.node;
  const beforeMs = untilFilterMs(filters, clock.now());
  const deleted: string[] = [];
  let freedBytes = 0;
  for (const container of await containers.list()) {
    // The dead containers of tasks belong to the cluster, which keeps them as history.
    if (container.isTask || !["created", "exited", "dead"].includes(container.state)) continue;
    if (container.createdAtMs > beforeMs) continue;
    if (!matchesLabels(container.labels, filterList(filters, "label"))) continue;
    const unwanted = filterList(filters, "label!");
    if (unwanted.some((label) => matchesLabels(container.labels, [label]))) continue;
    freedBytes += (await containers.writtenBytes?.(container.id)) ?? 0;
    await containers.remove(container.id, { force: false, volumes: false });
    deleted.push(container.id);
  }
  return ok({ ContainersDeleted: orNull(deleted), SpaceReclaimed: freedBytes });
}

async function pause(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.pause === undefined) throw notImplemented("POST /containers/{id}/pause");
  await containers.pause(container.id);
  return empty(204);
}

async function unpause(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.unpause === undefined) throw notImplemented("POST /containers/{id}/unpause");
  await containers.unpause(container.id);
  return empty(204);
}

async function update(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.update === undefined) throw notImplemented("POST /containers/{id}/update");
  const body = new JsonObject(await readJson(request));
  const policy = body.object("RestartPolicy");
  const restart =
    policy === undefined || policy.text("Name") === "" ? undefined : readRestartPolicy(policy);
  refuseUnsupported(new JsonObject({}), body);
  await containers.update(container.id, { restart, limits: readLimits(body) });
  return ok({ Warnings: null });
}

async function changes(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.changes === undefined) throw notImplemented("GET /containers/{id}/changes");
  const kinds = { modified: 0, added: 1, deleted: 2 };
  const changed = await containers.changes(container.id);
  return ok(changed.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })));
}

// The CLI takes a 404 of a create for an image to pull.
function asBadRequest(error: unknown): never {
  throw new HttpError(400, fromLocal(error).message);
}

const newNameError = "Error when allocating new name: ";

function checkName(name: string): void {
  if (/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new HttpError(
    400,
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
}

function isActive({ state }: Pick<ContainerData, "state">): boolean {
  return state === "running" || state === "paused" || state === "restarting";
}

function requireRunning(container: { readonly id: string; readonly state: string }): void {
  if (container.state === "running") return;
  throw new HttpError(409, `container ${container.id} is not running`);
}

function stopOptions(request: RestRequest): { signal: string; graceMs?: number } {
  const signal = request.query.get("signal") ?? "";
  // -1 waits for ever, which nothing here does: a day is as long.
  const seconds = queryInteger(request.query, "t", Number.NaN);
  if (Number.isNaN(seconds)) return { signal };
  return { signal, graceMs: (seconds < 0 ? 86_400 : seconds) * 1000 };
}

function missing(methodAndPath: string): Route {
  const [method = "", pattern = ""] = methodAndPath.split(" ");
  return {
    method,
    pattern,
    handler: () => Promise.reject(notImplemented(`${method} ${pattern}`)),
  };
}
