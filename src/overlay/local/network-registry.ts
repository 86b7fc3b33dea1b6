import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import { newContainerId } from "../../base/ids.ts";
import { parseSubnet } from "../../base/ip.ts";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { Random } from "../../base/random.ts";
import { listLinks } from "../kernel.ts";
import type { HostNames } from "../names.ts";
import type { AddressPool } from "./address-pool.ts";
import { freeLinkName } from "./free-link-name.ts";
import { hostRoutes } from "./host-routes.ts";
import type { LocalKernel } from "./local-kernel.ts";
import {
  defaultNetworkName,
  type LocalNetwork,
  type LocalNetworkRequest,
  type LocalSandbox,
} from "./local-network.ts";
import type { LocalStore } from "./local-store.ts";
import { type Neighbourhood, planAddresses, planNewNetwork } from "./plan-new-network.ts";

export interface NetworkRegistryDeps {
  readonly names: HostNames;
  readonly pools: readonly AddressPool[];
  /** Subnets (CIDR) of the swarm; read at each use. */
  readonly avoided: () => readonly string[];
  readonly sandboxes: () => readonly LocalSandbox[];
  readonly kernel: LocalKernel;
  readonly store: LocalStore;
  readonly clock: Clock;
  readonly random: Random;
}

const networksKey = "networks";
const predefined = [
  [defaultNetworkName, "bridge"],
  ["host", "host"],
  ["none", "null"],
] as const;

/** The networks that only this node knows: bridge, host and none, and those people make. */
export class NetworkRegistry {
  readonly #deps: NetworkRegistryDeps;
  readonly #mutex = new KeyedMutex();
  readonly #networks = new Map<string, LocalNetwork>();

  constructor(deps: NetworkRegistryDeps) {
    this.#deps = deps;
  }

