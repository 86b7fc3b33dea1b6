import { ClusterError, errorMessage, isClusterError } from "../../base/errors.ts";
import { newContainerId } from "../../base/ids.ts";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { forEachLimited } from "../for-each-limited.ts";
import type { HostNames } from "../names.ts";
import { readBridgeOptions } from "./bridge-options.ts";
import type { PortRequest } from "./choose-ports.ts";
import type { LocalKernel } from "./local-kernel.ts";
import { gatewayEndpoint, type LocalEndpoint, type LocalSandbox } from "./local-network.ts";
import type { LocalStore } from "./local-store.ts";
import type { NetworkRegistry } from "./network-registry.ts";
import { type EndpointWish, planNewEndpoint } from "./plan-new-endpoint.ts";
import { PortBinder } from "./port-binder.ts";

export interface SandboxWish {
  readonly containerId: string;
  readonly name: string;
  readonly hostname: string;
  readonly endpoints: readonly EndpointWish[];
  readonly ports: readonly PortRequest[];
}

export interface SandboxRegistryDeps {
  readonly names: HostNames;
  /** Whether the swarm has published the port on this node; read at each use. */
  readonly isPublished: (protocol: "tcp" | "udp", port: number) => boolean;
  readonly networks: () => NetworkRegistry;
  readonly kernel: LocalKernel;
  readonly store: LocalStore;
  readonly random: Random;
  readonly log: Logger;
}

const closedAtOnceMax = 4;

/** The sandboxes of containers on local networks. Calls for one container run one after another. */
export class SandboxRegistry {
  readonly #deps: SandboxRegistryDeps;
  readonly #ports: PortBinder;
  readonly #mutex = new KeyedMutex();
  readonly #allocation = new KeyedMutex();
  readonly #sandboxes = new Map<string, LocalSandbox>();

  constructor(deps: SandboxRegistryDeps) {
    const { isPublished } = deps;
    this.#deps = deps;
    this.#ports = new PortBinder({ isPublished, sandboxes: () => this.all() });
  }

  /** Takes over what was kept; what did not survive (a reboot) is forgotten. */
  async load(sandboxes: readonly LocalSandbox[]): Promise<void> {
    const { kernel, store } = this.#deps;
    for (const sandbox of sandboxes) {
      const { containerId } = sandbox;
      if (kernel.isOpen(containerId)) this.#sandboxes.set(containerId, sandbox);
      else await store.removeSandbox(containerId);
    }
  }

