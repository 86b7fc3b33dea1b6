import assert from "node:assert/strict";
import { backdateMs } from "../../../../src/ca/root-ca.ts";
import { recordRemoved, refusalOf, roleNow } from "../../../../src/manager/removed-members.ts";
import { takeOver } from "../../../../src/manager/take-over.ts";
import { aNode } from "../../../support/builders.ts";
import { CaFixture } from "../../../support/ca-fixtures.ts";
import { createMemoryStore } from "../../../support/memory-proposer.ts";

const managerStatus = (raftId: number) => ({
  raftId,
  addr: `m${raftId}:2377`,
  leader: raftId === 1,
  reachability: "REACHABLE" as const,
});
const manager = (raftId: number) =>
  aNode({
    id: `m${raftId}`,
    role: "MANAGER",
    spec: { annotations: {}, desiredRole: "MANAGER" },
    status: { state: "READY_NODE" },
    managerStatus: managerStatus(raftId),
  });
const survivor = { nodeId: "m2", raftId: 77, address: "10.0.0.2:2377", certificatePem: "PEM" };

function cluster() {
  const memory = createMemoryStore();
  memory.seed("cluster", { id: "c1", unlockKey: "key" });
  const worker = aNode({ id: "w1", role: "WORKER", status: { state: "READY_NODE" } });
  const promoted = aNode({ id: "p1", role: "MANAGER" });
  memory.seed("node", manager(1), manager(2), manager(3), worker, promoted);
  return memory;
}

describe("recovery: one manager takes over", () => {
  it("leaves the others behind: down, no members, their certificates refused", async () => {
    const { store } = cluster();
    await store.update((tx) => takeOver(tx, survivor));
    const view = store.view();
    for (const id of ["m1", "m3", "p1"]) {
      const node = view.get("node", id);
      assert.deepEqual(
        [node?.status?.state, node?.managerStatus, node?.role],
        ["DOWN", null, "MANAGER"],
      );
      assert.match(refusalOf(view, { nodeId: id, role: "manager" }) ?? "", /no longer a manager/);
    }
    assert.deepEqual(view.get("node", "m2")?.managerStatus, {
      raftId: 77,
      addr: "10.0.0.2:2377",
      leader: true,
      reachability: "REACHABLE",
    });
    assert.equal(view.get("node", "w1")?.status?.state, "READY_NODE");
    assert.equal(refusalOf(view, { nodeId: "w1", role: "worker" }), undefined);
    assert.equal(refusalOf(view, { nodeId: "m2", role: "manager" }), undefined);
    const ids = view.cluster()?.removedRaftIds.map(({ raftId }) => raftId);
    assert.deepEqual(ids, [1, 3, 0, 2], "also the id that the survivor had before");
    assert.equal(view.cluster()?.unlockKey, "key");
  });

  it("does it again without another effect", async () => {
    const { store, proposer } = cluster();
    await store.update((tx) => takeOver(tx, survivor));
    const before = store.view().cluster()?.removedRaftIds;
    await store.update((tx) => takeOver(tx, survivor));
    assert.deepEqual(store.view().cluster()?.removedRaftIds, before);
    assert.ok(proposer.proposals > 0);
  });

  it("makes the node of a manager that the state does not know", async () => {
    const { store } = cluster();
    await store.update((tx) => takeOver(tx, { ...survivor, nodeId: "new" }));
    const node = store.view().get("node", "new");
    assert.deepEqual([node?.role, node?.spec?.desiredRole], ["MANAGER", "MANAGER"]);
    assert.equal(node?.managerStatus?.raftId, 77);
    assert.equal(node?.certificate?.certificate.toString(), "PEM");
    assert.equal(store.view().get("node", "m2")?.status?.state, "DOWN");
  });
});

describe("recovery: removed members", () => {
  it("are noted once, the oldest are forgotten", async () => {
    const { store } = cluster();
    const entries = Array.from({ length: 5_000 }, (_, at) => ({
      raftId: at + 1,
      nodeId: "x",
      dropped: false,
    }));
    await store.update((tx) => recordRemoved(tx, entries));
    const kept = store.view().cluster()?.removedRaftIds ?? [];
    assert.deepEqual([kept.length, kept.at(-1)?.raftId], [4_096, 5_000]);
    const { index } = store.view();
    await store.update((tx) => recordRemoved(tx, kept));
    assert.equal(store.view().index, index, "nothing was written");
  });

  const cases: {
    name: string;
    role: "MANAGER" | "WORKER";
    certificate: "manager" | "worker";
    isMember?: boolean;
    wasMember?: boolean;
    /** Days between the certificate that is known and the one shown; none known when absent. */
    newerByDays?: number;
    want: "manager" | "worker";
  }[] = [
    { name: "a manager", role: "MANAGER", certificate: "manager", isMember: true, want: "manager" },
    { name: "a worker", role: "WORKER", certificate: "worker", want: "worker" },
    {
      name: "a demoted manager with its old certificate",
      role: "WORKER",
      certificate: "manager",
      wasMember: true,
      want: "worker",
    },
    ...(
      [
        [0, "worker"],
        [-1, "worker"],
        [1, "manager"],
      ] as const
    ).map(([newerByDays, want]) => ({
      name: `a demoted manager with a certificate of ${newerByDays} days after the known one`,
      role: "WORKER" as const,
      certificate: "manager" as const,
      ...{ wasMember: true, newerByDays, want },
    })),
    {
      name: "a manager that is to be a worker but is a member yet",
      role: "WORKER",
      certificate: "manager",
      isMember: true,
      wasMember: true,
      want: "manager",
    },
    {
      name: "a demoted manager that is promoted again",
      role: "MANAGER",
      certificate: "manager",
      wasMember: true,
      want: "manager",
    },
    {
      name: "a manager for the first time, which this follower has not heard of",
      role: "WORKER",
      certificate: "manager",
      want: "manager",
    },
  ];
  const nowMs = 1_800_000_000_000;
  const knownFromMs = nowMs - backdateMs;
  for (const { name, role, certificate, isMember, wasMember, newerByDays, want } of cases) {
    it(`${name} is served as a ${want}`, async () => {
      const { store, seed } = createMemoryStore();
      seed("cluster", { id: "c1" });
      const { certificatePem } = new CaFixture(nowMs).identity("n1", "manager");
      const known = { role, certificate: Buffer.from(certificatePem) };
      seed(
        "node",
        aNode({ id: "n1", role, certificate: newerByDays === undefined ? null : known }),
      );
      if (wasMember === true) {
        await store.update((tx) =>
          recordRemoved(tx, [{ raftId: 9, nodeId: "n1", dropped: false }]),
        );
      }
      const members = isMember === true ? [{ raftId: 10, nodeId: "n1", address: "a:1" }] : [];
      const fromMs = knownFromMs + (newerByDays ?? 100) * 86_400_000;
      const peer = { nodeId: "n1", role: certificate };
      assert.equal(
        roleNow(store.view(), members, peer, () => fromMs),
        want,
      );
    });
  }
});
