import type { LocalNetworkData, LocalNetworkOptions } from "../backend/networks.ts";
import { badRequest, notImplemented } from "../http/http-error.ts";
import type { NetworkJson } from "../wire/network.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty } from "./omit-empty.ts";
import { millisJson } from "./time.ts";

/** A network of this node as /networks shows it. */
export function localNetworkJson(network: LocalNetworkData): NetworkJson {
  return {
    Name: network.name,
    Id: network.id,
    Created: millisJson(network.createdAtMs),
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: network.ipam.map(({ subnet, gateway, ipRange, reserved }) =>
        omitEmpty({
          Subnet: subnet,
          IPRange: ipRange,
          Gateway: gateway,
          AuxiliaryAddresses: reserved,
        }),
      ),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: { ...network.options },
    Labels: { ...network.labels },
  };
}

/** Driver that the body of POST /networks/create asks for; Docker's default is the node's own bridge. */
export function requestedDriver(object: JsonObject): string {
  return object.text("Driver") || (object.text("Scope") === "swarm" ? "overlay" : "bridge");
}

/** Body of POST /networks/create as a bridge network. 400 for wrong values, 501 for what is missing. */
export function readLocalNetwork(object: JsonObject): LocalNetworkOptions {
  if (object.flag("EnableIPv6")) throw notImplemented("IPv6 on a bridge network");
  if (object.flag("Ingress")) throw badRequest("a network of driver bridge cannot be ingress");
  if (object.text("Scope") === "swarm") throw notImplemented("a bridge network of the whole swarm");
  const ipam = object.object("IPAM");
  const driver = ipam?.text("Driver") ?? "";
  if (driver !== "" && driver !== "default") throw notImplemented(`IPAM driver ${driver}`);
  const option = Object.keys(ipam?.textMap("Options") ?? {})[0];
  if (option !== undefined) throw badRequest(`IPAM option ${option} is not supported`);
  const configs =
    ipam?.objects("Config", (config) => ({
      subnet: config.text("Subnet"),
      ipRange: config.text("IPRange"),
      gateway: config.text("Gateway"),
      reserved: config.textMap("AuxiliaryAddresses"),
    })) ?? [];
  if (configs.length > 1) throw badRequest("bridge driver doesn't support multiple subnets");
  const [config = { subnet: "", ipRange: "", gateway: "", reserved: {} }] = configs;
  return {
    name: object.text("Name"),
    ...config,
    internal: object.flag("Internal"),
    attachable: object.flag("Attachable"),
    options: object.textMap("Options"),
    labels: object.textMap("Labels"),
  };
}
