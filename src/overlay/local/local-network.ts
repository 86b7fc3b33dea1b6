/** Drivers of networks that only this node knows. */
export type LocalDriver = "bridge" | "host" | "null";

/** A network of this node, as it is kept on disk. */
export interface LocalNetwork {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: LocalDriver;
  readonly createdAtMs: number;
  /** CIDR; "" for host and none. */
  readonly subnet: string;
  readonly gateway: string;
  /** CIDR within the subnet that addresses are given from; "" = all of it. */
  readonly ipRange: string;
  /** Addresses that containers never get, by name. */
  readonly reserved: Readonly<Record<string, string>>;
  /** No way to the outside, and no published ports. */
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the bridge in the host's namespace; "" for host and none. */
  readonly bridge: string;
}

/** What a person asks for; empty texts mean the default. */
export interface LocalNetworkRequest {
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

/** A container's place on one network. */
export interface LocalEndpoint {
  /** 64 hexadecimal digits. */
  readonly endpointId: string;
  readonly networkId: string;
  /** Without a prefix. */
  readonly address: string;
  readonly mac: string;
  /** Name of the link in the container: eth0, eth1, … */
  readonly link: string;
  /** Name of the bridge's end in the host's namespace. */
  readonly port: string;
  readonly aliases: readonly string[];
}

/** One port of this node that leads to a container. */
export interface BoundPort {
  readonly protocol: "tcp" | "udp";
  /** "0.0.0.0" = every address of the node. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** A container's network namespace, as it is kept on disk while the container runs. */
export interface LocalSandbox {
  readonly containerId: string;
  readonly name: string;
  readonly hostname: string;
  readonly endpoints: readonly LocalEndpoint[];
  readonly ports: readonly BoundPort[];
}

/** The name of the network that containers join when none is asked for. */
export const defaultNetworkName = "bridge";

/** The endpoint that carries the default route and the published ports: the first on a network that is not internal. */
export function gatewayEndpoint(
  sandbox: LocalSandbox,
  networks: ReadonlyMap<string, LocalNetwork>,
): LocalEndpoint | undefined {
  return sandbox.endpoints.find(({ networkId }) => networks.get(networkId)?.internal === false);
}
