import type { IpamConfig } from "../../gen/skep/IpamConfig.ts";
import type { IpamOptions } from "../../gen/skep/IpamOptions.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { NetworkSpec } from "../../gen/skep/NetworkSpec.ts";
import { badRequest, notImplemented } from "../http/http-error.ts";
import type {
  ClusterIpamJson,
  ClusterNetworkJson,
  IpamConfigJson,
  NetworkJson,
} from "../wire/network.ts";
import { annotationsJson, driverJson, objectJson } from "./common.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { timestampJson } from "./time.ts";

/** Key that Docker clients read a network's identifier on the wire from. */
const vxlanIdOption = "com.docker.network.driver.overlay.vxlanid_list";

/** A network of the cluster as /networks shows it. */
export function networkJson(network: Network): NetworkJson {
  const { spec } = network;
  const ipam = network.ipam ?? spec?.ipam ?? null;
  const vni = network.vni === 0 ? {} : { [vxlanIdOption]: String(network.vni) };
  return {
    Name: spec?.annotations?.name ?? "",
    Id: network.id,
    Created: timestampJson(network.meta?.createdAt ?? null),
    Scope: "swarm",
    Driver: driverName(spec),
    EnableIPv4: true,
    EnableIPv6: spec?.ipv6Enabled ?? false,
    IPAM: {
      Driver: ipam?.driver?.name || "default",
      Options: ipam?.driver?.options ?? null,
      Config: (ipam?.configs ?? []).map(ipamConfigJson),
    },
    Internal: spec?.internal ?? false,
    Attachable: spec?.attachable ?? false,
    Ingress: spec?.ingress ?? false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: null,
    Options: { ...vni, ...spec?.driver?.options },
    Labels: spec?.annotations?.labels ?? {},
  };
}

/** A network of the cluster as tasks carry it. */
export function clusterNetworkJson(network: Network): ClusterNetworkJson {
  const { spec } = network;
  return {
    ...objectJson(network.id, network.meta),
    Spec: {
      ...annotationsJson(spec?.annotations ?? null),
      ...omitEmpty<Partial<ClusterNetworkJson["Spec"]>>({
        DriverConfiguration: driverJson(spec?.driver ?? null) ?? {},
        IPv6Enabled: spec?.ipv6Enabled ?? false,
        Internal: spec?.internal ?? false,
        Attachable: spec?.attachable ?? false,
        Ingress: spec?.ingress ?? false,
        IPAMOptions: clusterIpamJson(spec?.ipam ?? null),
      }),
      Scope: "swarm",
    },
    DriverState: {
      Name: driverName(spec),
      ...omitEmpty({ Options: { ...spec?.driver?.options } }),
    },
    ...omitUndefined({
      IPAMOptions: network.ipam === null ? undefined : clusterIpamJson(network.ipam),
    }),
  };
}

/** Body of POST /networks/create as a cluster network. 400 for wrong types, 501 for what is missing. */
export function readNetworkSpec(object: JsonObject): NetworkSpec {
  if (object.flag("ConfigOnly") || object.object("ConfigFrom")?.text("Network")) {
    throw notImplemented("a configuration-only network");
  }
  if (object.optionalFlag("EnableIPv4") === false) {
    throw badRequest("invalid EnableIPv4: networks without IPv4 are not supported");
  }
  const name = object.text("Name");
  if (name === "") throw badRequest("network name is missing");
  return {
    annotations: { name, labels: object.textMap("Labels") },
    driver: { name: "overlay", options: object.textMap("Options") },
    internal: object.flag("Internal"),
    attachable: object.flag("Attachable"),
    ingress: object.flag("Ingress"),
    ipv6Enabled: object.flag("EnableIPv6"),
    ipam: readIpam(object.object("IPAM")),
  };
}

function driverName(spec: NetworkSpec | null): string {
  return spec?.driver?.name || "overlay";
}

function ipamConfigJson(config: IpamConfig): IpamConfigJson {
  return omitEmpty<IpamConfigJson>({
    Subnet: config.subnet,
    IPRange: config.range,
    Gateway: config.gateway,
    AuxiliaryAddresses: config.reserved,
  });
}

function clusterIpamJson(ipam: IpamOptions | null): ClusterIpamJson {
  if (ipam === null) return {};
  return omitEmpty<ClusterIpamJson>({
    Driver: driverJson(ipam.driver) ?? {},
    Configs: ipam.configs.map(({ subnet, range, gateway }) =>
      omitEmpty({ Subnet: subnet, Range: range, Gateway: gateway }),
    ),
  });
}

function readIpam(object: JsonObject | undefined): IpamOptions | null {
  if (object === undefined) return null;
  return {
    driver: { name: object.text("Driver"), options: object.textMap("Options") },
    configs: object.objects("Config", (config) => ({
      subnet: config.text("Subnet"),
      range: config.text("IPRange"),
      gateway: config.text("Gateway"),
      reserved: config.textMap("AuxiliaryAddresses"),
    })),
  };
}
