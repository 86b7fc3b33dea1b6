import { readFileSync } from "node:fs";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { parseSubnet } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { buildLocalZone } from "../dns/local-zone.ts";
import type { DnsServer } from "../dns/server.ts";
import type { Zone } from "../dns/zone.ts";
import {
  defaultNetworkName,
  gatewayEndpoint,
  type LocalEndpoint,
  type LocalNetwork,
  type LocalNetworkRequest,
  type LocalSandbox,
} from "../overlay/local/local-network.ts";
import type { LocalOverlay } from "../overlay/local/local-overlay.ts";
import type { EndpointWish } from "../overlay/local/plan-new-endpoint.ts";
import {
  type HostResolver,
  hostsText,
  needsResolver,
  type ResolverWishes,
  readResolvConf,
  resolvConfText,
} from "../overlay/local/resolver-files.ts";

import type {
  BoundPort,
  Endpoint,
  EndpointRequest,
  OpenSandbox,
  SandboxRequest,
  LocalNetworks as WorkersView,
} from "../worker/containers/local-network-port.ts";

/** Told of what happened, by the names of Docker's events. */
export type OnNetwork = (
  action: "create" | "destroy" | "connect" | "disconnect",
  networkId: string,
  attributes: Readonly<Record<string, string>>,
) => void;

export interface LocalNetworksDeps {
  readonly local: LocalOverlay;
  readonly dns: DnsServer;
  /** --dns of the daemon; [] = the host's. */
  readonly nameServers: readonly string[];
  /** Names and ids of the swarm's networks, as far as this node knows them. */
  readonly swarmNetworks: () => readonly { readonly id: string; readonly name: string }[];
  readonly emit: OnNetwork;
  readonly log: Logger;
}

/** The networks of this node alone, with names: what containers, and people, ask for. */
export class LocalNetworks implements WorkersView {
  readonly #deps: LocalNetworksDeps;
  readonly #wishes = new Map<string, SandboxRequest>();
  readonly #zones = new Map<string, Zone>();
  /** Containers with a resolver in their sandbox. */
  readonly #resolvers = new Set<string>();

  constructor(deps: LocalNetworksDeps) {
    this.#deps = deps;
  }

  /** All of them, the predefined ones first. */
  list(): readonly LocalNetwork[] {
    return this.#deps.local.networks.all();
  }

