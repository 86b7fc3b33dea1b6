import { ClusterError } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Logger } from "../base/log.ts";
import { planBalancer, type VirtualIpBackends } from "./balancer-rules.ts";
import { ipBatch, tryIn } from "./kernel.ts";
import { networkPort } from "./names.ts";
import { namespaceExists } from "./namespace-file.ts";
import type { NetworkSet } from "./network-set.ts";
import type { Guest, GuestAttachment } from "./network-state.ts";
import { turnOf } from "./rebalance.ts";
import { Sandbox } from "./sandbox.ts";
import { planNetworkLink } from "./sandbox-links.ts";
import { SandboxStore } from "./sandbox-store.ts";

export interface GuestSetOptions {
  /** Folder of the records. */
  readonly recordsFolder: string;
  readonly networks: NetworkSet;
  readonly virtualIps: () => ReadonlyMap<string, readonly VirtualIpBackends[]>;
  /** Asks for a run over the whole node: unused networks have changed. */
  readonly reconcile: () => Promise<void>;
  readonly log: Logger;
}

/**
 * Namespaces that somebody else made, of containers that people started by hand: they come to networks and leave them while they run.
 * Calls for one container run one after another.
 */
export class GuestSet {
  readonly #options: GuestSetOptions;
  readonly #store: SandboxStore<Guest>;
  readonly #mutex = new KeyedMutex();
  readonly #guests = new Map<string, Guest>();
  readonly #sandboxes = new Map<string, Sandbox>();

  constructor(options: GuestSetOptions) {
    this.#options = options;
    this.#store = new SandboxStore(options.recordsFolder);
  }

  /** Takes over the guests of an earlier daemon. */
  async adopt(): Promise<void> {
    for (const guest of await this.#store.load()) {
      if (namespaceExists(guest.namespacePath)) this.#put(guest);
      else await this.#store.remove(guest.containerId);
    }
  }

  /** By container. */
  all(): ReadonlyMap<string, Guest> {
    return this.#guests;
  }

  /** Each as a sandbox whose links are made. */
  sandboxes(): readonly Sandbox[] {
    return [...this.#sandboxes.values()];
  }

  /** See Overlay.connectGuest. */
  connect(containerId: string, namespacePath: string, wanted: GuestAttachment): Promise<void> {
    const { networks } = this.#options;
    return this.#mutex.run(containerId, async () => {
      const { networkId, address, link } = wanted;
      const before = this.#guests.get(containerId) ?? {
        containerId,
        namespacePath,
        attachments: [],
      };
      if (before.attachments.some((one) => one.networkId === networkId)) {
        const text = `container ${containerId.slice(0, 12)} is on network ${networkId} already`;
        throw new ClusterError("ALREADY_EXISTS", text);
      }
      const { subnet } = networks.wanted(networkId);
      const namespace = networks.namespace(networkId);
      namespace.ensure();
      const at = { namespacePath: namespace.path, subnet, mtu: networks.mtu(networkId) };
      try {
        await ipBatch(namespacePath, planNetworkLink(link, address, at));
        const guest = { ...before, attachments: [...before.attachments, wanted] };
        await this.#store.save(guest);
        this.#put(guest);
        namespace.portMade(networkPort(address));
        const sandbox = this.#sandboxes.get(containerId);
        await Promise.all([namespace.sync(), sandbox?.balance(false)]);
      } catch (error) {
        await this.#unlink(before, wanted).catch((err: unknown) => {
          this.#options.log.warn({ containerId, err }, "cannot clean up a guest's link");
        });
        throw error;
      }
    });
  }

  /** See Overlay.disconnectGuest. */
  disconnect(containerId: string, networkId: string): Promise<void> {
    return this.#mutex.run(containerId, async () => {
      const before = this.#guests.get(containerId);
      const gone = before?.attachments.find((one) => one.networkId === networkId);
      if (before === undefined || gone === undefined) return;
      const attachments = before.attachments.filter((one) => one !== gone);
      await this.#unlink({ ...before, attachments }, gone);
    });
  }

  // From the network's side: the namespace may have ended with its container.
  async #unlink(after: Guest, { networkId, address }: GuestAttachment): Promise<void> {
    const { networks, reconcile } = this.#options;
    const { containerId, namespacePath } = after;
    const port = networkPort(address);
    const namespace = networks.existing(networkId);
    if (namespace !== undefined && namespaceExists(namespace.path)) {
      await tryIn(namespace.path, "ip", ["link", "del", port]);
    }
    const sandbox = this.#sandboxes.get(containerId);
    // Only now: until its link is gone nobody else may get its address.
    if (after.attachments.length === 0) {
      this.#guests.delete(containerId);
      this.#sandboxes.delete(containerId);
      await this.#store.remove(containerId);
    } else {
      await this.#store.save(after);
      this.#put(after);
    }
    namespace?.portGone(port);
    const isWanted = namespace !== undefined && networks.isWanted(networkId);
    await Promise.all([
      isWanted ? namespace.sync() : reconcile(),
      namespaceExists(namespacePath) ? sandbox?.balance(false) : undefined,
    ]);
  }

  #put(guest: Guest): void {
    const { containerId, namespacePath, attachments } = guest;
    const record = { containerId, attachments, hostPorts: [], external: false, bridgeAddress: "" };
    this.#guests.set(containerId, guest);
    const known = this.#sandboxes.get(containerId);
    if (known !== undefined) {
      known.record = record;
      return;
    }
    const turn = turnOf(containerId);
    const sandbox: Sandbox = new Sandbox(record, namespacePath, () =>
      planBalancer(sandbox.record.attachments, this.#options.virtualIps(), turn),
    );
    sandbox.linked = true;
    this.#sandboxes.set(containerId, sandbox);
  }
}
