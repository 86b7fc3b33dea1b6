import type { Network } from "../../gen/skep/Network.ts";
import type { StoreView } from "../../store/store-view.ts";
import { isOverlay } from "./allocate-network.ts";
import type { NetworkDirectory } from "./allocate-service.ts";

/** The store's networks with those on top that this pass has just allocated. */
export class PassNetworks implements NetworkDirectory {
  readonly #view: StoreView;
  readonly #given = new Map<string, Network>();
  #ingress: Network | undefined;

  constructor(view: StoreView) {
    this.#view = view;
    for (const network of view.all("network")) if (isIngress(network)) this.#ingress = network;
  }

  /** A network that this pass allocated. */
  add(network: Network): void {
    this.#given.set(network.id, network);
    if (isIngress(network)) this.#ingress = network;
  }

  get ingress(): Network | undefined {
    return this.#ingress;
  }

  find(target: string): Network | undefined {
    const network = this.#view.get("network", target) ?? this.#view.byName("network", target);
    return network && (this.#given.get(network.id) ?? network);
  }

  isOverlay(network: Network): boolean {
    return isOverlay(network);
  }
}

/** The network of the routing mesh. */
export function isIngress(network: Network): boolean {
  return network.spec?.ingress === true && !network.pendingDelete;
}
