import { ClusterError } from "../base/errors.ts";
import { ipToNumber, numberToIp, parseSubnet } from "../base/ip.ts";

/** The egress bridge's own address: the subnet's first usable one. */
export function bridgeGateway(subnet: string): string {
  return numberToIp(parseSubnet(subnet).base + 1);
}

/** The lowest free address of the egress bridge. RESOURCE_EXHAUSTED when there is none. */
export function nextBridgeAddress(subnet: string, taken: Iterable<string>): string {
  const { base, size } = parseSubnet(subnet);
  const used = new Set([...taken].filter((ip) => ip !== "").map(ipToNumber));
  // First is the network, second the bridge, last the broadcast.
  for (let value = base + 2; value < base + size - 1; value += 1) {
    if (!used.has(value)) return numberToIp(value);
  }
  throw new ClusterError(
    "RESOURCE_EXHAUSTED",
    `egress bridge subnet ${subnet} has no free address; give the daemon a larger one`,
  );
}
