import { defaultAddressPools } from "../model/defaults.ts";
import type { Member } from "./member.ts";

/** A network of the swarm, as far as this node's own networks must know it. */
export interface SwarmNetwork {
  readonly id: string;
  readonly name: string;
  /** CIDR, "" while it has none. */
  readonly subnet: string;
}

/** What the swarm has on this node: of a manager everything, of a worker the networks of its tasks. */
export interface SwarmAddresses {
  /** CIDR each. */
  readonly pools: readonly string[];
  readonly networks: readonly SwarmNetwork[];
}

/** Looks at the member of now; nothing while the node is in no swarm. */
export function swarmAddresses(member: Member | undefined): SwarmAddresses {
  if (member === undefined) return { pools: [], networks: [] };
  const view = member.manager()?.store.view();
  if (view === undefined) {
    const assigned = [...(member.worker()?.assigned().network.values() ?? [])];
    return {
      // A worker is not told the pools: Swarm's own are taken for them.
      pools: defaultAddressPools,
      networks: assigned.map(({ id, name, subnet }) => ({ id, name, subnet })),
    };
  }
  const pools = view.cluster()?.networkDefaults?.addressPools ?? [];
  return {
    pools: pools.length === 0 ? defaultAddressPools : pools,
    networks: [...view.all("network")].map(({ id, spec, ipam }) => ({
      id,
      name: spec?.annotations?.name ?? "",
      subnet: ipam?.configs[0]?.subnet ?? "",
    })),
  };
}

/** Pure: every subnet that the swarm has or may take. */
export function swarmSubnets({ pools, networks }: SwarmAddresses): readonly string[] {
  return [...pools, ...networks.map(({ subnet }) => subnet)].filter((subnet) => subnet !== "");
}
