import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { Logger } from "../../base/log.ts";
import { CoalescedRun } from "../coalesced-run.ts";
import { ipBatch, listLinks, nftApply, nftTable, setSysctls, tryIn } from "../kernel.ts";
import type { HostNames } from "../names.ts";
import { makeNamespace, namespaceExists, removeNamespaceFile } from "../namespace-file.ts";
import {
  type BoundPort,
  gatewayEndpoint,
  type LocalEndpoint,
  type LocalNetwork,
  type LocalSandbox,
} from "./local-network.ts";
import { planLocalRules } from "./local-rules.ts";
import { planBridge, planDefaultRoute, planEndpoint } from "./plan-local-links.ts";

export interface LocalKernelOptions {
  readonly names: HostNames;
  /** Folder of the sandboxes' namespaces. */
  readonly folder: string;
  readonly networks: () => readonly LocalNetwork[];
  /** Those that are made or just being made. */
  readonly sandboxes: () => readonly LocalSandbox[];
  readonly log: Logger;
}

/** Published ports of one container whose UDP flows are forgotten. */
const flowsMax = 64;

/** Bridges, links, namespaces and rules of the local networks. It keeps nothing that the kernel could not tell again. */
export class LocalKernel {
  readonly #options: LocalKernelOptions;
  readonly #mutex = new KeyedMutex();
  readonly #rules = new CoalescedRun(() => this.#applyRules());
  readonly #bridges = new Set<string>();
  #script = "";
  #shown: string | undefined;
  /** Whether a table that an earlier daemon left is gone for sure. */
  #cleared = false;

  constructor(options: LocalKernelOptions) {
    this.#options = options;
  }

  path(containerId: string): string {
    return join(this.#options.folder, containerId);
  }

  isOpen(containerId: string): boolean {
    return namespaceExists(this.path(containerId));
  }

  hasBridge({ bridge }: LocalNetwork): boolean {
    return this.#bridges.has(bridge);
  }

  /** Makes the network's bridge when it is not there. */
  ensureBridge(network: LocalNetwork): Promise<void> {
    return this.#mutex.run(network.bridge, async () => {
      if (this.#bridges.has(network.bridge)) return;
      await this.#makeBridge(network, (await this.#linkNames()).has(network.bridge));
      await this.#rules.request();
    });
  }

