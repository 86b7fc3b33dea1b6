import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type VirtualIpBackends, virtualIpsByNetwork } from "./balancer-rules.ts";
import { CoalescedRun } from "./coalesced-run.ts";
import { forgetFlows } from "./conntrack.ts";
import { forEachLimited } from "./for-each-limited.ts";
import { GuestSet } from "./guest-set.ts";
import { HostNetwork } from "./host-network.ts";
import { planPublishedPorts } from "./host-rules.ts";
import { hostNames, nodePort } from "./names.ts";
import { namespaceExists } from "./namespace-file.ts";
import { NetworkSet } from "./network-set.ts";
import {
  type Attachment,
  emptyNetworkState,
  type Guest,
  type GuestAttachment,
  type NetworkState,
  type PortProtocol,
  type SandboxOptions,
} from "./network-state.ts";
import { withPrefix } from "./plan-network.ts";
import { stoppedBackends, turnOf } from "./rebalance.ts";
import { SandboxSet } from "./sandbox-set.ts";

export interface OverlayOptions {
  /** Folder for what lives until the next boot: namespaces and sandboxes' records. */
  readonly execRoot: string;
  /** Unique per daemon on this machine; its first six letters and digits are in our links' names. */
  readonly instance: string;
  /** Subnet of the egress bridge. */
  readonly bridgeSubnet: string;
  /** Where VXLAN traffic to this node goes; read at each use, "" while unknown. */
  readonly dataPathAddress: () => string;
  /** Whether a container that is no task has the port of this node; read at each use. */
  readonly isPortHeld?: (protocol: PortProtocol, port: number) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const repairMs = 30_000;
const childrenMax = 8;
const flowsMax = 2;

/** The networks of one node, in the kernel. Every promise is kept again after a restart of the daemon. */
export class Overlay {
  readonly #options: OverlayOptions;
  readonly #folder: string;
  readonly #host: HostNetwork;
  readonly #networks: NetworkSet;
  readonly #sandboxes: SandboxSet;
  readonly #guests: GuestSet;
  readonly #run = new CoalescedRun(() => this.#reconcile());
  /** Settles with all calls of `apply` so far. */
  #applied: Promise<unknown> = Promise.resolve();
  #virtualIps: ReadonlyMap<string, readonly VirtualIpBackends[]> = new Map();
  /** Whether any state was applied: before that nothing is changed in the kernel. */
  #known = false;
  #verify = false;
  #timer: Timer | undefined;
  #started: Promise<void> | undefined;

