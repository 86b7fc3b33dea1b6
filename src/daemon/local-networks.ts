import { must } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { parseSubnet } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import type { DnsServer } from "../dns/server.ts";
import {
  gatewayEndpoint,
  type LocalEndpoint,
  type LocalNetwork,
  type LocalNetworkRequest,
  type LocalSandbox,
} from "../overlay/local/local-network.ts";
import type { LocalOverlay } from "../overlay/local/local-overlay.ts";
import type { EndpointWish } from "../overlay/local/plan-new-endpoint.ts";
import { hostsText } from "../overlay/local/resolver-files.ts";
import type { Overlay } from "../overlay/overlay.ts";
import type {
  BoundPort,
  Endpoint,
  EndpointRequest,
  LocalNetwork as KnownNetwork,
  OpenSandbox,
  SandboxRequest,
  LocalNetworks as WorkersView,
} from "../worker/containers/local-network-port.ts";
import type { GivenPlace } from "../worker/executor/attachment-tasks.ts";
import type { Worker } from "../worker/worker.ts";
import { Gateway, gatewayNetworkName, needsGateway } from "./gateway-network.ts";
import { SandboxNames } from "./sandbox-names.ts";
import { type SwarmEndpoint, SwarmEndpoints } from "./swarm-endpoints.ts";

/** Told of what happened, by the names of Docker's events. */
export type OnNetwork = (
  action: "create" | "destroy" | "connect" | "disconnect",
  networkId: string,
  attributes: Readonly<Record<string, string>>,
) => void;

export interface LocalNetworksDeps {
  readonly local: LocalOverlay;
  readonly overlay: Pick<Overlay, "connectGuest" | "disconnectGuest" | "guests">;
  readonly dns: DnsServer;
  /** --dns of the daemon; [] = the host's. */
  readonly nameServers: readonly string[];
  /** Names and ids of the swarm's networks, as far as this node knows them. */
  readonly swarmNetworks: () => readonly { readonly id: string; readonly name: string }[];
  /** Whether the node belongs to a swarm; its worker may have to start yet. */
  readonly isMember: () => boolean;
  /** Undefined while the node is in no swarm, or its worker has not started. */
  readonly worker: () => Pick<Worker, "attachments" | "assigned"> | undefined;
  readonly clock: Clock;
  readonly emit: OnNetwork;
  readonly log: Logger;
}

/** The networks of this node, with names: what containers, and people, ask for. Containers join those of the swarm by it, too. */
export class LocalNetworks implements WorkersView {
  readonly #deps: LocalNetworksDeps;
  readonly #wishes = new Map<string, SandboxRequest>();
  readonly #names: SandboxNames;
  readonly #gateway: Gateway;
  /** The places of containers on networks of the swarm. */
  readonly swarm: SwarmEndpoints;

  constructor(deps: LocalNetworksDeps) {
    this.#deps = deps;
    const { local, dns, nameServers } = deps;
    const onDropped = (id: string, endpoint: SwarmEndpoint) => this.#dropped(id, endpoint);
    this.swarm = new SwarmEndpoints({ ...deps, onDropped });
    const { swarm } = this;
    this.#gateway = new Gateway({ local, swarm, create: (request) => this.create(request) });
    this.#names = new SandboxNames({ local, dns, nameServers, swarm });
  }

  /** The node's own, the predefined ones first. */
  list(): readonly LocalNetwork[] {
    return this.#deps.local.networks.all();
  }

  /**
   * By name, id or the beginning of an id. In a swarm, one that this node does not know may be there all the same: its managers
   * are asked when a container joins. NOT_FOUND.
   */
  find(nameOrId: string): KnownNetwork {
    const { local, swarmNetworks } = this.#deps;
    const ofSwarm = swarmNetworks().map((one) => ({ ...one, driver: "overlay" as const }));
    const named = ofSwarm.find(({ id, name }) => id === nameOrId || name === nameOrId);
    const [prefixed, ...others] = ofSwarm.filter(({ id }) => id.startsWith(nameOrId));
    const found = this.#local(nameOrId) ?? named ?? local.networks.find(nameOrId);
    if (found !== undefined) return found;
    if (prefixed !== undefined && others.length === 0) return prefixed;
    if (this.swarm.isMember) return { id: nameOrId, name: nameOrId, driver: "overlay" };
    throw new ClusterError("NOT_FOUND", `network ${nameOrId} not found`);
  }

