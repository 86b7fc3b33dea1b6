import assert from "node:assert/strict";
import { addressesAlone, checkWasManager } from "../../../src/daemon/force-new-cluster.ts";
import type { MemberState } from "../../../src/daemon/state-dir.ts";

const state: MemberState = {
  formatVersion: 1,
  nodeId: "n1",
  clusterId: "c1",
  listenAddress: "0.0.0.0:2400",
  advertiseAddress: "10.0.0.1:2400",
  dataPathAddress: "10.0.0.1",
  raftId: 5,
  managers: ["10.0.0.1:2400"],
};
const unnamed = { advertiseAddress: "", listenAddress: "", dataPathAddress: "" };

describe("daemon: addresses of a forced new cluster", () => {
  const same = { advertise: "10.0.0.1:2400", listen: "0.0.0.0:2400", dataPath: "10.0.0.1" };
  const cases = [
    { name: "nothing named: all stay", given: unnamed, want: same },
    {
      name: "docker always sends the address to listen at",
      given: { ...unnamed, listenAddress: "0.0.0.0:2377" },
      want: same,
    },
    {
      name: "a new address to advertise takes the data path along",
      given: { ...unnamed, advertiseAddress: "10.9.9.9" },
      want: { ...same, advertise: "10.9.9.9", dataPath: "" },
    },
    {
      name: "a data path of its own stays",
      given: { ...unnamed, advertiseAddress: "10.9.9.9" },
      dataPathAddress: "192.168.0.1",
      want: { ...same, advertise: "10.9.9.9", dataPath: "192.168.0.1" },
    },
    {
      name: "all named",
      given: { advertiseAddress: "eth1:9", listenAddress: "eth1:9", dataPathAddress: "eth2" },
      want: { advertise: "eth1:9", listen: "eth1:9", dataPath: "eth2" },
    },
  ];
  for (const { name, given, want, dataPathAddress = "10.0.0.1" } of cases) {
    it(name, () => {
      assert.deepEqual(addressesAlone({ ...state, dataPathAddress }, given), want);
    });
  }

  it("is refused where there is no manager's log", () => {
    const identity = {
      certificatePem: "",
      privateKeyPem: "",
      rootCaPem: "",
      nodeId: "n1",
      clusterId: "c1",
    };
    checkWasManager(state, { ...identity, role: "manager" });
    for (const [given, role] of [
      [state, "worker"],
      [{ ...state, raftId: 0 }, "manager"],
    ] as const) {
      assert.throws(() => checkWasManager(given, { ...identity, role }), {
        code: "FAILED_PRECONDITION",
        message: /only a manager has the state/,
      });
    }
  });
});
