import { macOf } from "../base/ip.ts";
import { type HostNames, nodePort } from "./names.ts";

/** The node's own link into the ingress network. */
export interface IngressLink {
  /** CIDR. */
  readonly address: string;
  /** "" when it was found after a restart: any. */
  readonly namespacePath: string;
  readonly mtu: number;
}

/** Pure: lines for `ip -batch` in the host's namespace that turn `current` into `wanted`. */
export function planIngressLink(
  names: HostNames,
  wanted: IngressLink | undefined,
  current: IngressLink | undefined,
): { readonly lines: readonly string[]; readonly made: boolean } {
  const same =
    wanted !== undefined &&
    current !== undefined &&
    wanted.address === current.address &&
    wanted.mtu === current.mtu &&
    (current.namespacePath === "" || current.namespacePath === wanted.namespacePath);
  if (same) return { lines: [], made: false };
  const lines = current === undefined ? [] : [`link del ${names.ingress}`];
  if (wanted !== undefined) {
    const { address, namespacePath, mtu } = wanted;
    lines.push(
      `link add ${names.ingress} mtu ${mtu} address ${macOf(address)} type veth ` +
        `peer name ${nodePort} mtu ${mtu} netns ${namespacePath}`,
      `addr add ${address} dev ${names.ingress}`,
      `link set ${names.ingress} up`,
    );
  }
  return { lines, made: wanted !== undefined };
}
