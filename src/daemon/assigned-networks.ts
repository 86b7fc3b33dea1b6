import type { Network, NetworkInput } from "../gen/skep/Network.ts";
import type { NetworkAssignment } from "../gen/skep/NetworkAssignment.ts";
import { messageCodec } from "../rpc/load-proto.ts";

const codec = messageCodec<NetworkInput, Network>("Network");

/** Pure: a network of the swarm as far as a worker knows it. */
export function assignedNetwork(assigned: NetworkAssignment): Network {
  const { id, name, labels, driverOptions, internal, ingress, attachable } = assigned;
  const { subnet, gateway, vni, createdAt } = assigned;
  const network: NetworkInput = {
    id,
    meta: { createdAt },
    spec: {
      annotations: { name, labels },
      driver: { name: "overlay", options: driverOptions },
      ...{ internal, ingress, attachable },
    },
    ipam: { driver: { name: "default" }, configs: [{ subnet, gateway }] },
    vni,
  };
  return codec.decode(codec.encode(network));
}
