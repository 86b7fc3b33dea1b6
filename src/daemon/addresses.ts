import { isIP } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { ClusterError } from "../base/errors.ts";

/** As os.networkInterfaces() gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

export const defaultSwarmPort = 2377;

/**
 * The address other nodes shall reach this one at. `wanted` is "", "ip", "interface", either with ":port".
 * INVALID_ARGUMENT when there is none, or several to choose from (Docker's texts: by them its
 * command line knows when to say what to do).
 */
export function chooseAdvertiseAddress(
  wanted: string,
  interfaces: Interfaces,
  ignored: (name: string) => boolean = () => false,
): { ip: string; port: number } {
  if (wanted !== "") return reachable(wanted, interfaces, "advertise");
  const found = Object.entries(interfaces).flatMap(([name, entries]) =>
    ignored(name) ? [] : usable(entries).map(({ address }) => ({ name, address })),
  );
  const [first, second] = found;
  if (first === undefined) {
    throw new ClusterError("INVALID_ARGUMENT", "could not find the system's IP address");
  }
  if (second !== undefined) {
    const list =
      first.name === second.name
        ? `on interface ${first.name} (${first.address} and ${second.address})`
        : `on different interfaces (${first.address} on ${first.name} and ${second.address} on ${second.name})`;
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `could not choose an IP address to advertise since this system has multiple addresses ${list}`,
    );
  }
  return { ip: first.address, port: defaultSwarmPort };
}

/** The address to listen on; "" = all IPv4 addresses. INVALID_ARGUMENT names what is wrong. */
export function chooseListenAddress(
  wanted: string,
  interfaces: Interfaces,
): { ip: string; port: number } {
  return wanted === ""
    ? { ip: "0.0.0.0", port: defaultSwarmPort }
    : resolveAddress(wanted, interfaces, "listen");
}

/** Addresses as they are asked for: "" = choose. */
export interface WantedAddresses {
  readonly advertise: string;
  readonly listen: string;
  readonly dataPath: string;
}

/** All addresses of a member. INVALID_ARGUMENT as the functions above. */
export function chooseAddresses(
  wanted: WantedAddresses,
  interfaces: Interfaces,
): {
  readonly listenAddress: string;
  readonly advertiseAddress: string;
  readonly dataPathAddress: string;
} {
  const listening = chooseListenAddress(wanted.listen, interfaces);
  const own = listening.ip === "0.0.0.0" ? "" : listening.ip;
  const advertised = chooseAdvertiseAddress(wanted.advertise || own, interfaces, isOwnLink);
  const port = /:\d+$/.test(wanted.advertise) ? advertised.port : listening.port;
  const dataPathAddress =
    wanted.dataPath === "" ? advertised.ip : reachable(wanted.dataPath, interfaces, "data path").ip;
  return {
    listenAddress: `${listening.ip}:${listening.port}`,
    advertiseAddress: `${advertised.ip}:${port}`,
    dataPathAddress,
  };
}

// Links that we made are no way to reach this node.
function isOwnLink(name: string): boolean {
  return name === "lo" || name.startsWith("sk");
}

function resolveAddress(
  text: string,
  interfaces: Interfaces,
  what: string,
): { ip: string; port: number } {
  const match = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? defaultSwarmPort : Number(match[3]);
  // Others could not be told a port that the system chooses.
  if (match === null || port < 1 || port > 65_535) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid ${what} address "${text}": it must be an IP address or interface, with an optional port`,
    );
  }
  if (isIP(host) !== 0) return { ip: host, port };
  const [first] = usable(interfaces[host]);
  if (first === undefined) throw noAddress(text, what);
  return { ip: first.address, port };
}

// Others are told of it: it cannot be "all addresses".
function reachable(text: string, interfaces: Interfaces, what: string) {
  const address = resolveAddress(text, interfaces, what);
  if (["0.0.0.0", "::"].includes(address.ip)) throw noAddress(text, what);
  return address;
}

function noAddress(text: string, what: string): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `${what} address "${text}" must be a non-zero IP address or network interface (with optional port number)`,
  );
}

function usable(entries: readonly NetworkInterfaceInfo[] | undefined): NetworkInterfaceInfo[] {
  return (entries ?? []).filter(({ family, internal }) => family === "IPv4" && !internal);
}
