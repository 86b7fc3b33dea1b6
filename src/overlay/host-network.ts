import { macOf, parseSubnet } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { bridgeGateway } from "./bridge-addresses.ts";
import { type PublishedPort, planHostRules } from "./host-rules.ts";
import { ipBatch, listJson, nftApply, nftTable, setSysctls, tryIn } from "./kernel.ts";
import type { HostNames } from "./names.ts";
import type { LinkInfo } from "./observe.ts";
import { type IngressLink, planIngressLink } from "./plan-ingress-link.ts";
import { portIsTaken } from "./port-check.ts";

interface AddressedLink extends LinkInfo {
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

export interface HostNetworkOptions {
  readonly names: HostNames;
  readonly bridgeSubnet: string;
  readonly log: Logger;
}

const outerMtuDefault = 1500;

/** This instance's part of the host's namespace: egress bridge, link into the ingress network, rules. */
export class HostNetwork {
  readonly #options: HostNetworkOptions;
  #outerMtu = outerMtuDefault;
  #outerAddress = "";
  #ingress: IngressLink | undefined;
  #adopted = false;
  #script = "";
  #shown: string | undefined;
  #checkedPorts = new Set<string>();
  #conflicts: readonly string[] = [];

  constructor(options: HostNetworkOptions) {
    this.#options = options;
  }

  /** Makes the bridge (or takes the one that is there) and lets the node forward. */
  async start(): Promise<void> {
    const { names, bridgeSubnet } = this.#options;
    const links = await this.#links();
    const address = `${bridgeGateway(bridgeSubnet)}/${parseSubnet(bridgeSubnet).prefix}`;
    await ipBatch(undefined, [
      ...(links.some(({ ifname }) => ifname === names.bridge)
        ? []
        : [`link add ${names.bridge} type bridge mcast_snooping 0`]),
      `addr replace ${address} dev ${names.bridge}`,
      // An address of its own: else it has that of some port, and every sandbox that knows it loses its way out with that port.
      `link set ${names.bridge} address ${macOf(bridgeGateway(bridgeSubnet))} up`,
    ]);
    setSysctls(undefined, {
      "ipv4/ip_forward": "1",
      [`ipv4/conf/${names.bridge}/route_localnet`]: "1",
    });
    this.#adopted = (await nftTable(undefined, names.table)) !== undefined;
    const link = links.find(({ ifname }) => ifname === names.ingress);
    const { local, prefixlen } = link?.addr_info?.find(({ family }) => family === "inet") ?? {};
    // Its network is not known from here: the same address is taken as the same network.
    if (local !== undefined) {
      this.#ingress = { address: `${local}/${prefixlen}`, namespacePath: "", mtu: link?.mtu ?? 0 };
    }
  }

  /** Whether a daemon before this one left its rules here, and this one has not replaced them yet. */
  get adopted(): boolean {
    return this.#adopted;
  }

  /** MTU of the link that has the data path address, 1500 when none has. */
  async outerMtu(address: string): Promise<number> {
    if (address !== this.#outerAddress) {
      const link = (await this.#links()).find(({ addr_info }) =>
        addr_info?.some(({ local }) => local === address),
      );
      this.#outerMtu = link?.mtu ?? outerMtuDefault;
      this.#outerAddress = link === undefined ? "" : address;
    }
    return this.#outerMtu;
  }

  /** Makes, changes or removes the node's link into the ingress network. True when it was made anew. */
  async setIngressLink(wanted: IngressLink | undefined): Promise<boolean> {
    const { names } = this.#options;
    const plan = planIngressLink(names, wanted, this.#ingress);
    await ipBatch(undefined, plan.lines);
    if (plan.made) {
      setSysctls(undefined, { [`ipv4/conf/${names.ingress}/route_localnet`]: "1" });
    }
    this.#ingress = wanted;
    return plan.made;
  }

  /** Replaces the rules when they changed, or when `verify` finds others in the kernel. */
  async setRules(ports: readonly PublishedPort[], turn: number, verify: boolean): Promise<void> {
    const { names, bridgeSubnet, log } = this.#options;
    const ingressAddress = this.#ingress?.address ?? "";
    const script = planHostRules({ names, bridgeSubnet, ingressAddress, ports, turn });
    if (verify && this.#shown !== undefined) {
      if ((await nftTable(undefined, names.table)) !== this.#shown) {
        log.warn({ table: names.table }, "the host's rules were changed from outside: repairing");
        this.#script = "";
      }
    }
    if (script !== this.#script) {
      this.#script = "";
      await nftApply(undefined, script);
      this.#script = script;
      this.#adopted = false;
      this.#shown = await nftTable(undefined, names.table);
    }
    await this.#checkPorts(ports);
  }

  /** Published ingress ports that another program of this node holds too, such as "tcp/80". */
  conflicts(): readonly string[] {
    return this.#conflicts;
  }

  /** Whether the node's link into the ingress network is still there. */
  async verifyIngressLink(): Promise<void> {
    if (this.#ingress === undefined) return;
    const { names } = this.#options;
    const { exitCode } = await tryIn(undefined, "ip", ["link", "show", names.ingress]);
    if (exitCode !== 0) this.#ingress = undefined;
  }

  /** Everything of this instance goes from the host's namespace. */
  async removeAll(): Promise<void> {
    const { names } = this.#options;
    await tryIn(undefined, "nft", ["delete", "table", "ip", names.table]);
    for (const { ifname } of await this.#links()) {
      const ours =
        ifname === names.bridge ||
        ifname === names.ingress ||
        ifname.startsWith(names.egressPrefix);
      if (ours) await tryIn(undefined, "ip", ["link", "del", ifname]);
    }
    this.#ingress = undefined;
    this.#script = "";
    this.#shown = undefined;
  }

  // Our rules take the packets before such a program sees them: nothing fails, but somebody must know.
  async #checkPorts(ports: readonly PublishedPort[]): Promise<void> {
    const conflicts: string[] = [];
    const checked = new Set<string>();
    for (const { protocol, published, mode } of ports) {
      if (mode !== "ingress") continue;
      const key = `${protocol}/${published}`;
      checked.add(key);
      if (this.#checkedPorts.has(key)) {
        if (this.#conflicts.includes(key)) conflicts.push(key);
      } else if (await portIsTaken(protocol, published)) {
        conflicts.push(key);
        this.#options.log.warn(
          { port: key },
          "a published port is also held by another program of this node",
        );
      }
    }
    this.#checkedPorts = checked;
    this.#conflicts = conflicts;
  }

  #links(): Promise<readonly AddressedLink[]> {
    return listJson<AddressedLink>(undefined, "ip", ["-d", "addr", "show"]);
  }
}
