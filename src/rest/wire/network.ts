import type { DriverJson, ObjectJson } from "./common.ts";

export interface IpamConfigJson {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** GET /networks/{id}. `Services` and `Peers` only with `?verbose=true`. */
export interface NetworkJson {
  Name: string;
  Id: string;
  Created: string;
  Scope: "swarm" | "local";
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: { Driver: string; Options: Record<string, string> | null; Config: IpamConfigJson[] | null };
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<
    string,
    {
      Name: string;
      EndpointID: string;
      MacAddress: string;
      IPv4Address: string;
      IPv6Address: string;
    }
  > | null;
  Options: Record<string, string> | null;
  Labels: Record<string, string> | null;
  Peers?: { Name: string; IP: string }[];
  Services?: Record<
    string,
    {
      VIP: string;
      Ports: string[];
      LocalLBIndex: number;
      Tasks: {
        Name: string;
        EndpointID: string;
        EndpointIP: string;
        Info: Record<string, string> | null;
      }[];
    }
  >;
}

/** A cluster network as tasks carry it. */
export interface ClusterNetworkJson extends ObjectJson {
  Spec: {
    Name: string;
    Labels: Record<string, string>;
    DriverConfiguration?: DriverJson;
    IPv6Enabled?: boolean;
    Internal?: boolean;
    Attachable?: boolean;
    Ingress?: boolean;
    IPAMOptions?: ClusterIpamJson;
    Scope: "swarm";
  };
  DriverState: DriverJson;
  IPAMOptions?: ClusterIpamJson;
}

export interface ClusterIpamJson {
  Driver?: DriverJson;
  Configs?: { Subnet?: string; Range?: string; Gateway?: string }[];
}

/** POST /networks/create */
export interface NetworkCreateResponseJson {
  Id: string;
  Warning: string;
}
