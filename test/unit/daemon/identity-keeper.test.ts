import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { crossSign } from "../../../src/ca/cross-sign.ts";
import { createRootCa } from "../../../src/ca/root-ca.ts";
import { Signer } from "../../../src/ca/signer.ts";
import { IdentityHolder } from "../../../src/daemon/identity-holder.ts";
import { IdentityKeeper } from "../../../src/daemon/identity-keeper.ts";
import { issueForSelf } from "../../../src/manager/ca-state.ts";
import type { TlsIdentity } from "../../../src/rpc/credentials.ts";
import { aNode } from "../../support/builders.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 15, 12);
const ca = new CaFixture(nowMs);

interface Given {
  readonly clock: FakeClock;
  readonly identity?: TlsIdentity;
  /** What the state says of this node; undefined on a worker, which has no state. */
  readonly role?: "MANAGER" | "WORKER";
  readonly isRemoved?: boolean;
}

function keeperOf({ clock, identity = ca.identity("m1", "manager"), role, isRemoved }: Given) {
  const holder = new IdentityHolder(identity);
  const saved: TlsIdentity[] = [];
  const { store, seed } = createMemoryStore(clock);
  const blacklistedCertificates = isRemoved === true ? [{ nodeId: "m1", expiry: null }] : [];
  seed("cluster", { ...ca.cluster(), blacklistedCertificates });
  seed("node", aNode({ id: "m1", role: role ?? "WORKER" }));
  const signer = new Signer({ clock, asker: undefined });
  const manager = { issueForSelf: (csr: string) => issueForSelf(store.view(), signer, "m1", csr) };
  const keeper = new IdentityKeeper({
    holder,
    save: async (changed) => void saved.push(changed),
    managers: () => ["10.0.0.1:2377"],
    manager: () => (role === undefined ? undefined : manager),
    // Nobody can be reached: the others' certificates have expired too, by this clock.
    channels: {
      unary: async () => {
        throw new ClusterError("UNAVAILABLE", "certificate has expired");
      },
    },
    clock,
    log: silentLogger,
  });
  return { keeper, holder, saved };
}

describe("daemon: a certificate that nobody renews", () => {
  const cases: { name: string; given: Omit<Given, "clock">; atMs: number; want: boolean }[] = [
    {
      name: "a manager, long past its end",
      given: { role: "MANAGER" },
      atMs: 200 * dayMs,
      want: true,
    },
    {
      name: "a manager, at its very end",
      given: { role: "MANAGER" },
      atMs: 90 * dayMs,
      want: true,
    },
    {
      name: "a manager whose clock is far behind",
      given: {
        role: "MANAGER",
        identity: new CaFixture(nowMs + dayMs, ca.root).identity("m1", "manager"),
      },
      atMs: 0,
      want: true,
    },
    {
      name: "a manager whose certificate is good",
      given: { role: "MANAGER" },
      atMs: dayMs,
      want: false,
    },
    { name: "a worker", given: {}, atMs: 200 * dayMs, want: false },
    {
      name: "a manager that was demoted",
      given: { role: "WORKER" },
      atMs: 200 * dayMs,
      want: false,
    },
    {
      name: "a manager that was removed",
      given: { role: "MANAGER", isRemoved: true },
      atMs: 200 * dayMs,
      want: false,
    },
  ];
  for (const { name, given, atMs, want } of cases) {
    it(`${want ? "is renewed by itself on" : "stays as it is on"} ${name}`, async () => {
      const clock = new FakeClock(nowMs + atMs);
      const { keeper, holder, saved } = keeperOf({ ...given, clock });
      const before = holder.current();
      if (!want) {
        await assert.rejects(keeper.renew());
        assert.equal(holder.current(), before);
        return;
      }
      await keeper.renew();
      const after = holder.current();
      const { validFrom, validTo } = new X509Certificate(after.certificatePem);
      assert.ok(Date.parse(validFrom) < clock.now() && Date.parse(validTo) > clock.now());
      assert.deepEqual(saved, [after], "on disk before it counts");
      assert.equal(after.role, "manager");
    });
  }

  it("heals after the clock jumped a year ahead and back", async () => {
    let offsetMs = 400 * dayMs;
    class JumpingClock extends FakeClock {
      override now(): number {
        return super.now() + offsetMs;
      }
    }
    const clock = new JumpingClock(nowMs);
    const { keeper, holder } = keeperOf({ role: "MANAGER", clock });
    await keeper.renew();
    assert.ok(Date.parse(new X509Certificate(holder.current().certificatePem).validFrom) > nowMs);
    offsetMs = 0;
    await keeper.renew();
    const { validFrom, validTo } = new X509Certificate(holder.current().certificatePem);
    assert.ok(Date.parse(validFrom) < nowMs && Date.parse(validTo) > nowMs);
  });
});

describe("daemon: the roots a node trusts", () => {
  const clock = new FakeClock(nowMs);
  const next = createRootCa(nowMs);
  const both = ca.root.certificatePem + next.certificatePem;

  it("follow what managers say, in one form, and are written down", async () => {
    const { keeper, holder, saved } = keeperOf({ clock });
    await keeper.trust(both);
    await keeper.trust(`\n${both.replaceAll("\n", "\r\n")}${ca.root.certificatePem}`);
    assert.equal(holder.current().rootCaPem, both);
    assert.equal(saved.length, 1, "the same roots are no change");
    await keeper.trust(ca.root.certificatePem);
    assert.equal(holder.current().rootCaPem, ca.root.certificatePem);
  });

  it("are kept when the told ones would make the own certificate worthless, or are none", async () => {
    const { keeper, holder, saved } = keeperOf({ clock });
    await keeper.trust(next.certificatePem);
    await keeper.trust("");
    assert.equal(holder.current().rootCaPem, ca.root.certificatePem);
    assert.equal(saved.length, 0);
  });

  it("are the old one alone for a chain with the new root signed by it", async () => {
    const own = new CaFixture(nowMs, next).identity("m1", "manager");
    const cross = crossSign(next.certificatePem, ca.root, nowMs);
    const identity = { ...own, certificatePem: own.certificatePem + cross, rootCaPem: both };
    const { keeper, holder } = keeperOf({ clock, identity });
    await keeper.trust(ca.root.certificatePem); // a rotation back
    assert.equal(holder.current().rootCaPem, ca.root.certificatePem);
  });
});