  /** Absent is no error. */
  removeBridge({ bridge }: LocalNetwork): Promise<void> {
    return this.#mutex.run(bridge, async () => {
      this.#bridges.delete(bridge);
      await tryIn(undefined, "ip", ["link", "del", bridge]);
      await this.#rules.request();
    });
  }

  /** Makes the sandbox's namespace with all its links. */
  async open(sandbox: LocalSandbox): Promise<void> {
    const path = this.path(sandbox.containerId);
    makeNamespace(path);
    await this.#link(sandbox, sandbox.endpoints);
    if (sandbox.ports.length > 0) await this.#publish(sandbox.ports);
  }

  /** Absent is no error. */
  async close(sandbox: LocalSandbox): Promise<void> {
    await this.unlink(sandbox.endpoints);
    removeNamespaceFile(this.path(sandbox.containerId));
    if (sandbox.ports.length > 0) await this.#publish(sandbox.ports);
  }

  /** `sandbox` has got `endpoint`. */
  async connect(sandbox: LocalSandbox, endpoint: LocalEndpoint): Promise<void> {
    await this.#link(sandbox, [endpoint]);
    await this.#rules.request();
  }

  /** `sandbox` has lost an endpoint whose link is gone: another may be the way out now. */
  async disconnected(sandbox: LocalSandbox): Promise<void> {
    await ipBatch(this.path(sandbox.containerId), this.#route(sandbox));
    await this.#rules.request();
  }

  /** Takes the links away: at once, since a namespace ends only some time after its last process. */
  async unlink(endpoints: readonly LocalEndpoint[]): Promise<void> {
    if (endpoints.length === 0) return;
    const lines = endpoints.map(({ port }) => `link del ${port}\n`).join("");
    await tryIn(undefined, "ip", ["-force", "-batch", "-"], lines);
  }

  /**
   * Compares the kernel with what shall be: bridges and rules that are missing are made again, links of ours that nobody
   * knows go. `bridges`: the networks that have one. Resolves with the links of the host's namespace, each with its bridge.
   */
  async repair(bridges: readonly LocalNetwork[]): Promise<ReadonlyMap<string, string>> {
    const links = await this.#linkNames();
    await this.#removeLeftovers(links);
    for (const network of bridges) {
      await this.#mutex.run(network.bridge, () =>
        this.#makeBridge(network, links.has(network.bridge)),
      );
    }
    await this.#checkRules();
    await this.#rules.request();
    return links;
  }

  /** Makes the sandbox's links that are missing, and puts the others on their bridges. True when any was missing. */
  async relink(sandbox: LocalSandbox): Promise<boolean> {
    const links = await this.#linkNames();
    const networks = this.#networks();
    const missing = sandbox.endpoints.filter(({ port }) => !links.has(port));
    if (missing.length > 0) await this.#link(sandbox, missing);
    const path = this.path(sandbox.containerId);
    const again = sandbox.endpoints
      .filter(({ port }) => links.has(port))
      .flatMap((endpoint) => {
        const network = networks.get(endpoint.networkId);
        return network === undefined ? [] : planEndpoint(endpoint, network, path).portLines;
      });
    await ipBatch(undefined, again);
    return missing.length > 0;
  }

  /** Removes namespaces that no sandbox has. */
  removeStrayNamespaces(): void {
    const { folder, sandboxes } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    const known = new Set(sandboxes().map(({ containerId }) => containerId));
    for (const name of readdirSync(folder)) {
      if (!known.has(name)) removeNamespaceFile(join(folder, name));
    }
  }

  async idle(): Promise<void> {
    await this.#rules.idle();
  }

  async #makeBridge(network: LocalNetwork, exists: boolean): Promise<void> {
    await ipBatch(undefined, planBridge(network, exists));
    setSysctls(undefined, {
      "ipv4/ip_forward": "1",
      [`ipv4/conf/${network.bridge}/route_localnet`]: "1",
    });
    this.#bridges.add(network.bridge);
  }

  async #link(sandbox: LocalSandbox, endpoints: readonly LocalEndpoint[]): Promise<void> {
    const path = this.path(sandbox.containerId);
    const networks = this.#networks();
    const plans = endpoints.flatMap((endpoint) => {
      const network = networks.get(endpoint.networkId);
      return network === undefined ? [] : [planEndpoint(endpoint, network, path)];
    });
    await ipBatch(
      undefined,
      plans.flatMap(({ hostLines, portLines }) => [...hostLines, ...portLines]),
    );
    await ipBatch(path, [
      "link set lo up",
      ...plans.flatMap(({ lines }) => lines),
      ...this.#route(sandbox),
    ]);
  }

  // An asker that goes on from the same port would keep the way it once had: of UDP the kernel sees no end.
  async #publish(ports: readonly BoundPort[]): Promise<void> {
    await this.#rules.request();
    for (const { protocol, hostPort } of ports.slice(0, flowsMax)) {
      if (protocol !== "udp") continue;
      const args = ["-D", "-p", "udp", "--orig-port-dst", String(hostPort)];
      try {
        await tryIn(undefined, "conntrack", args);
      } catch (err) {
        this.#options.log.debug({ err }, "flows of a published port are not forgotten");
        return;
      }
    }
  }

  #route(sandbox: LocalSandbox): readonly string[] {
    const networks = this.#networks();
    const endpoint = gatewayEndpoint(sandbox, networks);
    const network = networks.get(endpoint?.networkId ?? "");
    return planDefaultRoute(
      endpoint === undefined || network === undefined ? undefined : { endpoint, network },
    );
  }

  async #removeLeftovers(links: ReadonlyMap<string, string>): Promise<void> {
    const { names, networks, sandboxes } = this.#options;
    const known = new Set([
      ...networks().map(({ bridge }) => bridge),
      ...sandboxes().flatMap(({ endpoints }) => endpoints.map(({ port }) => port)),
    ]);
    for (const link of links.keys()) {
      const ours =
        link.startsWith(names.localBridgePrefix) || link.startsWith(names.localPortPrefix);
      if (ours && !known.has(link)) await tryIn(undefined, "ip", ["link", "del", link]);
    }
  }

  async #applyRules(): Promise<void> {
    const { names, networks, sandboxes } = this.#options;
    const bridged = networks().filter(({ bridge }) => this.#bridges.has(bridge));
    // Without bridges there is nothing to guard: a daemon that makes no containers leaves no table.
    if (bridged.length === 0 && this.#script === "") {
      if (this.#cleared) return;
      await tryIn(undefined, "nft", ["delete", "table", "ip", names.localTable]);
      this.#cleared = true;
      return;
    }
    const script = planLocalRules(names, bridged, sandboxes());
    if (script === this.#script) return;
    this.#script = "";
    await nftApply(undefined, script);
    this.#script = script;
    this.#shown = undefined;
  }

  // The listing is taken at the first check, not after each change: it costs a process.
  async #checkRules(): Promise<void> {
    if (this.#script === "") return;
    const listing = await nftTable(undefined, this.#options.names.localTable);
    const changed = this.#shown !== undefined && listing !== this.#shown;
    if (changed || listing === undefined) this.#script = "";
    else this.#shown = listing;
  }

  #networks(): ReadonlyMap<string, LocalNetwork> {
    return new Map(this.#options.networks().map((network) => [network.id, network]));
  }

  /** Links of the host's namespace, and the bridge each is on. */
  async #linkNames(): Promise<ReadonlyMap<string, string>> {
    const links = await listLinks(undefined);
    return new Map(links.map(({ ifname, master }) => [ifname, master ?? ""]));
  }
}
