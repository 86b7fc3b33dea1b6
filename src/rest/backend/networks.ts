import type { Network } from "../../gen/skep/Network.ts";

/** A network that only this node knows: bridge, host, none, and those people made here. */
export interface LocalNetworkData {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly createdAtMs: number;
  readonly internal: boolean;
  readonly attachable: boolean;
  /** Empty texts: not set. */
  readonly ipam: readonly {
    readonly subnet: string;
    readonly gateway: string;
    readonly ipRange: string;
    readonly reserved: Readonly<Record<string, string>>;
  }[];
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** A bridge network to make; empty texts mean the default. */
export interface LocalNetworkOptions {
  readonly name: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange: string;
  readonly reserved: Readonly<Record<string, string>>;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The networks of this node. */
export interface LocalNetworks {
  list(): Promise<readonly LocalNetworkData[]>;
  /** The swarm's networks that this node takes part in; what a worker knows of them. Absent: none. */
  ofSwarm?(): readonly Network[];
  /** Resolves with the id. ALREADY_EXISTS; INVALID_ARGUMENT; PERMISSION_DENIED: its addresses are in use. */
  create(options: LocalNetworkOptions): Promise<string>;
  /** By full id. NOT_FOUND; PERMISSION_DENIED: predefined or in use. */
  remove(id: string): Promise<void>;
}