  /** Those that are made or just being made or taken away. */
  all(): readonly LocalSandbox[] {
    return [...this.#sandboxes.values()];
  }

  get(containerId: string): LocalSandbox | undefined {
    return this.#sandboxes.get(containerId);
  }

  /** Whether a container has the port of this node, on any of its addresses. */
  hasPort(protocol: string, port: number): boolean {
    return this.all().some(({ ports }) =>
      ports.some((bound) => bound.protocol === protocol && bound.hostPort === port),
    );
  }

  /**
   * The container's sandbox; made when it is not there. FAILED_PRECONDITION: an address or port is taken;
   * INVALID_ARGUMENT; NOT_FOUND for a network; RESOURCE_EXHAUSTED.
   */
  open(wish: SandboxWish): Promise<LocalSandbox> {
    const { kernel, store, networks } = this.#deps;
    return this.#mutex.run(wish.containerId, async () => {
      const known = this.#sandboxes.get(wish.containerId);
      if (known !== undefined) {
        if (kernel.isOpen(wish.containerId)) return known;
        await this.#close(known);
      }
      for (const { networkId } of wish.endpoints) await networks().prepare(networkId);
      const sandbox = await this.#allocation.run("", () => this.#allocate(wish));
      try {
        await kernel.open(sandbox);
        await store.saveSandbox(sandbox);
      } catch (error) {
        await this.#close(sandbox).catch((err: unknown) => {
          this.#deps.log.error({ containerId: wish.containerId, err }, "cannot clean up a sandbox");
        });
        throw error;
      }
      return sandbox;
    });
  }

  /** Absent is no error. */
  close(containerId: string): Promise<void> {
    return this.#mutex.run(containerId, async () => {
      const sandbox = this.#sandboxes.get(containerId);
      if (sandbox !== undefined) await this.#close(sandbox);
    });
  }

  /** Closes all but those of `containerIds`. */
  async keepOnly(containerIds: ReadonlySet<string>): Promise<void> {
    const ids = [...this.#sandboxes.keys()].filter((id) => !containerIds.has(id));
    const errors = await forEachLimited(ids, closedAtOnceMax, (id) => this.close(id));
    if (errors.length > 0) throw errors[0];
  }

  /** NOT_FOUND without a sandbox; FAILED_PRECONDITION when it is on the network already. Else as `open`. */
  connect(containerId: string, wish: EndpointWish): Promise<LocalEndpoint> {
    const { kernel, store } = this.#deps;
    return this.#mutex.run(containerId, async () => {
      const networks = this.#deps.networks();
      const before = this.#existing(containerId);
      const network = networks.get(wish.networkId);
      if (before.endpoints.some(({ networkId }) => networkId === network.id)) {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `endpoint with name ${before.name} already exists in network ${network.name}`,
        );
      }
      await networks.prepare(network.id);
      const endpoint = this.#newEndpoint(wish, before.endpoints);
      const after = { ...before, endpoints: [...before.endpoints, endpoint] };
      this.#sandboxes.set(containerId, after);
      try {
        await kernel.connect(after, endpoint);
        await store.saveSandbox(after);
      } catch (error) {
        await kernel.unlink([endpoint]);
        this.#sandboxes.set(containerId, before);
        throw error;
      }
      return endpoint;
    });
  }

  /** NOT_FOUND without a sandbox; FAILED_PRECONDITION when it is not on the network. */
  disconnect(containerId: string, networkId: string): Promise<void> {
    const { kernel, store } = this.#deps;
    return this.#mutex.run(containerId, async () => {
      const before = this.#existing(containerId);
      const endpoint = before.endpoints.find((one) => one.networkId === networkId);
      if (endpoint === undefined) {
        const { name } = this.#deps.networks().get(networkId);
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `container ${before.name} is not connected to network ${name}`,
        );
      }
      const after = { ...before, endpoints: before.endpoints.filter((one) => one !== endpoint) };
      await store.saveSandbox(after);
      await kernel.unlink([endpoint]);
      // Only now: until its link is gone nobody else may get its address.
      this.#sandboxes.set(containerId, after);
      await kernel.disconnected(after);
    });
  }

  /** `links` of the host's namespace, each with its bridge: what is missing of a sandbox is made again. */
  async repair(links: ReadonlyMap<string, string>): Promise<void> {
    const { kernel, log } = this.#deps;
    for (const { containerId, endpoints } of this.all()) {
      if (endpoints.every(({ port }) => (links.get(port) ?? "") !== "")) continue;
      await this.#mutex.run(containerId, async () => {
        // Perhaps it was only being made, or has gone since.
        const sandbox = this.#sandboxes.get(containerId);
        if (sandbox === undefined || !kernel.isOpen(containerId)) return;
        try {
          if (await kernel.relink(sandbox)) {
            log.warn({ containerId }, "a container's links were gone: made again");
          }
        } catch (err) {
          log.error({ containerId, err }, "cannot make a container's links again");
        }
      });
    }
  }

  /** The name that others know the container by, from now on; resolves when it is kept. Nothing without a sandbox. */
  rename(containerId: string, name: string): Promise<void> {
    const known = this.#sandboxes.get(containerId);
    if (known !== undefined) this.#sandboxes.set(containerId, { ...known, name });
    return this.#mutex.run(containerId, async () => {
      const sandbox = this.#sandboxes.get(containerId);
      if (sandbox !== undefined) await this.#deps.store.saveSandbox(sandbox);
    });
  }

  async #close(sandbox: LocalSandbox): Promise<void> {
    const { containerId } = sandbox;
    await this.#deps.store.removeSandbox(containerId);
    // Its ports are given up with the rules, its addresses only when the links are gone.
    this.#sandboxes.set(containerId, { ...sandbox, ports: [] });
    await this.#deps.kernel.close(sandbox);
    this.#sandboxes.delete(containerId);
  }

  async #allocate(wish: SandboxWish): Promise<LocalSandbox> {
    const { containerId, name, hostname } = wish;
    const networks = this.#deps.networks();
    const endpoints: LocalEndpoint[] = [];
    for (const one of wish.endpoints) endpoints.push(this.#newEndpoint(one, endpoints));
    const sandbox = { containerId, name, hostname, endpoints, ports: [] };
    // Held from here on, while ports are looked for.
    this.#sandboxes.set(containerId, sandbox);
    const byId = new Map(networks.all().map((network) => [network.id, network]));
    const way = gatewayEndpoint(sandbox, byId);
    if (way === undefined || wish.ports.length === 0) return sandbox;
    try {
      const { hostAddress } = readBridgeOptions(networks.get(way.networkId).options);
      const whole = { ...sandbox, ports: await this.#ports.bind(wish.ports, hostAddress) };
      this.#sandboxes.set(containerId, whole);
      return whole;
    } catch (error) {
      this.#sandboxes.delete(containerId);
      // Docker's words: who reads them looks for the endpoint.
      const of = `driver failed programming external connectivity on endpoint ${name} (${way.endpointId})`;
      const code = isClusterError(error) ? error.code : "INTERNAL";
      throw new ClusterError(code, `${of}: ${errorMessage(error)}`, { cause: error });
    }
  }

  #newEndpoint(wish: EndpointWish, own: readonly LocalEndpoint[]): LocalEndpoint {
    const network = this.#deps.networks().get(wish.networkId);
    return planNewEndpoint(wish, network, {
      endpointId: newContainerId(this.#deps.random),
      prefix: this.#deps.names.localPortPrefix,
      all: this.all().flatMap(({ endpoints }) => endpoints),
      own,
    });
  }

  #existing(containerId: string): LocalSandbox {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox !== undefined) return sandbox;
    throw new ClusterError("NOT_FOUND", `container ${containerId.slice(0, 12)} is on no network`);
  }
}
