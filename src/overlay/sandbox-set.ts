import { join } from "node:path";
import { ClusterError } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Logger } from "../base/log.ts";
import { planBalancer, type VirtualIpBackends } from "./balancer-rules.ts";
import { nextBridgeAddress } from "./bridge-addresses.ts";
import { ipBatch, tryIn } from "./kernel.ts";
import { type HostNames, networkPort } from "./names.ts";
import { makeNamespace, namespaceExists, removeNamespaceFile } from "./namespace-file.ts";
import type { NetworkSet } from "./network-set.ts";
import type { Attachment, PortProtocol, SandboxOptions, SandboxRecord } from "./network-state.ts";
import { portIsTaken } from "./port-check.ts";
import { turnOf } from "./rebalance.ts";
import { Sandbox } from "./sandbox.ts";
import { planSandboxLinks } from "./sandbox-links.ts";
import { SandboxStore } from "./sandbox-store.ts";

export interface SandboxSetOptions {
  /** Folder of the namespaces. */
  readonly folder: string;
  /** Folder of the records. */
  readonly recordsFolder: string;
  readonly names: HostNames;
  readonly bridgeSubnet: string;
  readonly networks: NetworkSet;
  readonly virtualIps: () => ReadonlyMap<string, readonly VirtualIpBackends[]>;
  /** Asks for a run over the whole node: host ports or unused networks have changed. */
  readonly reconcile: () => Promise<void>;
  /** Whether a container that is no task has the port of this node. */
  readonly isPortHeld: (protocol: PortProtocol, port: number) => boolean;
  readonly log: Logger;
}

/** The sandboxes of this node. Calls for one container run one after another. */
export class SandboxSet {
  readonly #options: SandboxSetOptions;
  readonly #store: SandboxStore<SandboxRecord>;
  readonly #mutex = new KeyedMutex();
  readonly #sandboxes = new Map<string, Sandbox>();

  constructor(options: SandboxSetOptions) {
    this.#options = options;
    this.#store = new SandboxStore(options.recordsFolder);
  }

