import type { BoundPort } from "./local-network.ts";

/** A port to publish; the host's port is chosen when it is 0. */
export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostIp?: string | undefined;
  readonly hostPort?: number | undefined;
}

/** Where ephemeral ports come from (Linux' default range, as dockerd). */
export const ephemeralPorts = { first: 32_768, last: 60_999 } as const;

/** Pure: whether two published ports would take each other's connections. */
export function portsClash(
  a: Pick<BoundPort, "protocol" | "hostIp" | "hostPort">,
  b: Pick<BoundPort, "protocol" | "hostIp" | "hostPort">,
): boolean {
  const sameAddress = a.hostIp === b.hostIp || a.hostIp === everywhere || b.hostIp === everywhere;
  return a.protocol === b.protocol && a.hostPort === b.hostPort && sameAddress;
}

/** Pure: the ephemeral ports in the order they are tried, beginning behind the last one given. */
export function* portCandidates(lastGiven: number): Generator<number> {
  const { first, last } = ephemeralPorts;
  const count = last - first + 1;
  const start = lastGiven < first || lastGiven >= last ? first : lastGiven + 1;
  for (let index = 0; index < count; index += 1) yield first + ((start - first + index) % count);
}

/** Docker's text for a port that another container of this node has. */
export function portTakenText({ hostIp, hostPort }: BoundPort): string {
  return `Bind for ${hostIp}:${hostPort} failed: port is already allocated`;
}

/** Docker's text for a port that another program of this node has, or an address that the node has not. */
export function bindFailureText(
  { hostIp, hostPort, protocol }: BoundPort,
  errno: "EADDRINUSE" | "EADDRNOTAVAIL",
): string {
  const why = errno === "EADDRINUSE" ? "address already in use" : "cannot assign requested address";
  return `failed to bind host port for ${hostIp}:${hostPort}/${protocol}: ${why}`;
}

const everywhere = "0.0.0.0";