  /** See planNewNetwork for its errors. */
  async create(request: LocalNetworkRequest): Promise<LocalNetwork> {
    const network = await this.#deps.local.networks.create(request);
    this.#emit("create", network);
    return network;
  }

  /** By full id. NOT_FOUND; PERMISSION_DENIED for a predefined network and for one in use. */
  async remove(id: string): Promise<void> {
    const { networks } = this.#deps.local;
    const network = networks.get(id);
    await networks.remove(network);
    this.#emit("destroy", network);
  }

  async open(container: SandboxRequest): Promise<OpenSandbox> {
    const { local } = this.#deps;
    const isNew = local.sandboxes.get(container.id) === undefined;
    // Asked for first: where the swarm refuses, nothing was made.
    const wishes = container.endpoints.filter(({ network }) => this.#local(network) === undefined);
    const places = isNew ? await this.swarm.attachAll(container, wishes) : [];
    try {
      await this.#openSandbox(container, places);
    } catch (error) {
      await this.close(container.id);
      throw error;
    } finally {
      for (const place of places) this.swarm.settle(place);
    }
    const { id, hostname, extraHosts } = container;
    const sandbox = local.sandboxes.get(id) ?? noSandbox;
    if (isNew) this.#tell("connect", id, this.inspect(id));
    const gateway = gatewayEndpoint(sandbox, this.#byId()) ?? sandbox.endpoints[0];
    const endpoints = this.inspect(id);
    return {
      netnsPath: local.path(id),
      resolvConf: this.#names.resolvConf(id, container),
      hosts: hostsText(
        hostname,
        endpoints.map(({ ip }) => ({ address: ip })),
        extraHosts,
        this.#byId().get(gateway?.networkId ?? "")?.gateway ?? "",
      ),
      endpoints,
      ports: sandbox.ports,
    };
  }

  async close(containerId: string): Promise<void> {
    const { local } = this.#deps;
    const endpoints = this.inspect(containerId);
    this.#wishes.delete(containerId);
    await this.#names.end(containerId);
    try {
      await this.swarm.release(containerId);
    } finally {
      await local.sandboxes.close(containerId);
      this.#names.changed();
    }
    this.#tell("disconnect", containerId, endpoints);
  }

  /** Closes the sandboxes of all others: they ended while the daemon was away. */
  async keepOnly(containerIds: ReadonlySet<string>): Promise<void> {
    await this.swarm.keepOnly(containerIds);
    await this.#deps.local.sandboxes.keepOnly(containerIds);
    this.#names.changed();
  }

  async connect(containerId: string, endpoint: EndpointRequest): Promise<Endpoint> {
    const isOfSwarm = this.#local(endpoint.network) === undefined;
    const networkId = isOfSwarm
      ? await this.#connectSwarm(containerId, endpoint)
      : await this.#connectLocal(containerId, endpoint);
    try {
      await this.#gateway.tend(containerId);
      this.#names.changed();
      const wishes = this.#wishes.get(containerId);
      if (wishes !== undefined) await this.#names.serve(containerId, wishes);
    } catch (error) {
      await this.disconnect(containerId, networkId).catch((err: unknown) => {
        const fields = { containerId, err: errorMessage(err) };
        this.#deps.log.error(fields, "a container was not taken off a network again");
      });
      throw error;
    }
    const made = this.inspect(containerId).filter((one) => one.networkId === networkId);
    this.#tell("connect", containerId, made);
    return must(made[0], "the new endpoint");
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const gone = this.inspect(containerId).filter((one) => one.networkId === networkId);
    if (this.#local(networkId) === undefined) {
      await this.swarm.release(containerId, networkId);
    } else {
      await this.#deps.local.sandboxes.disconnect(containerId, networkId);
    }
    await this.#gateway.tend(containerId);
    this.#names.changed();
    this.#tell("disconnect", containerId, gone);
  }

  inspect(containerId: string): readonly Endpoint[] {
    const sandbox = this.#deps.local.sandboxes.get(containerId) ?? noSandbox;
    const own = sandbox.endpoints.map((endpoint) => this.#endpoint(endpoint));
    // Docker, too, does not show the way out among a container's networks.
    const shown = own.filter(({ network }) => network !== gatewayNetworkName);
    return [...this.swarm.of(containerId), ...shown];
  }

  ports(containerId: string): readonly BoundPort[] {
    return this.#deps.local.sandboxes.get(containerId)?.ports ?? [];
  }

  renamed(containerId: string, name: string): void {
    const kept = this.#deps.local.sandboxes.rename(containerId, name);
    this.#names.changed();
    kept.catch((error: unknown) => {
      const fields = { containerId, err: errorMessage(error) };
      this.#deps.log.error(fields, "a container's new name is not kept for its networks");
    });
  }

  async #openSandbox(container: SandboxRequest, places: readonly GivenPlace[]): Promise<void> {
    const { local } = this.#deps;
    const { id, name, hostname, ports } = container;
    const own = container.endpoints.filter(({ network }) => this.#local(network) !== undefined);
    const links = places.map((_, index) => `eth${index}`);
    const networks = own.flatMap(({ network }) => this.#local(network) ?? []);
    const assigned = this.swarm.assigned();
    const ofSwarm = places.flatMap(({ networkId }) => assigned?.network.get(networkId) ?? []);
    const gateway = needsGateway(networks, ofSwarm) ? [await this.#gateway.wish()] : [];
    await local.sandboxes.open({
      containerId: id,
      name,
      hostname,
      endpoints: [...own.map((one) => this.#wish(one)), ...gateway].map((wish) => ({
        ...wish,
        takenLinks: links,
      })),
      ports,
    });
    for (const [index, place] of places.entries()) {
      await this.swarm.link(id, local.path(id), place, `eth${index}`);
    }
    this.#names.changed();
    this.#wishes.set(id, container);
    await this.#names.serve(id, container);
  }

  async #connectLocal(containerId: string, endpoint: EndpointRequest): Promise<string> {
    const { sandboxes } = this.#deps.local;
    const takenLinks = this.swarm.of(containerId).map(({ link }) => link);
    const wish = { ...this.#wish(endpoint), takenLinks };
    return (await sandboxes.connect(containerId, wish)).networkId;
  }

  async #connectSwarm(containerId: string, endpoint: EndpointRequest): Promise<string> {
    const { local } = this.#deps;
    const sandbox = local.sandboxes.get(containerId) ?? noSandbox;
    const container = { id: containerId, name: sandbox.name };
    const links = sandbox.endpoints.map(({ link }) => link);
    return await this.swarm.connect(container, local.path(containerId), endpoint, links);
  }

  async #dropped(containerId: string, endpoint: SwarmEndpoint): Promise<void> {
    this.#names.changed();
    this.#tell("disconnect", containerId, [endpoint]);
    if (this.#deps.local.sandboxes.get(containerId) !== undefined) {
      await this.#gateway.tend(containerId);
    }
  }

  /** By full id or name. */
  #local(network: string): LocalNetwork | undefined {
    return this.list().find(({ id, name }) => id === network || name === network);
  }

  #wish({ network, aliases, ip = "", mac = "" }: EndpointRequest): EndpointWish {
    return { networkId: must(this.#local(network), network).id, aliases, ip, mac };
  }

  #endpoint({ endpointId, networkId, address, mac, aliases }: LocalEndpoint): Endpoint {
    const network = this.#deps.local.networks.get(networkId);
    return {
      network: network.name,
      networkId,
      endpointId,
      ip: address,
      prefixLength: parseSubnet(network.subnet).prefix,
      gateway: network.gateway,
      mac,
      aliases,
    };
  }

  #byId(): ReadonlyMap<string, LocalNetwork> {
    return new Map(this.list().map((network) => [network.id, network]));
  }

  #tell(
    action: "connect" | "disconnect",
    containerId: string,
    endpoints: readonly Endpoint[],
  ): void {
    const networks = this.#byId();
    for (const { networkId, network: name } of endpoints) {
      const known = networks.get(networkId) ?? { id: networkId, name, driver: "overlay" };
      this.#emit(action, known, { container: containerId });
    }
  }

  #emit(
    action: "create" | "destroy" | "connect" | "disconnect",
    { id, name, driver }: Pick<KnownNetwork, "id" | "name"> & { readonly driver: string },
    more: Readonly<Record<string, string>> = {},
  ): void {
    this.#deps.emit(action, id, { ...more, name, type: driver });
  }
}

const noSandbox: LocalSandbox = {
  ...{ containerId: "", name: "", hostname: "" },
  endpoints: [],
  ports: [],
};