  /** Takes over the sandboxes of an earlier daemon; `fileNames` without one are removed. */
  async adopt(fileNames: readonly string[]): Promise<void> {
    const { folder, log } = this.#options;
    for (const record of await this.#store.load()) {
      const sandbox = this.#add(record);
      if (namespaceExists(sandbox.path)) {
        sandbox.linked = true;
        continue;
      }
      log.warn({ containerId: record.containerId }, "a sandbox did not survive");
      this.#sandboxes.delete(record.containerId);
      await this.#store.remove(record.containerId);
    }
    for (const name of fileNames) {
      if (!this.#sandboxes.has(name)) removeNamespaceFile(join(folder, name));
    }
  }

  all(): readonly Sandbox[] {
    return [...this.#sandboxes.values()];
  }

  /** Those whose links are made. */
  linked(): readonly Sandbox[] {
    return this.all().filter(({ linked }) => linked);
  }

  /** See Overlay.createSandbox. */
  create(
    containerId: string,
    attachments: readonly Attachment[],
    options: SandboxOptions,
  ): Promise<Sandbox> {
    return this.#mutex.run(containerId, async () => {
      if (this.#sandboxes.has(containerId)) {
        throw new ClusterError("ALREADY_EXISTS", `sandbox ${containerId} exists already`);
      }
      await this.#check(attachments, options);
      const { hostPorts, external } = options;
      // From here to #add nothing waits: no other sandbox can get the same address or host port.
      this.#checkOwnPorts(options);
      const bridgeAddress =
        external || hostPorts.length > 0
          ? nextBridgeAddress(
              this.#options.bridgeSubnet,
              this.all().map(({ record }) => record.bridgeAddress),
            )
          : "";
      const sandbox = this.#add({ containerId, attachments, hostPorts, external, bridgeAddress });
      try {
        await this.#store.save(sandbox.record);
        makeNamespace(sandbox.path);
        await this.#link(sandbox);
      } catch (error) {
        await this.#remove(sandbox).catch((err: unknown) => {
          this.#options.log.warn({ containerId, err }, "cannot clean up a sandbox");
        });
        throw error;
      }
      return sandbox;
    });
  }

  /** Absent is no error. */
  remove(containerId: string): Promise<void> {
    return this.#mutex.run(containerId, async () => {
      const sandbox = this.#sandboxes.get(containerId);
      if (sandbox !== undefined) await this.#remove(sandbox);
    });
  }

  async #link(sandbox: Sandbox): Promise<void> {
    const { networks, names, bridgeSubnet, reconcile } = this.#options;
    const { record, path } = sandbox;
    const links = planSandboxLinks(
      record,
      path,
      new Map(
        record.attachments.map(({ networkId }) => {
          const namespace = networks.namespace(networkId);
          namespace.ensure();
          const { subnet } = networks.wanted(networkId);
          return [
            networkId,
            { namespacePath: namespace.path, subnet, mtu: networks.mtu(networkId) },
          ];
        }),
      ),
      { names, subnet: bridgeSubnet, mtu: networks.outer.mtu },
    );
    await ipBatch(undefined, links.hostLines);
    await ipBatch(path, links.lines);
    sandbox.linked = true;
    await Promise.all([
      ...record.attachments.map(({ networkId, address }) => {
        const namespace = networks.namespace(networkId);
        namespace.portMade(networkPort(address));
        return namespace.sync();
      }),
      sandbox.balance(false),
      ...(record.hostPorts.length === 0 ? [] : [reconcile()]),
    ]);
  }

  async #remove(sandbox: Sandbox): Promise<void> {
    const { networks, reconcile } = this.#options;
    const { record, path } = sandbox;
    sandbox.linked = false;
    if (namespaceExists(path)) {
      // Explicitly: a namespace ends only some time after its last process, its addresses may be needed sooner.
      const count = record.attachments.length + (record.bridgeAddress === "" ? 0 : 1);
      const lines = Array.from({ length: count }, (_, index) => `link del eth${index}\n`);
      await tryIn(path, "ip", ["-force", "-batch", "-"], lines.join(""));
    }
    removeNamespaceFile(path);
    // Only now: until its links are gone nobody else may get its address on the egress bridge.
    this.#sandboxes.delete(record.containerId);
    await this.#store.remove(record.containerId);
    let whole = record.hostPorts.length > 0;
    const syncs: Promise<void>[] = [];
    for (const { networkId, address } of record.attachments) {
      const namespace = networks.existing(networkId);
      namespace?.portGone(networkPort(address));
      if (namespace !== undefined && networks.isWanted(networkId)) syncs.push(namespace.sync());
      else whole = true;
    }
    await Promise.all([...syncs, ...(whole ? [reconcile()] : [])]);
  }

  async #check(attachments: readonly Attachment[], options: SandboxOptions): Promise<void> {
    for (const { networkId } of attachments) this.#options.networks.wanted(networkId);
    for (const { protocol, published } of options.hostPorts) {
      if (await portIsTaken(protocol, published)) throw portTaken(protocol, published);
    }
  }

  #checkOwnPorts({ hostPorts }: SandboxOptions): void {
    const mine = new Set(
      this.all().flatMap(({ record }) =>
        record.hostPorts.map(({ protocol, published }) => `${protocol}/${published}`),
      ),
    );
    for (const { protocol, published } of hostPorts) {
      const isHeld = this.#options.isPortHeld(protocol, published);
      if (isHeld || mine.has(`${protocol}/${published}`)) throw portTaken(protocol, published);
    }
  }

  #add(record: SandboxRecord): Sandbox {
    const turn = turnOf(record.containerId);
    const path = join(this.#options.folder, record.containerId);
    const sandbox = new Sandbox(record, path, () =>
      // Without a network there is nothing to balance, and no table.
      record.attachments.length === 0
        ? ""
        : planBalancer(record.attachments, this.#options.virtualIps(), turn),
    );
    this.#sandboxes.set(record.containerId, sandbox);
    return sandbox;
  }
}

function portTaken(protocol: string, port: number): ClusterError {
  return new ClusterError(
    "FAILED_PRECONDITION",
    `host port ${port}/${protocol} is already in use on this node; choose another`,
  );
}
