import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Logger } from "../base/log.ts";
import { planBalancer, type VirtualIpBackends, virtualIpsByNetwork } from "./balancer-rules.ts";
import { nextBridgeAddress } from "./bridge-addresses.ts";
import { CoalescedRun } from "./coalesced-run.ts";
import { forEachLimited } from "./for-each-limited.ts";
import { HostNetwork } from "./host-network.ts";
import { planPublishedPorts } from "./host-rules.ts";
import { ipBatch, tryIn } from "./kernel.ts";
import { type HostNames, hostNames, networkPort, nodePort } from "./names.ts";
import { makeNamespace, namespaceExists, removeNamespaceFile } from "./namespace-file.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import {
  type Attachment,
  emptyNetworkState,
  type NetworkState,
  type OverlayNetwork,
  type SandboxOptions,
  type SandboxRecord,
} from "./network-state.ts";
import { innerMtu, wantedNetwork, withPrefix } from "./plan-network.ts";
import { portIsTaken } from "./port-check.ts";
import { stoppedBackends, turnOf } from "./rebalance.ts";
import { Sandbox } from "./sandbox.ts";
import { planSandboxLinks } from "./sandbox-links.ts";
import { SandboxStore } from "./sandbox-store.ts";

export interface OverlayOptions {
  /** Folder for what lives until the next boot: namespaces and sandboxes' records. */
  readonly execRoot: string;
  /** Unique per daemon on this machine; its first six letters and digits are in our links' names. */
  readonly instance: string;
  /** Subnet of the egress bridge. */
  readonly bridgeSubnet: string;
  /** Where VXLAN traffic to this node goes; read at each use, "" while unknown. */
  readonly dataPathAddress: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

const repairMs = 30_000;
const childrenMax = 8;
const networkPrefix = "net-";

/** The networks of one node, in the kernel. Every promise is kept again after a restart of the daemon. */
export class Overlay {
  readonly #options: OverlayOptions;
  readonly #names: HostNames;
  readonly #folder: string;
  readonly #host: HostNetwork;
  readonly #store: SandboxStore;
  readonly #mutex = new KeyedMutex();
  readonly #networks = new Map<string, NetworkNamespace>();
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #run = new CoalescedRun(() => this.#reconcile());
  #state: NetworkState = emptyNetworkState;
  #virtualIps: ReadonlyMap<string, readonly VirtualIpBackends[]> = new Map();
  #outer = { local: "", mtu: 1500 };
  #known = false;
  #verify = false;
  #timer: Timer | undefined;

  constructor(options: OverlayOptions) {
    this.#options = options;
    this.#names = hostNames(options.instance);
    this.#folder = join(options.execRoot, "netns");
    const { bridgeSubnet, log } = options;
    this.#host = new HostNetwork({ names: this.#names, bridgeSubnet, log });
    this.#store = new SandboxStore(join(options.execRoot, "sandboxes"));
  }

  /** Takes over what an earlier daemon left; touches no running sandbox. Call before anything else. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    await this.#host.start();
    for (const record of await this.#store.load()) {
      const path = this.#sandboxPath(record.containerId);
      if (namespaceExists(path)) {
        const sandbox = this.#addSandbox(record);
        sandbox.linked = true;
      } else {
        this.#options.log.warn({ containerId: record.containerId }, "a sandbox did not survive");
        removeNamespaceFile(path);
        await this.#store.remove(record.containerId);
      }
    }
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith(networkPrefix)) this.#network(name.slice(networkPrefix.length));
      else if (!this.#sandboxes.has(name)) removeNamespaceFile(join(this.#folder, name));
    }
    this.#scheduleRepair();
  }

  /** Ends the loops; the networks of running containers stay as they are. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#run.idle();
  }

  /**
   * Makes the kernel show `state`. Many calls in a row share runs; each resolves once balancers and
   * forwarding show its state or a newer one. What fails is named and tried again every 30 s; the rest is done.
   */
  apply(state: NetworkState): Promise<void> {
    const stopped = this.#known ? stoppedBackends(this.#state, state) : [];
    this.#state = state;
    this.#known = true;
    this.#virtualIps = virtualIpsByNetwork(state);
    return this.#run.request().then(() => this.#forgetFlows(stopped));
  }

