import { BlockList, isIP } from "node:net";
import { isLoopbackRegistry } from "./reference.ts";

/**
 * Whether a registry is spoken to without TLS: those on this machine always, else those named ("host", "host:port") and, where
 * the registry is an address, those of a subnet named ("10.1.0.0/16").
 */
export function isInsecureRegistry(registry: string, named: readonly string[]): boolean {
  if (isLoopbackRegistry(registry) || named.includes(registry)) return true;
  const host = registry.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const family = isIP(host);
  if (family === 0) return false;
  const subnets = new BlockList();
  for (const text of named) {
    const [network = "", bits = ""] = text.split("/");
    const version = isIP(network);
    const isSubnet = version !== 0 && /^\d{1,3}$/.test(bits);
    if (!isSubnet || Number(bits) > (version === 4 ? 32 : 128)) continue;
    subnets.addSubnet(network, Number(bits), version === 4 ? "ipv4" : "ipv6");
  }
  return subnets.check(host, family === 4 ? "ipv4" : "ipv6");
}
