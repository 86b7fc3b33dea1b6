import { BigMap } from "../../base/big-map.ts";
import { ipToNumber, numberToIp, parseSubnet, type Subnet } from "../../base/ip.ts";
import type { IpamConfig } from "../../gen/skep/IpamConfig.ts";

/**
 * The addresses of one network and who has them. The next free one after the last one given is given, so that an address rests
 * as long as possible before somebody else gets it: caches and connections of its last owner die out meanwhile.
 */
export class AddressPool {
  readonly subnet: Subnet;
  readonly #owners = new BigMap<number, string>();
  readonly #reserved: ReadonlySet<number>;
  /** Gateway and reserved addresses, also those that are out of the range. */
  readonly #kept: ReadonlySet<number>;
  readonly #first: number;
  readonly #last: number;
  readonly #capacity: number;
  #cursor: number;

  /** INVALID_ARGUMENT for a subnet, range, gateway or reserved address that cannot be read. */
  constructor(config: IpamConfig) {
    this.subnet = parseSubnet(config.subnet);
    const { base, size } = this.subnet;
    const range = config.range === "" ? this.subnet : parseSubnet(config.range);
    // The network's own address and its broadcast address are nobody's.
    this.#first = Math.max(range.base, base + 1);
    this.#last = Math.min(range.base + range.size - 1, base + size - 2);
    const taken = [config.gateway, ...Object.values(config.reserved)].filter((ip) => ip !== "");
    this.#kept = new Set(taken.map(ipToNumber));
    this.#reserved = new Set([...this.#kept].filter((value) => this.#inRange(value)));
    this.#capacity = Math.max(0, this.#last - this.#first + 1) - this.#reserved.size;
    this.#cursor = this.#first;
  }

  /** How many addresses are given. */
  get used(): number {
    return this.#owners.size;
  }

  /** How many can be given in all. */
  get capacity(): number {
    return this.#capacity;
  }

  /** The next free address, or undefined when all are given. */
  take(owner: string): number | undefined {
    if (this.used >= this.#capacity) return undefined;
    for (let step = this.#first; step <= this.#last; step += 1) {
      const value = this.#cursor;
      this.#cursor = value >= this.#last ? this.#first : value + 1;
      if (!this.#owners.has(value) && !this.#reserved.has(value)) {
        this.#owners.set(value, owner);
        return value;
      }
    }
    return undefined;
  }

  /** Notes that the owner has the address; false when somebody else has it. */
  hold(value: number, owner: string): boolean {
    const current = this.#owners.get(value);
    if (current !== undefined) return current === owner;
    this.#owners.set(value, owner);
    // What was given last, before this process ran, is likely the highest.
    if (this.#inRange(value) && value >= this.#cursor) {
      this.#cursor = value >= this.#last ? this.#first : value + 1;
    }
    return true;
  }

  /** Gives this very address, anywhere in the subnet; false when it is nobody's to have, or somebody else's. */
  takeThis(value: number, owner: string): boolean {
    const { base, size } = this.subnet;
    if (value <= base || value >= base + size - 1 || this.#kept.has(value)) return false;
    return this.hold(value, owner);
  }

  /** Takes the address back from that owner. */
  release(value: number, owner: string): void {
    if (this.#owners.get(value) === owner) this.#owners.delete(value);
  }

  /** "10.0.1.5/24" */
  format(value: number): string {
    return `${numberToIp(value)}/${this.subnet.prefix}`;
  }

  #inRange(value: number): boolean {
    return value >= this.#first && value <= this.#last;
  }
}
