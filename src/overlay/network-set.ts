import { join } from "node:path";
import { ClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import {
  emptyNetworkState,
  type NetworkState,
  type OverlayNetwork,
  type SandboxRecord,
} from "./network-state.ts";
import { innerMtu, wantedNetwork } from "./plan-network.ts";

const filePrefix = "net-";

export interface NetworkSetOptions {
  /** Folder of the namespaces. */
  readonly folder: string;
  /** Sandboxes whose links are made. */
  readonly records: () => readonly SandboxRecord[];
  readonly log: Logger;
}

/** The networks of this node: what is wanted, and the namespace of each. */
export class NetworkSet {
  readonly #options: NetworkSetOptions;
  readonly #namespaces = new Map<string, NetworkNamespace>();
  /** What is wanted as of now. */
  state: NetworkState = emptyNetworkState;
  /** The link that carries VXLAN traffic. */
  outer = { local: "", mtu: 1500 };

  constructor(options: NetworkSetOptions) {
    this.#options = options;
  }

  /** Takes over the namespaces among these files of the folder; the other names are returned. */
  adopt(fileNames: readonly string[]): string[] {
    for (const name of fileNames) {
      if (name.startsWith(filePrefix)) this.namespace(name.slice(filePrefix.length));
    }
    return fileNames.filter((name) => !name.startsWith(filePrefix));
  }

  /** The network as it is wanted. FAILED_PRECONDITION when it is not. */
  wanted(networkId: string): OverlayNetwork {
    const network = this.state.networks.find(({ id }) => id === networkId);
    if (network === undefined) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `network ${networkId} is not set up on this node yet`,
      );
    }
    return network;
  }

  isWanted(networkId: string): boolean {
    return this.state.networks.some(({ id }) => id === networkId);
  }

  mtu(networkId: string): number {
    return innerMtu(this.wanted(networkId), this.outer.mtu);
  }

  /** The network's namespace; `ensure` and `sync` make it. */
  namespace(networkId: string): NetworkNamespace {
    const known = this.#namespaces.get(networkId);
    if (known !== undefined) return known;
    const { folder, records, log } = this.#options;
    const made = new NetworkNamespace({
      networkId,
      path: join(folder, `${filePrefix}${networkId}`),
      wanted: () => wantedNetwork(this.wanted(networkId), this.state, records(), this.outer),
      log,
    });
    this.#namespaces.set(networkId, made);
    return made;
  }

  /** As `namespace`, when there is one already. */
  existing(networkId: string): NetworkNamespace | undefined {
    return this.#namespaces.get(networkId);
  }

  /** Removes the namespaces of networks that are neither wanted nor `used` by a sandbox. */
  async removeUnused(used: ReadonlySet<string>): Promise<void> {
    for (const [id, namespace] of this.#namespaces) {
      if (used.has(id) || this.isWanted(id)) continue;
      this.#namespaces.delete(id);
      await namespace.remove();
    }
  }
}
