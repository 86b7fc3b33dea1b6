import { isClusterError } from "../../base/errors.ts";
import type { PathStatData } from "../backend/containers.ts";
import { badRequest, notFound, notImplemented } from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { empty, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { goFileMode } from "../translate/file-mode.ts";
import { findContainer } from "./find-container.ts";

/** /containers/{id}/archive and /export: files in and out of containers (`docker cp`, `docker export`) */
export const containerArchiveRoutes: readonly Route[] = [
  { method: "HEAD", pattern: "/containers/{id}/archive", handler: stat },
  { method: "GET", pattern: "/containers/{id}/archive", handler: read },
  { method: "PUT", pattern: "/containers/{id}/archive", handler: write },
  { method: "GET", pattern: "/containers/{id}/export", handler: exportAll },
];

async function stat(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.statPath === undefined) throw notImplemented("HEAD /containers/{id}/archive");
  const found = await named(request, containers.statPath(container.id, pathOf(request)));
  return { kind: "empty", status: 200, headers: statHeader(found) };
}

async function read(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.statPath === undefined || containers.readArchive === undefined) {
    throw notImplemented("GET /containers/{id}/archive");
  }
  const path = pathOf(request);
  const found = await named(request, containers.statPath(container.id, path));
  return {
    kind: "stream",
    status: 200,
    contentType: "application/x-tar",
    headers: statHeader(found),
    chunks: await containers.readArchive(container.id, path, request.signal),
  };
}

async function exportAll(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.exportFiles === undefined) throw notImplemented("GET /containers/{id}/export");
  return {
    kind: "stream",
    status: 200,
    contentType: "application/octet-stream",
    chunks: await containers.exportFiles(container.id, request.signal),
  };
}

async function write(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.writeArchive === undefined) throw notImplemented("PUT /containers/{id}/archive");
  const keepKinds = queryFlag(request.query, "noOverwriteDirNonDir");
  await named(
    request,
    containers.writeArchive(container.id, pathOf(request), request.body, { keepKinds }),
  );
  return empty(200);
}

// Who looks for a file knows the container by the name he gave.
async function named<T>(request: RestRequest, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isClusterError(error, "NOT_FOUND") || !error.message.endsWith(" in container"))
      throw error;
    throw notFound(`${error.message} ${param(request, "id")}`);
  }
}

function pathOf(request: RestRequest): string {
  const path = request.query.get("path") ?? "";
  if (path === "") throw badRequest("bad parameter: name or path cannot be empty");
  return path;
}

function statHeader(found: PathStatData): Record<string, string> {
  const json = JSON.stringify({
    name: found.name,
    size: found.sizeBytes,
    mode: goFileMode(found.mode),
    mtime: new Date(found.modifiedAtMs).toISOString(),
    linkTarget: found.linkTarget,
  });
  return { "X-Docker-Container-Path-Stat": Buffer.from(json).toString("base64") };
}