  constructor(options: OverlayOptions) {
    const { bridgeSubnet, log, execRoot } = options;
    const names = hostNames(options.instance);
    this.#options = options;
    this.#folder = join(execRoot, "netns");
    this.#host = new HostNetwork({ names, bridgeSubnet, log });
    this.#networks = new NetworkSet({
      folder: this.#folder,
      records: () => this.#linkedRecords(),
      log,
    });
    this.#sandboxes = new SandboxSet({
      folder: this.#folder,
      recordsFolder: join(execRoot, "sandboxes"),
      names,
      bridgeSubnet,
      networks: this.#networks,
      virtualIps: () => this.#virtualIps,
      reconcile: () => this.#run.request(),
      isPortHeld: options.isPortHeld ?? (() => false),
      log,
    });
    this.#guests = new GuestSet({
      recordsFolder: join(execRoot, "guests"),
      networks: this.#networks,
      virtualIps: () => this.#virtualIps,
      reconcile: () => this.#run.request(),
      log,
    });
  }

  /** Takes over what an earlier daemon left; touches no running sandbox. Call before anything else. */
  start(): Promise<void> {
    this.#started ??= this.#begin().catch((error: unknown) => {
      this.#started = undefined; // tried again by what needs it next
      throw error;
    });
    return this.#started;
  }

  async #begin(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    await this.#host.start();
    await this.#sandboxes.adopt(this.#networks.adopt(readdirSync(this.#folder)));
    await this.#guests.adopt();
    // Containers without networks need their way out before any state is applied.
    await this.#run.request();
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
    const applied = this.#apply(state);
    this.#applied = Promise.allSettled([this.#applied, applied]);
    return applied;
  }

  async #apply(state: NetworkState): Promise<void> {
    await this.start();
    const stopped = this.#known ? stoppedBackends(this.#networks.state, state) : [];
    this.#networks.state = state;
    this.#virtualIps = virtualIpsByNetwork(state);
    this.#known = true;
    await this.#run.request();
    if (stopped.length === 0) return;
    // Not part of the promise: nobody waits for it.
    const namespaces = [undefined, ...this.#linked().map(({ path }) => path)];
    void forEachLimited(namespaces, flowsMax, (path) => forgetFlows(path, stopped));
  }

  /**
   * Makes a container's network namespace with its addresses, balancer and way out.
   * FAILED_PRECONDITION: a network is not in the applied state, or a host port is taken; ALREADY_EXISTS.
   */
  async createSandbox(
    containerId: string,
    attachments: readonly Attachment[],
    options: SandboxOptions,
  ): Promise<{ namespacePath: string; bridgeAddress?: string }> {
    await this.start();
    const { path, record } = await this.#sandboxes.create(containerId, attachments, options);
    return {
      namespacePath: path,
      ...(record.bridgeAddress === "" ? {} : { bridgeAddress: record.bridgeAddress }),
    };
  }

  /** Absent is no error. */
  removeSandbox(containerId: string): Promise<void> {
    return this.#sandboxes.remove(containerId);
  }

  /**
   * Links a namespace that somebody else made to a network, by a link of that name: a place on the network like a sandbox's.
   * FAILED_PRECONDITION: the network is not in the applied state; ALREADY_EXISTS.
   */
  async connectGuest(
    containerId: string,
    namespacePath: string,
    attachment: GuestAttachment,
  ): Promise<void> {
    await this.start();
    await this.#guests.connect(containerId, namespacePath, attachment);
  }

  /** Absent is no error. */
  disconnectGuest(containerId: string, networkId: string): Promise<void> {
    return this.#guests.disconnect(containerId, networkId);
  }

  /** By container, also from before a restart. */
  guests(): ReadonlyMap<string, Guest> {
    return this.#guests.all();
  }

  /** What there is, also from before a restart; `bridgeAddress` is "" without a way out. */
  sandboxes(): { readonly id: string; readonly path: string; readonly bridgeAddress: string }[] {
    return this.#sandboxes.all().map(({ record, path }) => ({
      id: record.containerId,
      path,
      bridgeAddress: record.bridgeAddress,
    }));
  }

  /** Whether the port of this node leads to services or tasks. */
  isPublished(protocol: PortProtocol, port: number): boolean {
    return planPublishedPorts(
      this.#networks.state,
      this.#sandboxes.all().map(({ record }) => record),
    ).some((known) => known.protocol === protocol && known.published === port);
  }

  /** Published ingress ports that another program of this node holds too, such as "tcp/80". */
  portConflicts(): readonly string[] {
    return this.#host.conflicts();
  }

  /** Compares the kernel with what it should show and repairs it; done every 30 s. */
  repair(): Promise<void> {
    this.#verify = true;
    return this.#run.request();
  }

  /** The node leaves: everything of this instance goes, running containers' networks too. What is asked for next begins anew. */
  async removeAll(): Promise<void> {
    // One that waits for the start would make its networks after they were removed.
    await this.#applied;
    await this.stop();
    this.#known = false;
    this.#networks.state = emptyNetworkState;
    this.#virtualIps = new Map();
    const ids = this.#sandboxes.all().map(({ record }) => record.containerId);
    const guests = this.#guests
      .sandboxes()
      .flatMap(({ record: { containerId, attachments } }) =>
        attachments.map(({ networkId }) => ({ containerId, networkId })),
      );
    const errors = [
      ...(await forEachLimited(ids, childrenMax, (id) => this.removeSandbox(id))),
      ...(await forEachLimited(guests, childrenMax, ({ containerId, networkId }) =>
        this.disconnectGuest(containerId, networkId),
      )),
    ];
    await this.#networks.removeUnused(new Set());
    await this.#host.removeAll();
    this.#started = undefined;
    throwAll(errors);
  }

  async #reconcile(): Promise<void> {
    const verify = this.#verify;
    this.#verify = false;
    if (!this.#known) {
      // What a daemon before this one published goes on until the first state is here.
      if (!this.#host.adopted) await this.#setRules(verify);
      return;
    }
    const networks = this.#networks;
    const local = this.#options.dataPathAddress();
    if (local === "" && networks.state.networks.length > 0) {
      throw new ClusterError("UNAVAILABLE", "this node's data path address is not known yet");
    }
    networks.outer = { local, mtu: await this.#host.outerMtu(local) };
    if (verify) await this.#verifyPresence();
    const errors = [
      ...(await attempt(() => this.#setIngressLink())),
      ...(await forEachLimited(networks.state.networks, childrenMax, ({ id }) => {
        const namespace = networks.namespace(id);
        if (verify) namespace.forget();
        return namespace.sync();
      })),
      ...(await forEachLimited(this.#linked(), childrenMax, (sandbox) => sandbox.balance(verify))),
      ...(await attempt(() => this.#setRules(verify))),
    ];
    await networks.removeUnused(this.#usedNetworks());
    throwAll(errors);
  }

  async #setIngressLink(): Promise<void> {
    const network = this.#networks.state.networks.find(({ ingress }) => ingress);
    if (network === undefined || network.nodeAddress === "") {
      await this.#host.setIngressLink(undefined);
      return;
    }
    const namespace = this.#networks.namespace(network.id);
    namespace.ensure();
    const made = await this.#host.setIngressLink({
      address: withPrefix(network.nodeAddress, network.subnet),
      namespacePath: namespace.path,
      mtu: this.#networks.mtu(network.id),
    });
    if (made) namespace.portMade(nodePort);
  }

  #setRules(verify: boolean): Promise<void> {
    const ports = planPublishedPorts(this.#networks.state, this.#linkedRecords());
    return this.#host.setRules(ports, turnOf(this.#options.instance), verify);
  }

  async #verifyPresence(): Promise<void> {
    await this.#host.verifyIngressLink();
    for (const { record, path } of this.#linked()) {
      if (namespaceExists(path)) continue;
      const { containerId } = record;
      this.#options.log.error({ containerId }, "a sandbox's network namespace is gone");
    }
  }

  #linked() {
    return [...this.#sandboxes.linked(), ...this.#guests.sandboxes()];
  }

  #linkedRecords() {
    return this.#linked().map(({ record }) => record);
  }

  #usedNetworks(): ReadonlySet<string> {
    const all = [...this.#sandboxes.all(), ...this.#guests.sandboxes()];
    const attachments = all.flatMap(({ record }) => record.attachments);
    return new Set(attachments.map(({ networkId }) => networkId));
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

// One error that says what all of them say.
function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const texts = errors.map((error) => {
    const cause = error instanceof Error ? error.cause : undefined;
    const more = cause === undefined ? "" : `: ${errorMessage(cause)}`;
    return `${errorMessage(error)}${more}`;
  });
  const message = [...new Set(texts)].slice(0, 5).join("; ");
  throw new ClusterError("INTERNAL", message, { cause: errors[0] });
}
