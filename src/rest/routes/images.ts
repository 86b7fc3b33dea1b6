import { finished, PassThrough, type Readable } from "node:stream";
import { isClusterError } from "../../base/errors.ts";
import type { ImageData } from "../backend/images.ts";
import { type Filters, filterFlag, filterList, parseFilters } from "../http/filters.ts";
import { HttpError, notFound, notImplemented } from "../http/http-error.ts";
import { queryFlag } from "../http/query.ts";
import { parseRegistryAuth } from "../http/registry-auth.ts";
import { empty, ok, type Reply, stream } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { untilFilterMs } from "../http/until-filter.ts";
import { historyJson, imageInspectJson, imageSummaryJson } from "../translate/image.ts";
import { withTag } from "../translate/image-name.ts";
import { sharedSizes } from "../translate/image-sizes.ts";
import { imageConflict } from "./image-conflict.ts";
import { type ImageAge, madeAtMs, matchesImage } from "./image-filters.ts";
import { loadLines, pullLines, startStream } from "./image-progress.ts";

/** /images, /distribution */
export const imageRoutes: readonly Route[] = [
  { method: "GET", pattern: "/images/json", handler: list },
  { method: "POST", pattern: "/images/create", handler: pull },
  { method: "GET", pattern: "/images/search", handler: search },
  { method: "POST", pattern: "/images/load", handler: load },
  { method: "GET", pattern: "/images/get", handler: save },
  { method: "POST", pattern: "/images/prune", handler: prune },
  { method: "GET", pattern: "/images/{name*}/json", handler: inspect },
  { method: "GET", pattern: "/images/{name*}/history", handler: history },
  { method: "GET", pattern: "/images/{name*}/get", handler: save },
  { method: "POST", pattern: "/images/{name*}/tag", handler: tag },
  { method: "POST", pattern: "/images/{name*}/push", handler: push },
  { method: "DELETE", pattern: "/images/{name*}", handler: remove },
  { method: "GET", pattern: "/distribution/{name*}/json", handler: distribution },
];

async function list(request: RestRequest, context: RestContext): Promise<Reply> {
  const { backend } = context;
  const filters = parseFilters(request.query, [
    "dangling",
    "label",
    "before",
    "since",
    "reference",
    "until",
  ]);
  const age = await ageOf(context, filters);
  const [images, containers] = await Promise.all([
    backend.node.images.list(),
    backend.node.containers.list(),
  ]);
  const shared = sharedSizes(images);
  const rows = images
    .filter((image) => matchesImage(image, filters, age))
    .sort((a, b) => madeAtMs(b) - madeAtMs(a))
    .map((image) => ({
      ...imageSummaryJson(image, containers.filter(({ imageId }) => imageId === image.id).length),
      ...(queryFlag(request.query, "shared-size") ? { SharedSize: shared.get(image.id) ?? 0 } : {}),
    }));
  return ok(rows);
}

// `before` and `since` name images of this node.
async function ageOf(context: RestContext, filters: Filters): Promise<ImageAge> {
  let afterMs = Number.NEGATIVE_INFINITY;
  let beforeMs = untilFilterMs(filters, context.clock.now());
  for (const name of filterList(filters, "since")) {
    afterMs = Math.max(afterMs, madeAtMs(await findImage(context, name)));
  }
  for (const name of filterList(filters, "before")) {
    beforeMs = Math.min(beforeMs, madeAtMs(await findImage(context, name)));
  }
  return { afterMs, beforeMs };
}

async function inspect(request: RestRequest, context: RestContext): Promise<Reply> {
  return ok(imageInspectJson(await findImage(context, param(request, "name"))));
}

async function history(request: RestRequest, context: RestContext): Promise<Reply> {
  const name = param(request, "name");
  await findImage(context, name);
  return ok((await context.backend.node.images.history(name)).map(historyJson));
}

// A registry that cannot be reached is no state of this daemon: Docker answers 500, as for all that fails there.
function registryFailed(error: unknown): never {
  if (isClusterError(error, "UNAVAILABLE")) throw new HttpError(500, error.message);
  throw error;
}

