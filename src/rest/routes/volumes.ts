import { isClusterError } from "../../base/errors.ts";
import type { LocalVolumes } from "../backend/volumes.ts";
import { readOptionalJson } from "../http/body.ts";
import {
  filterFlag,
  filterList,
  labelsAllow,
  matchesLabels,
  parseFilters,
} from "../http/filters.ts";
import { HttpError, notFound, notImplemented } from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { created, empty, ok, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { JsonObject } from "../translate/json-object.ts";
import { volumeJson } from "../translate/volume.ts";

/** /volumes and below: the node's own */
export const volumeRoutes: readonly Route[] = [
  { method: "GET", pattern: "/volumes", handler: list },
  { method: "POST", pattern: "/volumes/create", handler: create },
  { method: "POST", pattern: "/volumes/prune", handler: prune },
  { method: "GET", pattern: "/volumes/{name}", handler: inspect },
  { method: "DELETE", pattern: "/volumes/{name}", handler: remove },
];

async function list(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, ["name", "driver", "label", "dangling"]);
  const dangling = filterFlag(filters, "dangling");
  const names = filterList(filters, "name");
  const drivers = filterList(filters, "driver");
  const volumes = ((await backend.node.volumes?.list()) ?? []).filter(
    (volume) =>
      (names.length === 0 || names.some((name) => matchesName(volume.name, name))) &&
      (drivers.length === 0 || drivers.includes(volume.driver)) &&
      matchesLabels(volume.labels, filterList(filters, "label")) &&
      (dangling === undefined || dangling === (volume.references === 0)),
  );
  return ok({ Volumes: volumes.map((volume) => volumeJson(volume)), Warnings: null });
}

// A part of the name, or an expression for one.
function matchesName(name: string, pattern: string): boolean {
  try {
    return name === pattern || new RegExp(pattern).test(name);
  } catch {
    return false;
  }
}

async function create(request: RestRequest, context: RestContext): Promise<Reply> {
  const object = new JsonObject((await readOptionalJson(request)) ?? {});
  if (object.has("ClusterVolumeSpec")) throw notImplemented("a cluster volume");
  const volume = await volumesOf(context).create({
    name: object.text("Name"),
    driver: object.text("Driver") || "local",
    options: object.textMap("DriverOpts"),
    labels: object.textMap("Labels"),
  });
  return created(volumeJson(volume));
}

async function inspect(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const name = param(request, "name");
  const volumes = (await backend.node.volumes?.list()) ?? [];
  const volume = volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) throw notFound(`get ${name}: no such volume`);
  return ok(volumeJson(volume));
}

async function remove(request: RestRequest, context: RestContext): Promise<Reply> {
  const force = queryFlag(request.query, "force");
  await volumesOf(context).remove(param(request, "name"), { force });
  return empty(204);
}

async function prune(request: RestRequest, context: RestContext): Promise<Reply> {
  const filters = parseFilters(request.query, ["label", "label!", "all"]);
  const all = filterFlag(filters, "all") ?? request.apiVersion < 42;
  const volumes = volumesOf(context);
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const { name, labels, anonymous, references } of await volumes.list()) {
    if (references !== 0 || !(all || anonymous) || !labelsAllow(filters, labels)) continue;
    const bytes = await volumes.measure(name);
    // A container may have come that names it.
    if (!(await removed(volumes, name))) continue;
    deleted.push(name);
    reclaimed += Math.max(0, bytes);
  }
  return ok({
    VolumesDeleted: deleted.length === 0 ? null : deleted,
    SpaceReclaimed: reclaimed,
  });
}

async function removed(volumes: LocalVolumes, name: string): Promise<boolean> {
  try {
    await volumes.remove(name, { force: true });
    return true;
  } catch (error) {
    if (isClusterError(error, "FAILED_PRECONDITION")) return false;
    throw error;
  }
}

function volumesOf({ backend }: RestContext) {
  if (backend.node.volumes === undefined) throw new HttpError(501, "this node has no volumes");
  return backend.node.volumes;
}
