// What containers that people start by hand need of this node's own networks. Fulfilled by the daemon.

/** A network that a container may join. */
export interface LocalNetwork {
  readonly id: string;
  readonly name: string;
  /** "overlay": of the swarm. */
  readonly driver: "bridge" | "host" | "null" | "overlay";
}

/** What a container asks of one network. */
export interface EndpointRequest {
  /** The network's id. */
  readonly network: string;
  readonly aliases: readonly string[];
  /** A fixed address; absent: any free one. */
  readonly ip?: string;
  readonly mac?: string;
}

/** A port to publish on the host. */
export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  /** Absent: all addresses. */
  readonly hostIp?: string;
  /** Absent: any free one. */
  readonly hostPort?: number;
}

/** A container's place in one network. */
export interface Endpoint {
  /** The network's name. */
  readonly network: string;
  readonly networkId: string;
  readonly endpointId: string;
  readonly ip: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  readonly aliases: readonly string[];
}

export interface BoundPort {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostIp: string;
  readonly hostPort: number;
}

export interface SandboxRequest {
  /** The container's id. */
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly endpoints: readonly EndpointRequest[];
  readonly ports: readonly PortRequest[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** "name:address" each. */
  readonly extraHosts: readonly string[];
}

/** A container's network namespace, ready for its process. */
export interface OpenSandbox {
  readonly netnsPath: string;
  /** Content of /etc/resolv.conf. */
  readonly resolvConf: string;
  /** Content of /etc/hosts. */
  readonly hosts: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly BoundPort[];
}

/**
 * This node's own networks. The container's record holds what is wished (networks, aliases, fixed addresses, ports); this
 * holds what was given. "host" and "none" never reach `open`. After a daemon's start `open` is called again for each
 * container that runs.
 */
export interface LocalNetworks {
  /** By name or id; bridge, host and none too. In a swarm it may be one that only the managers know. NOT_FOUND names it. */
  find(nameOrId: string): LocalNetwork;
  /** Makes, or finds again, the container's namespace with a link into each network. Idempotent. */
  open(container: SandboxRequest): Promise<OpenSandbox>;
  /** Addresses, ports and names are given up. Idempotent. */
  close(containerId: string): Promise<void>;
  /** A running container joins one more. */
  connect(containerId: string, endpoint: EndpointRequest): Promise<Endpoint>;
  /** A running container leaves a network. */
  disconnect(containerId: string, networkId: string): Promise<void>;
  /** What the container has now; [] when it is not open. */
  inspect(containerId: string): readonly Endpoint[];
  /** The ports it has now; [] when it is not open. */
  ports(containerId: string): readonly BoundPort[];
  /** Its names in DNS follow. */
  renamed(containerId: string, name: string): void;
}
