import { readJson } from "../http/body.ts";
import { badRequest, HttpError, notImplemented } from "../http/http-error.ts";
import { empty, type Reply } from "../http/reply.ts";
import { param, type RestContext, type RestRequest, type Route } from "../http/request.ts";
import { JsonObject } from "../translate/json-object.ts";
import { findContainer } from "./find-container.ts";
import { findNetwork } from "./find-network.ts";

/** /networks/{id}/connect and disconnect: containers of this node join and leave networks. */
export const networkEndpointRoutes: readonly Route[] = [
  { method: "POST", pattern: "/networks/{id}/connect", handler: connect },
  { method: "POST", pattern: "/networks/{id}/disconnect", handler: disconnect },
];

async function connect(request: RestRequest, context: RestContext): Promise<Reply> {
  const body = new JsonObject(await readJson(request));
  const network = await networkOf(request, context);
  const { containers } = context.backend.node;
  if (containers.connect === undefined) throw notImplemented("connecting a container");
  const { id } = await findContainer(context, body.text("Container"));
  const config = body.object("EndpointConfig") ?? new JsonObject({});
  const ipam = config.object("IPAMConfig");
  for (const [name, value] of [
    ["Links", config.texts("Links").join(",")],
    ["IPAMConfig.IPv6Address", ipam?.text("IPv6Address") ?? ""],
    ["IPAMConfig.LinkLocalIPs", ipam?.texts("LinkLocalIPs").join(",") ?? ""],
    ["DriverOpts", Object.keys(config.textMap("DriverOpts")).join(",")],
  ] as const) {
    if (value !== "") throw badRequest(`EndpointConfig.${name} is not supported: leave it away`);
  }
  const ip = ipam?.text("IPv4Address") ?? "";
  const mac = config.text("MacAddress");
  await containers.connect(id, {
    network,
    aliases: config.texts("Aliases"),
    ...(ip === "" ? {} : { ip }),
    ...(mac === "" ? {} : { mac }),
  });
  return empty(200);
}

async function disconnect(request: RestRequest, context: RestContext): Promise<Reply> {
  const body = new JsonObject(await readJson(request));
  const network = await networkOf(request, context);
  const { containers } = context.backend.node;
  if (containers.disconnect === undefined) throw notImplemented("disconnecting a container");
  const { id } = await findContainer(context, body.text("Container"));
  await containers.disconnect(id, network, body.flag("Force"));
  return empty(200);
}

/** The full id of the network; what was given where only the managers may know it. */
async function networkOf(request: RestRequest, context: RestContext): Promise<string> {
  const ref = param(request, "id");
  try {
    return (await findNetwork(context, ref, "")).network.id;
  } catch (error) {
    const isUnknown = error instanceof HttpError && error.status === 404;
    const { state, manager } = context.backend.node.swarmState();
    // Docker, too, lets a worker ask: it knows only the networks that it takes part in.
    if (isUnknown && state === "active" && !manager) return ref;
    throw error;
  }
}
