/** One overlay network that this node takes part in. */
export interface OverlayNetwork {
  readonly id: string;
  readonly name: string;
  /** VXLAN network identifier, 1 to 2^24 - 1. */
  readonly vni: number;
  /** CIDR. */
  readonly subnet: string;
  readonly gateway: string;
  /** No way out: its sandboxes get no default route through it. */
  readonly internal: boolean;
  /** The routing mesh's network. */
  readonly ingress: boolean;
  /** Inner MTU; the outer link's less 50 when absent. */
  readonly mtu?: number;
  readonly vxlanPort: number;
  /** This node's own address on the network, with or without a prefix; "" for none. */
  readonly nodeAddress: string;
}

/** One task (or, with an empty `taskId`, one node) on one network. */
export interface OverlayEndpoint {
  readonly id: string;
  readonly networkId: string;
  readonly taskId: string;
  readonly serviceId: string;
  /** CIDR. */
  readonly address: string;
  /** Where the VXLAN traffic of its node goes. */
  readonly dataPathAddress: string;
  /** Takes new connections: balancers send to serving endpoints only. */
  readonly serving: boolean;
  readonly local: boolean;
}

export type PortProtocol = "tcp" | "udp" | "sctp";

export interface OverlayService {
  readonly id: string;
  readonly name: string;
  readonly virtualIps: readonly { readonly networkId: string; readonly address: string }[];
  readonly ports: readonly {
    readonly protocol: PortProtocol;
    readonly published: number;
    readonly target: number;
    readonly mode: "ingress" | "host";
  }[];
}

/** Everything wanted on this node. */
export interface NetworkState {
  readonly networks: readonly OverlayNetwork[];
  readonly endpoints: readonly OverlayEndpoint[];
  readonly services: readonly OverlayService[];
}

/** Nothing wanted. */
export const emptyNetworkState: NetworkState = { networks: [], endpoints: [], services: [] };

/** A sandbox's place on one network. */
export interface Attachment {
  readonly networkId: string;
  /** CIDR. */
  readonly address: string;
}

/** A guest's place on one network. */
export interface GuestAttachment extends Attachment {
  /** The task that stands for it. */
  readonly taskId: string;
  /** Name of the link in the namespace. */
  readonly link: string;
}

/** A namespace that somebody else made, with links into networks of the swarm. */
export interface Guest {
  readonly containerId: string;
  readonly namespacePath: string;
  readonly attachments: readonly GuestAttachment[];
}

/** A port of the node that leads to one sandbox on that node only. */
export interface HostPort {
  readonly protocol: PortProtocol;
  readonly published: number;
  readonly target: number;
}

export interface SandboxOptions {
  readonly hostPorts: readonly HostPort[];
  /** Whether it reaches the outside through the node's egress bridge. */
  readonly external: boolean;
}

/** What is remembered of a sandbox over a restart of the daemon. */
export interface SandboxRecord extends SandboxOptions {
  readonly containerId: string;
  readonly attachments: readonly Attachment[];
  /** Its address on the egress bridge, "" when it has none. */
  readonly bridgeAddress: string;
}
