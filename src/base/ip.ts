import { isIPv4 } from "node:net";
import { ClusterError } from "./errors.ts";

/** An IPv4 address as an unsigned 32-bit number. */
export function ipToNumber(ip: string): number {
  if (!isIPv4(ip)) throw new ClusterError("INVALID_ARGUMENT", `"${ip}" is not an IPv4 address`);
  return ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function numberToIp(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** An IPv4 network. */
export interface Subnet {
  /** First address, as a number. */
  readonly base: number;
  readonly prefix: number;
  /** How many addresses it has. */
  readonly size: number;
}

/** Reads "10.0.1.0/24"; host bits are dropped. INVALID_ARGUMENT when it is not a CIDR. */
export function parseSubnet(cidr: string): Subnet {
  const [ip = "", prefixText = ""] = cidr.split("/");
  const prefix = Number(prefixText);
  if (!isIPv4(ip) || !/^\d{1,2}$/.test(prefixText) || prefix > 32) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `"${cidr}" is not an IPv4 subnet such as 10.0.0.0/24`,
    );
  }
  const size = 2 ** (32 - prefix);
  const base = Math.floor(ipToNumber(ip) / size) * size;
  return { base, prefix, size };
}

export function formatSubnet(subnet: Subnet): string {
  return `${numberToIp(subnet.base)}/${subnet.prefix}`;
}

export function subnetContains(subnet: Subnet, ip: string): boolean {
  const value = ipToNumber(ip);
  return value >= subnet.base && value < subnet.base + subnet.size;
}

export function subnetsOverlap(a: Subnet, b: Subnet): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}

/** "10.0.1.5/24" -> "10.0.1.5" */
export function addressOf(cidr: string): string {
  return cidr.split("/")[0] ?? cidr;
}

/** The MAC address Docker derives from an IPv4 address: 02:42 and the four bytes. */
export function macOf(ip: string): string {
  const bytes = addressOf(ip)
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"));
  return ["02", "42", ...bytes].join(":");
}

/** Splits "host:port" or "[::1]:port"; the port is `defaultPort` when absent. */
export function splitHostPort(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (match === null || host === "" || port > 65535) {
    throw new ClusterError("INVALID_ARGUMENT", `"${text}" is not a host:port address`);
  }
  return { host, port };
}