  /** By name, id or the beginning of an id. NOT_FOUND; UNIMPLEMENTED for a network of the swarm, with the way out. */
  find(nameOrId: string): LocalNetwork {
    const found = this.#deps.local.networks.find(nameOrId);
    if (found !== undefined) return found;
    const ofSwarm = this.#deps
      .swarmNetworks()
      .find(({ id, name }) => id === nameOrId || name === nameOrId);
    if (ofSwarm === undefined) {
      throw new ClusterError("NOT_FOUND", `network ${nameOrId} not found`);
    }
    throw new ClusterError(
      "UNIMPLEMENTED",
      `network ${ofSwarm.name} is the swarm's: containers started by hand cannot join it here; ` +
        `create a service instead (docker service create --network ${ofSwarm.name} …)`,
    );
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
    const sandbox = await local.sandboxes.open({
      containerId: container.id,
      name: container.name,
      hostname: container.hostname,
      endpoints: container.endpoints.map((endpoint) => this.#wish(endpoint)),
      ports: container.ports,
    });
    this.#zones.clear();
    this.#wishes.set(container.id, container);
    const host = this.#hostResolver();
    try {
      await this.#serveNames(sandbox, container, host);
    } catch (error) {
      await this.close(container.id);
      throw error;
    }
    if (isNew) this.#tell("connect", sandbox, sandbox.endpoints);
    const resolver = this.#resolvers.has(container.id);
    const gateway = gatewayEndpoint(sandbox, this.#byId()) ?? sandbox.endpoints[0];
    return {
      netnsPath: local.path(container.id),
      resolvConf: resolvConfText(resolver, container, host),
      hosts: hostsText(
        container.hostname,
        sandbox.endpoints,
        container.extraHosts,
        this.#byId().get(gateway?.networkId ?? "")?.gateway ?? "",
      ),
      endpoints: this.inspect(container.id),
      ports: sandbox.ports,
    };
  }

  async close(containerId: string): Promise<void> {
    const { local, dns } = this.#deps;
    const sandbox = local.sandboxes.get(containerId);
    this.#wishes.delete(containerId);
    if (this.#resolvers.delete(containerId)) await dns.removeSandbox(containerId);
    await local.sandboxes.close(containerId);
    this.#zones.clear();
    if (sandbox !== undefined) this.#tell("disconnect", sandbox, sandbox.endpoints);
  }

  /** Closes the sandboxes of all others: they ended while the daemon was away. */
  async keepOnly(containerIds: ReadonlySet<string>): Promise<void> {
    await this.#deps.local.sandboxes.keepOnly(containerIds);
    this.#zones.clear();
  }

  async connect(containerId: string, endpoint: EndpointRequest): Promise<Endpoint> {
    const { sandboxes } = this.#deps.local;
    const made = await sandboxes.connect(containerId, this.#wish(endpoint));
    this.#zones.clear();
    const sandbox = sandboxes.get(containerId);
    const wishes = this.#wishes.get(containerId);
    if (sandbox !== undefined) {
      if (wishes !== undefined) await this.#serveNames(sandbox, wishes, this.#hostResolver());
      this.#tell("connect", sandbox, [made]);
    }
    return this.#endpoint(made);
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const { sandboxes } = this.#deps.local;
    const before = sandboxes.get(containerId);
    await sandboxes.disconnect(containerId, networkId);
    this.#zones.clear();
    const gone = before?.endpoints.filter((endpoint) => endpoint.networkId === networkId);
    if (before !== undefined) this.#tell("disconnect", before, gone ?? []);
  }

  inspect(containerId: string): readonly Endpoint[] {
    const sandbox = this.#deps.local.sandboxes.get(containerId);
    return (sandbox?.endpoints ?? []).map((endpoint) => this.#endpoint(endpoint));
  }

  ports(containerId: string): readonly BoundPort[] {
    return this.#deps.local.sandboxes.get(containerId)?.ports ?? [];
  }

  renamed(containerId: string, name: string): void {
    const kept = this.#deps.local.sandboxes.rename(containerId, name);
    this.#zones.clear();
    kept.catch((error: unknown) => {
      const fields = { containerId, err: errorMessage(error) };
      this.#deps.log.error(fields, "a container's new name is not kept for its networks");
    });
  }

  #wish({ network, aliases, ip = "", mac = "" }: EndpointRequest): EndpointWish {
    return { networkId: this.find(network).id, aliases, ip, mac };
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

  async #serveNames(
    sandbox: LocalSandbox,
    wishes: ResolverWishes,
    host: HostResolver,
  ): Promise<void> {
    const { containerId } = sandbox;
    const hasNames = this.#named().some(
      ({ id, hasNames: named }) => named && sandbox.endpoints.some((e) => e.networkId === id),
    );
    if (this.#resolvers.has(containerId) || !needsResolver(hasNames, wishes, host)) return;
    const { local, dns } = this.#deps;
    const zone = () => this.#zoneOf(containerId);
    await dns.addSandbox(containerId, local.path(containerId), zone, wishes.dns);
    this.#resolvers.add(containerId);
  }

  // Asked for at each question: the same object until something changes.
  #zoneOf(containerId: string): Zone {
    const known = this.#zones.get(containerId);
    if (known !== undefined) return known;
    const { sandboxes } = this.#deps.local;
    const own = sandboxes.get(containerId) ?? { containerId, name: "", endpoints: [] };
    const zone = buildLocalZone(own, this.#named(), sandboxes.all());
    this.#zones.set(containerId, zone);
    return zone;
  }

  #named() {
    return this.list().map(({ id, name, internal, subnet }) => ({
      id,
      name,
      internal,
      subnet,
      hasNames: name !== defaultNetworkName,
    }));
  }

  #byId(): ReadonlyMap<string, LocalNetwork> {
    return new Map(this.list().map((network) => [network.id, network]));
  }

  #hostResolver(): HostResolver {
    const { nameServers } = this.#deps;
    const host = readResolvConf(hostResolvConf());
    return nameServers.length === 0 ? host : { ...host, servers: nameServers };
  }

  #tell(
    action: "connect" | "disconnect",
    { containerId }: LocalSandbox,
    endpoints: readonly LocalEndpoint[],
  ): void {
    const networks = this.#byId();
    for (const { networkId } of endpoints) {
      const network = networks.get(networkId);
      if (network !== undefined) this.#emit(action, network, { container: containerId });
    }
  }

  #emit(
    action: "create" | "destroy" | "connect" | "disconnect",
    { id, name, driver }: LocalNetwork,
    more: Readonly<Record<string, string>> = {},
  ): void {
    this.#deps.emit(action, id, { ...more, name, type: driver });
  }
}

function hostResolvConf(): string {
  try {
    return readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    return "";
  }
}
