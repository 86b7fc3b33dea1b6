import { BigMap } from "../../base/big-map.ts";
import { ipToNumber } from "../../base/ip.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { PortProtocol } from "../../gen/skep/PortProtocol.ts";
import { AddressPool } from "./address-pool.ts";
import type { Holding } from "./holdings.ts";
import { NumberPool } from "./number-pool.ts";

/** Ports for services that leave the choice to us, as Docker's. */
export const dynamicPorts = { first: 30_000, last: 32_767 } as const;
/** VXLAN network identifiers, as Docker's overlay driver uses them. */
export const vnis = { first: 4096, last: 2 ** 24 - 1 } as const;

/**
 * Who has what: addresses per network, published ports, VXLAN identifiers. Built from the store, and kept in step with it by
 * `setHoldings`; what it gives before the store knows is taken back by the same call if the store never comes to know.
 */
export class Ledger {
  readonly #pools = new Map<string, AddressPool>();
  readonly #ports: Readonly<Record<PortProtocol, NumberPool>> = {
    TCP: new NumberPool(dynamicPorts.first, dynamicPorts.last),
    UDP: new NumberPool(dynamicPorts.first, dynamicPorts.last),
    SCTP: new NumberPool(dynamicPorts.first, dynamicPorts.last),
  };
  readonly #vnis = new NumberPool(vnis.first, vnis.last);
  readonly #held = new BigMap<string, Holding[]>();
  readonly #vniOf = new Map<string, number>();

  pool(networkId: string): AddressPool | undefined {
    return this.#pools.get(networkId);
  }

  /** Every network that has a subnet. */
  pools(): IterableIterator<[string, AddressPool]> {
    return this.#pools.entries();
  }

  /** Knows the network's subnet and identifier from now on; what its members hold is told later. */
  addNetwork(network: Pick<Network, "id" | "ipam" | "vni">): void {
    const [config] = network.ipam?.configs ?? [];
    if (config !== undefined && config.subnet !== "" && !this.#pools.has(network.id)) {
      this.#pools.set(network.id, new AddressPool(config));
    }
    if (network.vni !== 0 && this.#vnis.hold(network.vni, network.id)) {
      this.#vniOf.set(network.id, network.vni);
    }
  }

  removeNetwork(networkId: string): void {
    this.#pools.delete(networkId);
    const vni = this.#vniOf.get(networkId);
    if (vni !== undefined) this.#vnis.release(vni, networkId);
    this.#vniOf.delete(networkId);
  }

  /** The wished identifier if it is free, else the next free one. */
  takeVni(networkId: string, wished?: number): number | undefined {
    const vni =
      wished !== undefined && this.#vnis.hold(wished, networkId)
        ? wished
        : this.#vnis.take(networkId);
    if (vni !== undefined) this.#vniOf.set(networkId, vni);
    return vni;
  }

  /** An address of the network as a CIDR; undefined when the network has none left (or no subnet). */
  takeAddress(networkId: string, owner: string): string | undefined {
    const pool = this.#pools.get(networkId);
    const value = pool?.take(owner);
    if (pool === undefined || value === undefined) return undefined;
    this.#note(owner, { kind: "address", networkId, value });
    return pool.format(value);
  }

  /** This very address of the network, as `takeAddress`; undefined when it is not to be had. */
  takeThisAddress(networkId: string, address: string, owner: string): string | undefined {
    const pool = this.#pools.get(networkId);
    const value = ipToNumber(address);
    if (pool?.takeThis(value, owner) !== true) return undefined;
    this.#note(owner, { kind: "address", networkId, value });
    return pool.format(value);
  }

  /** False when another service has the port. */
  holdPort(protocol: PortProtocol, value: number, owner: string): boolean {
    if (this.#ports[protocol].ownerOf(value) === owner) return true;
    if (!this.#ports[protocol].hold(value, owner)) return false;
    this.#note(owner, { kind: "port", protocol, value });
    return true;
  }

  takePort(protocol: PortProtocol, owner: string): number | undefined {
    const value = this.#ports[protocol].take(owner);
    if (value !== undefined) this.#note(owner, { kind: "port", protocol, value });
    return value;
  }

  /** Makes the owner hold exactly this. True when something became free. */
  setHoldings(owner: string, holdings: readonly Holding[]): boolean {
    const before = this.#held.get(owner);
    if (holdings.length === 0) this.#held.delete(owner);
    else this.#held.set(owner, [...holdings]);
    for (const holding of holdings) this.#hold(holding, owner);
    let freed = false;
    for (const old of before ?? []) {
      if (holdings.some((holding) => isSame(holding, old))) continue;
      this.#release(old, owner);
      freed = true;
    }
    return freed;
  }

  #note(owner: string, holding: Holding): void {
    const held = this.#held.get(owner);
    if (held === undefined) this.#held.set(owner, [holding]);
    else held.push(holding);
  }

  #hold(holding: Holding, owner: string): void {
    if (holding.kind === "port") this.#ports[holding.protocol].hold(holding.value, owner);
    else this.#pools.get(holding.networkId)?.hold(holding.value, owner);
  }

  #release(holding: Holding, owner: string): void {
    if (holding.kind === "port") this.#ports[holding.protocol].release(holding.value, owner);
    else this.#pools.get(holding.networkId)?.release(holding.value, owner);
  }
}

function isSame(a: Holding, b: Holding): boolean {
  if (a.value !== b.value) return false;
  if (a.kind === "port") return b.kind === "port" && a.protocol === b.protocol;
  return b.kind === "address" && a.networkId === b.networkId;
}