  /**
   * Makes a container's network namespace with its addresses, balancer and way out.
   * FAILED_PRECONDITION: a network is not in the applied state, or a host port is taken; ALREADY_EXISTS.
   */
  createSandbox(
    containerId: string,
    attachments: readonly Attachment[],
    options: SandboxOptions,
  ): Promise<{ namespacePath: string; bridgeAddress?: string }> {
    return this.#mutex.run(containerId, async () => {
      if (this.#sandboxes.has(containerId)) {
        throw new ClusterError("ALREADY_EXISTS", `sandbox ${containerId} exists already`);
      }
      await this.#checkSandbox(attachments, options);
      const { hostPorts, external } = options;
      // From here to #addSandbox nothing waits: no other sandbox can get the same address.
      const bridgeAddress =
        external || hostPorts.length > 0
          ? nextBridgeAddress(
              this.#options.bridgeSubnet,
              [...this.#sandboxes.values()].map(({ record }) => record.bridgeAddress),
            )
          : "";
      const record = { containerId, attachments, hostPorts, external, bridgeAddress };
      const sandbox = this.#addSandbox(record);
      try {
        await this.#store.save(record);
        makeNamespace(sandbox.path);
        await this.#link(sandbox);
      } catch (error) {
        await this.#remove(sandbox).catch((cause: unknown) => {
          this.#options.log.warn({ containerId, err: cause }, "cannot clean up a sandbox");
        });
        throw error;
      }
      return {
        namespacePath: sandbox.path,
        ...(bridgeAddress === "" ? {} : { bridgeAddress }),
      };
    });
  }

  /** Absent is no error. */
  removeSandbox(containerId: string): Promise<void> {
    return this.#mutex.run(containerId, async () => {
      const sandbox = this.#sandboxes.get(containerId);
      if (sandbox !== undefined) await this.#remove(sandbox);
    });
  }

  /** What there is, also from before a restart. */
  sandboxes(): { readonly id: string; readonly path: string; readonly bridgeAddress: string }[] {
    return [...this.#sandboxes.values()].map(({ record, path }) => ({
      id: record.containerId,
      path,
      bridgeAddress: record.bridgeAddress,
    }));
  }

  /** Published ingress ports that another program of this node holds too, such as "tcp/80". */
  portConflicts(): readonly string[] {
    return this.#host.conflicts();
  }

  /** Compares the kernel with what it should show and repairs it; done every 30 s. */
  repair(): Promise<void> {
    if (!this.#known) return Promise.resolve();
    this.#verify = true;
    return this.#run.request();
  }

  /** The node leaves: everything of this instance goes, running containers' networks too. */
  async removeAll(): Promise<void> {
    await this.stop();
    this.#known = false;
    this.#state = emptyNetworkState;
    this.#virtualIps = new Map();
    await forEachLimited([...this.#sandboxes.keys()], childrenMax, (id) => this.removeSandbox(id));
    for (const network of this.#networks.values()) await network.remove();
    this.#networks.clear();
    await this.#host.removeAll();
  }

  async #reconcile(): Promise<void> {
    const verify = this.#verify;
    this.#verify = false;
    const local = this.#options.dataPathAddress();
    this.#outer = { local, mtu: await this.#host.outerMtu(local) };
    const errors: unknown[] = [];
    if (local === "" && this.#state.networks.length > 0) {
      throw new ClusterError("UNAVAILABLE", "this node's data path address is not known yet");
    }
    if (verify) await this.#verifyPresence();
    errors.push(...(await attempt(() => this.#setIngressLink())));
    errors.push(
      ...(await forEachLimited(this.#state.networks, childrenMax, ({ id }) => {
        const network = this.#network(id);
        if (verify) network.forget();
        return network.sync();
      })),
      ...(await forEachLimited(this.#linkedSandboxes(), childrenMax, (sandbox) =>
        sandbox.balance(verify),
      )),
      ...(await attempt(() => this.#setRules(verify))),
    );
    await this.#removeUnused();
    if (errors.length > 0) {
      throw new ClusterError("INTERNAL", describeErrors(errors), { cause: errors[0] });
    }
  }

  async #setIngressLink(): Promise<void> {
    const network = this.#state.networks.find(({ ingress }) => ingress);
    if (network === undefined || network.nodeAddress === "") {
      await this.#host.setIngressLink(undefined);
      return;
    }
    const namespace = this.#network(network.id);
    namespace.ensure();
    const made = await this.#host.setIngressLink({
      address: withPrefix(network.nodeAddress, network.subnet),
      namespacePath: namespace.path,
      mtu: innerMtu(network, this.#outer.mtu),
    });
    if (made) namespace.portMade(nodePort);
  }

  #setRules(verify: boolean): Promise<void> {
    const records = this.#linkedSandboxes().map(({ record }) => record);
    const ports = planPublishedPorts(this.#state, records);
    return this.#host.setRules(ports, turnOf(this.#options.instance), verify);
  }

  async #link(sandbox: Sandbox): Promise<void> {
    const { record, path } = sandbox;
    const networks = new Map(
      record.attachments.map(({ networkId }) => {
        const network = this.#networkState(networkId);
        const namespace = this.#network(networkId);
        namespace.ensure();
        const mtu = innerMtu(network, this.#outer.mtu);
        return [networkId, { namespacePath: namespace.path, subnet: network.subnet, mtu }];
      }),
    );
    const links = planSandboxLinks(record, path, networks, {
      names: this.#names,
      subnet: this.#options.bridgeSubnet,
      mtu: this.#outer.mtu,
    });
    await ipBatch(undefined, links.hostLines);
    await ipBatch(path, links.lines);
    sandbox.linked = true;
    await Promise.all([
      ...record.attachments.map(({ networkId, address }) => {
        const namespace = this.#network(networkId);
        namespace.portMade(networkPort(address));
        return namespace.sync();
      }),
      sandbox.balance(false),
      ...(record.hostPorts.length === 0 ? [] : [this.#run.request()]),
    ]);
  }

  async #remove(sandbox: Sandbox): Promise<void> {
    const { record, path } = sandbox;
    sandbox.linked = false;
    this.#sandboxes.delete(record.containerId);
    if (namespaceExists(path)) {
      // Explicitly: a namespace ends only some time after its last process, its addresses may be needed sooner.
      const count = record.attachments.length + (record.bridgeAddress === "" ? 0 : 1);
      const lines = Array.from({ length: count }, (_, index) => `link del eth${index}\n`);
      await tryIn(path, "ip", ["-force", "-batch", "-"], lines.join(""));
    }
    removeNamespaceFile(path);
    await this.#store.remove(record.containerId);
    for (const { networkId, address } of record.attachments) {
      this.#networks.get(networkId)?.portGone(networkPort(address));
    }
    if (!this.#known) return;
    await Promise.all(
      record.attachments.map(({ networkId }) =>
        this.#state.networks.some(({ id }) => id === networkId)
          ? this.#network(networkId).sync()
          : this.#run.request(),
      ),
    );
    if (record.hostPorts.length > 0) await this.#run.request();
  }

  async #checkSandbox(
    attachments: readonly Attachment[],
    { hostPorts }: SandboxOptions,
  ): Promise<void> {
    for (const { networkId } of attachments) this.#networkState(networkId);
    for (const { protocol, published } of hostPorts) {
      const mine = [...this.#sandboxes.values()].some(({ record }) =>
        record.hostPorts.some((port) => port.protocol === protocol && port.published === published),
      );
      if (mine || (await portIsTaken(protocol, published))) {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `host port ${published}/${protocol} is already in use on this node; choose another`,
        );
      }
    }
  }

  async #verifyPresence(): Promise<void> {
    await this.#host.verifyIngressLink();
    for (const { record, path } of this.#linkedSandboxes()) {
      if (namespaceExists(path)) continue;
      const { containerId } = record;
      this.#options.log.error({ containerId }, "a sandbox's network namespace is gone");
    }
  }

  async #removeUnused(): Promise<void> {
    const used = new Set(this.#state.networks.map(({ id }) => id));
    for (const { record } of this.#sandboxes.values()) {
      for (const { networkId } of record.attachments) used.add(networkId);
    }
    for (const [id, network] of this.#networks) {
      if (used.has(id)) continue;
      this.#networks.delete(id);
      await network.remove();
    }
  }

  async #forgetFlows(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    // Best effort, and not part of what apply() promises: the program may be missing.
    forEachLimited(this.#linkedSandboxes(), 2, (sandbox) => sandbox.forgetFlows(addresses)).catch(
      () => {},
    );
  }

  #network(networkId: string): NetworkNamespace {
    const known = this.#networks.get(networkId);
    if (known !== undefined) return known;
    const network = new NetworkNamespace({
      networkId,
      path: join(this.#folder, `${networkPrefix}${networkId}`),
      wanted: () =>
        wantedNetwork(
          this.#networkState(networkId),
          this.#state,
          this.#linkedSandboxes().map(({ record }) => record),
          this.#outer,
        ),
      log: this.#options.log,
    });
    this.#networks.set(networkId, network);
    return network;
  }

  #networkState(networkId: string): OverlayNetwork {
    const network = this.#state.networks.find(({ id }) => id === networkId);
    if (network === undefined) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `network ${networkId} is not set up on this node yet`,
      );
    }
    return network;
  }

  #addSandbox(record: SandboxRecord): Sandbox {
    const turn = turnOf(record.containerId);
    const sandbox = new Sandbox(record, this.#sandboxPath(record.containerId), () =>
      // Without a network there is nothing to balance, and no table.
      record.attachments.length === 0
        ? ""
        : planBalancer(record.attachments, this.#virtualIps, turn),
    );
    this.#sandboxes.set(record.containerId, sandbox);
    return sandbox;
  }

  #linkedSandboxes(): Sandbox[] {
    return [...this.#sandboxes.values()].filter(({ linked }) => linked);
  }

  #sandboxPath(containerId: string): string {
    return join(this.#folder, containerId);
  }

  #scheduleRepair(): void {
    this.#timer = this.#options.clock.setTimer(repairMs, () => {
      this.repair()
        .catch((err: unknown) => {
          this.#options.log.error({ err }, "cannot repair this node's networks");
        })
        .finally(() => {
          if (this.#timer !== undefined) this.#scheduleRepair();
        });
    });
  }
}

async function attempt(fn: () => Promise<void>): Promise<unknown[]> {
  try {
    await fn();
    return [];
  } catch (error) {
    return [error];
  }
}

function describeErrors(errors: readonly unknown[]): string {
  const texts = errors.map((error) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : undefined;
    return cause === undefined
      ? errorMessage(error)
      : `${errorMessage(error)}: ${errorMessage(cause)}`;
  });
  return [...new Set(texts)].slice(0, 5).join("; ");
}
