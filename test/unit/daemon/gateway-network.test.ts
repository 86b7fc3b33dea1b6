import assert from "node:assert/strict";
import { gatewayNetworkName, needsGateway } from "../../../src/daemon/gateway-network.ts";

const open = { name: "app", internal: false };
const closed = { name: "inner", internal: true };
const gateway = { name: gatewayNetworkName, internal: false };

describe("the way out of containers on networks of the swarm", () => {
  const cases: {
    name: string;
    local: (typeof open)[];
    ofSwarm: { internal: boolean }[];
    want: boolean;
  }[] = [
    { name: "on none of the swarm's", local: [], ofSwarm: [], want: false },
    { name: "on one of the swarm's only", local: [], ofSwarm: [{ internal: false }], want: true },
    { name: "on an internal one only", local: [], ofSwarm: [{ internal: true }], want: false },
    { name: "with another way out", local: [open], ofSwarm: [{ internal: false }], want: false },
    {
      name: "with an internal network of the node",
      local: [closed],
      ofSwarm: [{ internal: true }, { internal: false }],
      want: true,
    },
    { name: "that has it", local: [gateway], ofSwarm: [{ internal: false }], want: true },
    { name: "that has it and left the swarm's", local: [gateway], ofSwarm: [], want: false },
    {
      name: "that has it and another",
      local: [gateway, open],
      ofSwarm: [{ internal: false }],
      want: false,
    },
  ];
  for (const { name, local, ofSwarm, want } of cases) {
    it(`a container ${name}: ${want ? "needed" : "not needed"}`, () => {
      assert.equal(needsGateway(local, ofSwarm), want);
    });
  }
});
