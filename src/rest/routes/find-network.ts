import type { Network } from "../../gen/skep/Network.ts";
import type { LocalNetworkData } from "../backend/networks.ts";
import { clusterCall, HttpError, notFound } from "../http/http-error.ts";
import type { RestContext } from "../http/request.ts";
import { noFilters } from "../translate/list-filters.ts";

export type FoundNetwork =
  | { readonly kind: "local"; readonly network: LocalNetworkData }
  | { readonly kind: "cluster"; readonly network: Network };

/** By id, name or the beginning of an id; `scope` "local", "swarm" or "" for both. 404; 400 when it is ambiguous. */
export async function findNetwork(
  context: RestContext,
  ref: string,
  scope: string,
): Promise<FoundNetwork> {
  const [local, cluster] = await Promise.all([
    scope === "swarm" ? [] : context.backend.node.networks.list(),
    scope === "local" ? [] : clusterNetworks(context),
  ]);
  const all: { id: string; name: string; found: FoundNetwork }[] = [
    ...local.map((network) => ({
      id: network.id,
      name: network.name,
      found: { kind: "local" as const, network },
    })),
    ...cluster.map((network) => ({
      id: network.id,
      name: network.spec?.annotations?.name ?? "",
      found: { kind: "cluster" as const, network },
    })),
  ];
  const exact = all.find(({ id }) => id === ref) ?? all.find(({ name }) => name === ref);
  if (exact !== undefined) return exact.found;
  const prefixed = all.filter(({ id }) => id.startsWith(ref));
  const [only] = prefixed;
  if (only === undefined) throw notFound(`network ${ref} not found`);
  if (prefixed.length > 1) {
    throw new HttpError(
      400,
      `network ${ref} is ambiguous (${prefixed.length} matches found based on id prefix)`,
    );
  }
  return only.found;
}

/** The networks of the cluster; on a node that is no manager, those that it takes part in. */
export async function clusterNetworks({ backend }: RestContext): Promise<readonly Network[]> {
  const { node } = backend;
  if (!node.swarmState().manager) return node.networks.ofSwarm?.() ?? [];
  const { networks } = await clusterCall(backend.cluster.listNetworks({ filters: noFilters }));
  return networks;
}