  /** Takes over what was kept, and adds predefined networks that are missing. */
  async load(networks: readonly LocalNetwork[]): Promise<void> {
    const place = ({ name }: LocalNetwork) => predefined.findIndex(([known]) => known === name);
    const first = predefined.flatMap((_, at) =>
      networks.filter((network) => place(network) === at),
    );
    const others = networks.filter((network) => !isPredefined(network));
    others.sort((a, b) => a.createdAtMs - b.createdAtMs);
    for (const network of [...first, ...others]) this.#networks.set(network.id, network);
    for (const [name, driver] of predefined) {
      if (this.find(name) !== undefined) continue;
      const id = newContainerId(this.#deps.random);
      const blank = { subnet: "", gateway: "", ipRange: "", reserved: {} };
      const near = await this.#neighbourhood();
      await this.#keep({
        id,
        name,
        driver,
        createdAtMs: this.#deps.clock.now(),
        ...(driver === "bridge" ? planAddresses(blank, this.#deps.pools, near) : blank),
        reserved: {},
        internal: false,
        attachable: false,
        options: {},
        labels: {},
        bridge:
          driver === "bridge"
            ? freeLinkName(this.#deps.names.localBridgePrefix, id, near.links)
            : "",
      });
    }
  }

  all(): readonly LocalNetwork[] {
    return [...this.#networks.values()];
  }

  /** Those that have a bridge now: the default network only while it is used. */
  bridged(): readonly LocalNetwork[] {
    return this.all().filter(
      (network) =>
        network.bridge !== "" && (!isPredefined(network) || this.usersOf(network.id).length > 0),
    );
  }

  /** By name, id or the beginning of an id. */
  find(ref: string): LocalNetwork | undefined {
    const all = this.all();
    const exact = this.#networks.get(ref) ?? all.find(({ name }) => name === ref);
    if (exact !== undefined || ref === "") return exact;
    const prefixed = all.filter(({ id }) => id.startsWith(ref));
    return prefixed.length === 1 ? prefixed[0] : undefined;
  }

  /** By full id. NOT_FOUND. */
  get(id: string): LocalNetwork {
    const network = this.#networks.get(id);
    if (network === undefined) throw new ClusterError("NOT_FOUND", `network ${id} not found`);
    return network;
  }

  /** Makes a network with its bridge. Errors as planNewNetwork. */
  create(request: LocalNetworkRequest): Promise<LocalNetwork> {
    const { names, pools, clock, random, kernel } = this.#deps;
    return this.#mutex.run(networksKey, async () => {
      const near = await this.#neighbourhood();
      const id = newContainerId(random);
      const bridge = freeLinkName(names.localBridgePrefix, id, near.links);
      const made = { id, bridge, createdAtMs: clock.now() };
      const network = planNewNetwork(request, made, pools, near);
      await this.#keep(network);
      try {
        await kernel.ensureBridge(network);
      } catch (error) {
        await this.#forget(network);
        throw error;
      }
      return network;
    });
  }

  /** PERMISSION_DENIED (Docker's 403) for a predefined network and for one in use. */
  remove(network: LocalNetwork): Promise<void> {
    return this.#mutex.run(networksKey, async () => {
      if (isPredefined(network)) {
        throw new ClusterError(
          "PERMISSION_DENIED",
          `${network.name} is a pre-defined network and cannot be removed`,
        );
      }
      const users = this.usersOf(network.id);
      if (users.length > 0) {
        const list = users.map(
          ({ name, endpointId }) => `name:"${name}" id:"${endpointId.slice(0, 12)}"`,
        );
        throw new ClusterError(
          "PERMISSION_DENIED",
          `error while removing network: network ${network.name} has active endpoints (${list.join(", ")})`,
        );
      }
      await this.#forget(network);
    });
  }

  /** The containers on a network. */
  usersOf(networkId: string): readonly { readonly name: string; readonly endpointId: string }[] {
    return this.#deps
      .sandboxes()
      .flatMap(({ name, endpoints }) =>
        endpoints
          .filter((endpoint) => endpoint.networkId === networkId)
          .map(({ endpointId }) => ({ name, endpointId })),
      );
  }

  /** Before a container joins: the bridge is there. NOT_FOUND; INVALID_ARGUMENT for host and none. */
  prepare(id: string): Promise<void> {
    return this.#mutex.run(networksKey, async () => {
      let network = this.get(id);
      if (network.bridge === "") {
        throw new ClusterError(
          "INVALID_ARGUMENT",
          network.driver === "host"
            ? "container cannot be disconnected from host network or connected to host network"
            : "container cannot be connected to multiple networks with one of the networks in private (none) mode",
        );
      }
      const { kernel } = this.#deps;
      if (kernel.hasBridge(network)) return;
      if (isPredefined(network)) network = await this.#refreshed(network);
      await kernel.ensureBridge(network);
    });
  }

  // The default network's bridge is made late: meanwhile somebody else may have taken its addresses.
  async #refreshed(network: LocalNetwork): Promise<LocalNetwork> {
    if (this.usersOf(network.id).length > 0) return network;
    const near = await this.#neighbourhood(network);
    const { subnet, gateway, ipRange, reserved } = network;
    try {
      planAddresses({ subnet, gateway, ipRange, reserved }, [], near);
      return network;
    } catch {
      const blank = { subnet: "", gateway: "", ipRange: "", reserved: {} };
      const moved = { ...network, ...planAddresses(blank, this.#deps.pools, near) };
      await this.#keep(moved);
      return moved;
    }
  }

  async #keep(network: LocalNetwork): Promise<void> {
    await this.#deps.store.saveNetwork(network);
    this.#networks.set(network.id, network);
  }

  async #forget(network: LocalNetwork): Promise<void> {
    await this.#deps.kernel.removeBridge(network);
    await this.#deps.store.removeNetwork(network.id);
    this.#networks.delete(network.id);
  }

  async #neighbourhood(except?: LocalNetwork): Promise<Neighbourhood> {
    const [routes, links] = await Promise.all([
      hostRoutes(except?.bridge ?? ""),
      listLinks(undefined),
    ]);
    return {
      networks: this.all().filter(({ id }) => id !== except?.id),
      routes,
      avoided: this.#deps.avoided().map(parseSubnet),
      links: new Set(links.map(({ ifname }) => ifname)),
    };
  }
}

/** Whether people can neither make nor remove it. */
export function isPredefined({ name }: Pick<LocalNetwork, "name">): boolean {
  return predefined.some(([known]) => known === name);
}