async function pull(request: RestRequest, { backend, log }: RestContext): Promise<Reply> {
  const { query, signal } = request;
  const name = query.get("fromImage") ?? "";
  if (name === "") {
    throw query.has("fromSrc")
      ? notImplemented("import of images")
      : new HttpError(400, "fromImage is missing");
  }
  const tag = query.get("tag") ?? "";
  const separator = tag.startsWith("sha256:") ? "@" : ":";
  const reference = tag === "" ? withTag(name) : `${name}${separator}${tag}`;
  const auth = parseRegistryAuth(request.headers["x-registry-auth"]);
  const platform = query.get("platform") || undefined;
  const lines = pullLines(backend.node.images, reference, { auth, platform, signal }, log);
  return stream("application/json", await startStream(lines).catch(registryFailed));
}

async function load(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const quiet = queryFlag(request.query, "quiet");
  const lines = loadLines(backend.node.images, detached(request.body), quiet, request.signal);
  return stream("application/json", await startStream(lines));
}

// A reader that gives up destroys what it reads: the connection must live on, to tell the client why.
function detached(body: Readable): Readable {
  const copy = new PassThrough();
  body.pipe(copy);
  finished(body, { writable: false }, (error) => {
    if (error) copy.destroy(error);
  });
  copy.once("close", () => body.resume());
  return copy;
}

async function save(request: RestRequest, context: RestContext): Promise<Reply> {
  const named = param(request, "name");
  const names = named === "" ? request.query.getAll("names").flatMap((x) => x.split(",")) : [named];
  if (names.length === 0) throw new HttpError(400, "no image is named: set names");
  for (const name of names) await findImage(context, name);
  return stream("application/x-tar", await context.backend.node.images.save(names));
}

async function tag(request: RestRequest, context: RestContext): Promise<Reply> {
  const repo = request.query.get("repo") ?? "";
  if (repo === "") throw new HttpError(400, "the new name is missing: set repo");
  const name = param(request, "name");
  await findImage(context, name);
  await context.backend.node.images.tag(name, `${repo}:${request.query.get("tag") || "latest"}`);
  return empty(201);
}

async function search(): Promise<Reply> {
  throw notImplemented("search of registries");
}

async function push(): Promise<Reply> {
  throw notImplemented("push of images");
}

async function remove(request: RestRequest, context: RestContext): Promise<Reply> {
  const name = param(request, "name");
  const image = await findImage(context, name);
  const force = queryFlag(request.query, "force");
  const containers = await context.backend.node.containers.list();

  const conflict = imageConflict({ image, name, force, containers });
  if (conflict !== undefined) throw new HttpError(409, conflict);
  const { untagged, deleted } = await context.backend.node.images.remove(name, { force });
  return ok([
    ...untagged.map((reference) => ({ Untagged: reference })),
    ...deleted.map((id) => ({ Deleted: id })),
  ]);
}

async function prune(request: RestRequest, { backend, clock }: RestContext): Promise<Reply> {
  const given = parseFilters(request.query, ["dangling", "until", "label", "label!"]);
  // Here it says which images go: those without a name, or all that no container uses.
  const danglingOnly = filterFlag(given, "dangling") ?? true;
  const filters = new Map([...given].filter(([name]) => name !== "dangling"));
  const age = { afterMs: Number.NEGATIVE_INFINITY, beforeMs: untilFilterMs(filters, clock.now()) };
  const used = new Set((await backend.node.containers.list()).map(({ imageId }) => imageId));
  const rows: object[] = [];
  let reclaimed = 0;
  for (const image of await backend.node.images.list()) {
    if (used.has(image.id) || (danglingOnly && image.repoTags.length > 0)) continue;
    if (!matchesImage(image, filters, age)) continue;
    const { untagged, deleted } = await backend.node.images.remove(image.id, { force: true });
    rows.push(...untagged.map((reference) => ({ Untagged: reference })));
    rows.push(...deleted.map((id) => ({ Deleted: id })));
    reclaimed += image.sizeBytes;
  }
  return ok({ ImagesDeleted: rows.length === 0 ? null : rows, SpaceReclaimed: reclaimed });
}

async function distribution(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const auth = parseRegistryAuth(request.headers["x-registry-auth"]);
  const name = param(request, "name");
  const found = await backend.node.images.resolveDigest(withTag(name), auth, request.signal);
  return ok({
    Descriptor: { mediaType: found.mediaType, digest: found.digest, size: found.sizeBytes },
    Platforms: found.platforms.map(({ os, architecture }) => ({ architecture, os })),
  });
}

async function findImage({ backend }: RestContext, reference: string): Promise<ImageData> {
  const image = await backend.node.images.find(reference);
  if (image === undefined) throw notFound(`No such image: ${withTag(reference)}`);
  return image;
}
