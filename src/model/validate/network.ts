import { isIPv4 } from "node:net";
import { errorMessage } from "../../base/errors.ts";
import {
  formatSubnet,
  numberToIp,
  parseSubnet,
  type Subnet,
  subnetContains,
  subnetsOverlap,
} from "../../base/ip.ts";
import type { IpamConfig } from "../../gen/skep/IpamConfig.ts";
import type { NetworkSpec } from "../../gen/skep/NetworkSpec.ts";
import { checkDnsName } from "./annotations.ts";
import { invalid, unimplemented } from "./refuse.ts";

/** A subnet needs room for the network, the gateway, the broadcast address and a task. */
const prefixMax = 29;

const encryptedOption = "encrypted";

/** Checks a network. INVALID_ARGUMENT naming the option; UNIMPLEMENTED for IPv6, encryption and other drivers. */
export function validateNetworkSpec(spec: NetworkSpec): void {
  checkDnsName("network", spec.annotations);
  const driver = spec.driver?.name ?? "";
  if (driver !== "" && driver !== "overlay") {
    throw unimplemented(`network driver "${driver}"`, "use overlay");
  }
  // Who asks for this must not get a network that is open in silence. Docker encrypts whatever the value is.
  if (spec.driver?.options[encryptedOption] !== undefined) {
    throw unimplemented(
      "network opt encrypted",
      "overlay networks are not encrypted: leave it out",
    );
  }
  checkNumbers(spec.driver?.options ?? {});
  if (spec.ipv6Enabled) throw unimplemented("network ipv6", "overlay networks have IPv4 only");
  if (spec.ingress && (spec.attachable || spec.internal)) {
    throw invalid("ingress", "the ingress network is neither attachable nor internal");
  }
  const ipamDriver = spec.ipam?.driver?.name ?? "";
  if (ipamDriver !== "" && ipamDriver !== "default") {
    throw unimplemented(`ipam-driver "${ipamDriver}"`, "leave it out");
  }
  const [config, second] = spec.ipam?.configs ?? [];
  if (config !== undefined) checkIpamConfig(config);
  if (second !== undefined) {
    throw unimplemented(`subnet ${second.subnet}`, "an overlay network has one: leave it out");
  }
}

/** What the options of Docker's overlay driver hold: the least and the most (the MTU IPv4 hosts must have; VXLAN's 24 bits). */
const numberOptions: Readonly<Record<string, readonly [min: number, max: number]>> = {
  "com.docker.network.driver.mtu": [576, 65_535],
  "com.docker.network.driver.overlay.vxlanid_list": [1, 0xff_ff_ff],
};

function checkNumbers(options: Readonly<Record<string, string>>): void {
  for (const [name, [min, max]] of Object.entries(numberOptions)) {
    for (const text of options[name]?.split(",") ?? []) {
      if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) continue;
      throw invalid(`network opt ${name}`, `"${text}" is not a whole number from ${min} to ${max}`);
    }
  }
}

/** Not for hosts of one's own: "this network", loopback, and from multicast on (RFC 6890). */
const reservedRanges = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].map(parseSubnet);

function checkIpamConfig(config: IpamConfig): void {
  if (config.subnet === "") {
    if (config.gateway !== "" || config.range !== "") {
      throw invalid("subnet", "a gateway or ip-range needs the subnet it is in");
    }
    return;
  }
  const subnet = readSubnet("subnet", config.subnet);
  if (subnet.prefix > prefixMax) {
    throw invalid(`subnet ${config.subnet}`, `it is too small: give a /${prefixMax} or larger`);
  }
  if (config.subnet !== formatSubnet(subnet)) {
    throw invalid(`subnet ${config.subnet}`, `it begins elsewhere: write ${formatSubnet(subnet)}`);
  }
  if (reservedRanges.some((range) => subnetsOverlap(range, subnet))) {
    throw invalid(
      `subnet ${config.subnet}`,
      "no host can have these addresses: use a private range",
    );
  }
  if (config.range !== "") {
    const range = readSubnet("ip-range", config.range);
    if (range.base < subnet.base || range.base + range.size > subnet.base + subnet.size) {
      throw invalid(`ip-range ${config.range}`, `it is not within ${config.subnet}`);
    }
  }
  const addresses = { gateway: config.gateway, ...config.reserved };
  for (const [name, address] of Object.entries(addresses)) {
    if (address === "") continue;
    if (!isIPv4(address) || !subnetContains(subnet, address)) {
      throw invalid(`${name} ${address}`, `it is not an address within ${config.subnet}`);
    }
  }
  const ends = [subnet.base, subnet.base + subnet.size - 1].map(numberToIp);
  if (ends.includes(config.gateway)) {
    throw invalid(
      `gateway ${config.gateway}`,
      `it is the first or last address of ${config.subnet}, which no host can have`,
    );
  }
}

function readSubnet(field: string, text: string): Subnet {
  try {
    return parseSubnet(text);
  } catch (error) {
    throw invalid(field, errorMessage(error), error);
  }
}
