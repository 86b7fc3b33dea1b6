import { ClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { CoalescedRun } from "./coalesced-run.ts";
import { bridgeBatch, ipBatch, listJson, listLinks, tryIn } from "./kernel.ts";
import { networkVxlan } from "./names.ts";
import { makeNamespace, namespaceExists, removeNamespaceFile } from "./namespace-file.ts";
import { type ForwardingEntry, type NeighbourEntry, observedNetwork } from "./observe.ts";
import {
  emptyObservedNetwork,
  expectedNetwork,
  type ObservedNetwork,
  planNetwork,
  type WantedNetwork,
} from "./plan-network.ts";

export interface NetworkNamespaceOptions {
  readonly networkId: string;
  readonly path: string;
  /** What the namespace shall hold as of now. */
  readonly wanted: () => WantedNetwork;
  readonly log: Logger;
}

/** One network on this node: a namespace with a bridge, the VXLAN device and a port per sandbox. */
export class NetworkNamespace {
  readonly #options: NetworkNamespaceOptions;
  readonly #run = new CoalescedRun(() => this.#sync());
  /** Ports made or taken since the last plan. */
  readonly #changedPorts = new Map<string, "made" | "gone">();
  #observed: ObservedNetwork | undefined;

  constructor(options: NetworkNamespaceOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.path;
  }

  /** Makes the namespace when it is not there. Synchronous: links may be put into it right after. */
  ensure(): void {
    if (namespaceExists(this.path)) return;
    makeNamespace(this.path);
    this.#observed = emptyObservedNetwork;
  }

  /** Resolves once the kernel shows what is wanted as of this call or later. */
  sync(): Promise<void> {
    return this.#run.request();
  }

  /** The next sync asks the kernel instead of trusting what was done before. */
  forget(): void {
    this.#observed = undefined;
  }

  /** A link's end named `port` was put into the namespace. */
  portMade(port: string): void {
    this.#changedPorts.set(port, "made");
  }

  portGone(port: string): void {
    this.#changedPorts.set(port, "gone");
  }

  async remove(): Promise<void> {
    await this.#run.idle();
    if (!namespaceExists(this.path)) {
      removeNamespaceFile(this.path);
      return;
    }
    // The namespace ends some time after it is let go; until then its VXLAN device would hold the number.
    await tryIn(this.path, "ip", ["link", "del", networkVxlan]);
    removeNamespaceFile(this.path);
  }

  async #sync(): Promise<void> {
    try {
      await this.#carryOut();
    } catch {
      // A sandbox's links may have come or gone between looking and doing: look again, once.
      await this.#carryOut();
    }
  }

  async #carryOut(): Promise<void> {
    this.ensure();
    const observed = this.#withChangedPorts(this.#observed ?? (await this.#observe()));
    // Unknown until the plan has been carried out whole.
    this.#observed = undefined;
    const wanted = this.#options.wanted();
    const plan = planNetwork(this.path, wanted, observed);
    try {
      const removal = plan.ipLines.filter((line) => line.startsWith("link del"));
      await ipBatch(this.path, removal);
      await ipBatch(undefined, plan.hostIpLines);
      await ipBatch(
        this.path,
        plan.ipLines.filter((line) => !line.startsWith("link del")),
      );
      await bridgeBatch(this.path, plan.bridgeLines);
    } catch (error) {
      throw new ClusterError("INTERNAL", `cannot set up network ${this.#options.networkId}`, {
        cause: error,
      });
    }
    for (const port of plan.lostPorts) {
      const { networkId, log } = this.#options;
      log.error({ networkId, port }, "a sandbox's link to its network is gone");
    }
    this.#observed = expectedNetwork(wanted, observed);
  }

  #withChangedPorts(observed: ObservedNetwork): ObservedNetwork {
    if (this.#changedPorts.size === 0) return observed;
    const ports = new Map(observed.ports);
    const bridgeEntries = new Map(observed.bridgeEntries);
    for (const [port, change] of this.#changedPorts) {
      for (const [mac, at] of bridgeEntries) if (at === port) bridgeEntries.delete(mac);
      if (change === "made") ports.set(port, { ready: false });
      else ports.delete(port);
    }
    this.#changedPorts.clear();
    return { ...observed, ports, bridgeEntries };
  }

  async #observe(): Promise<ObservedNetwork> {
    const [links, forwarding, neighbours] = await Promise.all([
      listLinks(this.path),
      listJson<ForwardingEntry>(this.path, "bridge", ["fdb", "show"]),
      listJson<NeighbourEntry>(this.path, "ip", ["neigh", "show", "nud", "permanent"]),
    ]);
    return observedNetwork(links, forwarding, neighbours);
  }
}
