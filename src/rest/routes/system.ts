import { isClusterError } from "../../base/errors.ts";
import type { VolumeData } from "../backend/volumes.ts";
import type { LocalNode } from "../backend.ts";
import { apiVersionMax, apiVersionMin, apiVersionText } from "../http/api-version.ts";
import { readJson } from "../http/body.ts";
import { notImplemented } from "../http/http-error.ts";
import { ok, type Reply } from "../http/reply.ts";
import type { RestContext, RestRequest, Route } from "../http/request.ts";
import { containerSummaryJson } from "../translate/container.ts";
import { imageSummaryJson } from "../translate/image.ts";
import { layersSize, sharedSizes } from "../translate/image-sizes.ts";
import { JsonObject } from "../translate/json-object.ts";
import { noFilters } from "../translate/list-filters.ts";
import { type InfoParts, infoJson, swarmHeader, versionJson } from "../translate/system.ts";
import { volumeJson } from "../translate/volume.ts";

/** /_ping, /version, /info, /auth, /system/df, /plugins and /build/prune (never any) */
export const systemRoutes: readonly Route[] = [
  { method: "GET", pattern: "/_ping", handler: ping },
  { method: "HEAD", pattern: "/_ping", handler: ping },
  { method: "GET", pattern: "/version", handler: version },
  { method: "GET", pattern: "/info", handler: info },
  { method: "POST", pattern: "/auth", handler: auth },
  { method: "GET", pattern: "/system/df", handler: diskUsage },
  { method: "GET", pattern: "/plugins", handler: async () => ok([]) },
  {
    method: "POST",
    pattern: "/build/prune",
    handler: async () => ok({ CachesDeleted: null, SpaceReclaimed: 0 }),
  },
];

async function ping(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  return {
    kind: "text",
    status: 200,
    text: request.method === "HEAD" ? "" : "OK",
    headers: {
      "Builder-Version": "1",
      Swarm: swarmHeader(backend.node.swarmState()),
      "Cache-Control": "no-cache, no-store, must-revalidate",
      Pragma: "no-cache",
    },
  };
}

async function version(_: RestRequest, { backend }: RestContext): Promise<Reply> {
  return ok(
    versionJson(
      backend.node.version(),
      apiVersionText(apiVersionMax),
      apiVersionText(apiVersionMin),
    ),
  );
}

async function info(_: RestRequest, context: RestContext): Promise<Reply> {
  const { node } = context.backend;
  const [data, containers, images] = await Promise.all([
    node.info(),
    node.containers.list(),
    node.images.list(),
  ]);
  const parts = await clusterParts(context);
  return ok(
    infoJson({
      data,
      version: node.version(),
      swarm: node.swarmState(),
      containers,
      imageCount: images.length,
      ...parts,
      nowMs: context.clock.now(),
    }),
  );
}

const noCluster = { cluster: null, wantedTlsInfo: null, nodes: [] };

// A manager without a leader must still answer /info, with the reason in it.
async function clusterParts(
  context: RestContext,
): Promise<Pick<InfoParts, "cluster" | "wantedTlsInfo" | "nodes" | "clusterError">> {
  const { cluster, node } = context.backend;
  if (!node.swarmState().manager) return { ...noCluster, clusterError: "" };
  try {
    const [got, list] = await Promise.all([
      cluster.getCluster({}),
      cluster.listNodes({ filters: noFilters }),
    ]);
    return { ...got, nodes: list.nodes, clusterError: "" };
  } catch (error) {
    if (!isClusterError(error)) throw error;
    return { ...noCluster, clusterError: error.message };
  }
}

// The registry says whether it takes the credentials; the client keeps them.
async function auth(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const object = new JsonObject(await readJson(request));
  const { images } = backend.node;
  if (images.login === undefined) throw notImplemented("POST /auth");
  const credentials = {
    username: object.text("username"),
    password: object.text("password"),
    identityToken: object.text("identitytoken"),
    serverAddress: object.text("serveraddress", "docker.io"),
  };
  await images.login(credentials, request.signal);
  return ok({ Status: "Login Succeeded", IdentityToken: "" });
}

async function diskUsage(_: RestRequest, { backend, clock }: RestContext): Promise<Reply> {
  const { node } = backend;
  const [images, containers, volumes] = await Promise.all([
    node.images.list(),
    node.containers.list(),
    measuredVolumes(node),
  ]);
  const shared = sharedSizes(images);
  return ok({
    LayersSize: layersSize(images),
    Images: images.map((image) => ({
      ...imageSummaryJson(image, containers.filter(({ imageId }) => imageId === image.id).length),
      SharedSize: shared.get(image.id) ?? 0,
    })),
    Containers: containers.map((container) => ({
      ...containerSummaryJson(container, clock.now()),
      SizeRw: 0,
      SizeRootFs: 0,
    })),
    Volumes: volumes.map((volume) => volumeJson(volume, true)),
    BuildCache: [],
    BuilderSize: 0,
  });
}

async function measuredVolumes({ volumes }: LocalNode): Promise<VolumeData[]> {
  const measured: VolumeData[] = [];
  for (const volume of (await volumes?.list()) ?? []) {
    measured.push({ ...volume, sizeBytes: (await volumes?.measure(volume.name)) ?? -1 });
  }
  return measured;
}
