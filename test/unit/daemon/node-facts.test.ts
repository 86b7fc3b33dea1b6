import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { NetworkInterfaceInfo } from "node:os";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../src/base/errors.ts";
import {
  chooseAddresses,
  chooseAdvertiseAddress,
  chooseListenAddress,
  type Interfaces,
} from "../../../src/daemon/addresses.ts";
import { type MemberState, StateDir } from "../../../src/daemon/state-dir.ts";

function ipv4(address: string, internal = false): NetworkInterfaceInfo {
  return { address, netmask: "255.255.255.0", mac: "", internal, cidr: null, family: "IPv4" };
}

const lo = [ipv4("127.0.0.1", true)];
const one: Interfaces = { lo, eth0: [ipv4("192.0.2.5")] };
const two: Interfaces = { ...one, eth1: [ipv4("198.51.100.7")] };

describe("the address to advertise", () => {
  const good: { name: string; wanted: string; interfaces: Interfaces; want: [string, number] }[] = [
    { name: "the only one", wanted: "", interfaces: one, want: ["192.0.2.5", 2377] },
    { name: "an IP", wanted: "203.0.113.1", interfaces: two, want: ["203.0.113.1", 2377] },
    {
      name: "an IP and port",
      wanted: "203.0.113.1:99",
      interfaces: two,
      want: ["203.0.113.1", 99],
    },
    { name: "an interface", wanted: "eth1", interfaces: two, want: ["198.51.100.7", 2377] },
    { name: "an interface and port", wanted: "eth1:5", interfaces: two, want: ["198.51.100.7", 5] },
    { name: "an IPv6 address and port", wanted: "[::1]:5", interfaces: one, want: ["::1", 5] },
  ];
  for (const { name, wanted, interfaces, want } of good) {
    it(`takes ${name}`, () => {
      const { ip, port } = chooseAdvertiseAddress(wanted, interfaces);
      assert.deepEqual([ip, port], want);
    });
  }

  it("passes over interfaces of its own making", () => {
    const { ip } = chooseAdvertiseAddress("", two, (name) => name === "eth1");
    assert.equal(ip, "192.0.2.5");
  });

  const bad: { name: string; wanted: string; interfaces: Interfaces; want: RegExp }[] = [
    {
      name: "none to choose",
      wanted: "",
      interfaces: { lo },
      want: /could not find the system's IP address$/,
    },
    { name: "several to choose from", wanted: "", interfaces: two, want: /192\.0\.2\.5 on eth0/ },
    {
      name: "several on one interface",
      wanted: "",
      interfaces: { eth0: [ipv4("192.0.2.5"), ipv4("192.0.2.6")] },
      want: /on interface eth0/,
    },
    { name: "an unknown interface", wanted: "eth9", interfaces: one, want: /"eth9" must be/ },
    { name: "a port out of range", wanted: "192.0.2.5:70000", interfaces: one, want: /invalid/ },
    {
      name: "all addresses",
      wanted: "0.0.0.0",
      interfaces: one,
      want: /"0.0.0.0" must be a non-zero/,
    },
    { name: "no port", wanted: "192.0.2.5:0", interfaces: one, want: /invalid advertise address/ },
    { name: "nonsense", wanted: "a:b:c", interfaces: one, want: /invalid advertise address/ },
  ];
  for (const { name, wanted, interfaces, want } of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => chooseAdvertiseAddress(wanted, interfaces),
        (error: unknown) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }

  it("names the data path's address by its own name", () => {
    const wanted = { advertise: "", listen: "", dataPath: "eth9" };
    assert.throws(() => chooseAddresses(wanted, one), /^.*data path address "eth9" must be/);
  });

  it("listens on all addresses by default", () => {
    assert.deepEqual(chooseListenAddress("", one), { ip: "0.0.0.0", port: 2377 });
    assert.deepEqual(chooseListenAddress("eth0:9", one), { ip: "192.0.2.5", port: 9 });
  });
});

describe("the state folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-state-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const member: MemberState = {
    formatVersion: 1,
    nodeId: "node1",
    clusterId: "cluster1",
    listenAddress: "0.0.0.0:2377",
    advertiseAddress: "192.0.2.5:2377",
    dataPathAddress: "192.0.2.5",
    raftId: 7,
    managers: ["192.0.2.5:2377"],
  };

  it("remembers the membership until it is cleared", async () => {
    const state = new StateDir(folder);
    await state.prepare();
    assert.equal(await state.readMember(), undefined);
    await state.writeMember(member);
    assert.deepEqual(await new StateDir(folder).readMember(), member);
    await state.clearMember();
    assert.equal(await state.readMember(), undefined);
  });

  for (const text of ["{", "{}", '{"formatVersion":1,"nodeId":"x"}']) {
    it(`says what to do about a damaged file: ${text}`, async () => {
      const state = new StateDir(folder);
      await state.prepare();
      writeFileSync(join(state.swarm, "member.json"), text);
      await assert.rejects(
        state.readMember(),
        (error: unknown) =>
          isClusterError(error, "DATA_LOSS") &&
          error.message.includes("member.json") &&
          error.message.includes("leave the swarm with force"),
      );
    });
  }

  it("keeps the engine's id over restarts", async () => {
    const state = new StateDir(folder);
    await state.prepare();
    assert.equal(await state.engineId(() => "first"), "first");
    assert.equal(await state.engineId(() => "second"), "first");
  });
});
