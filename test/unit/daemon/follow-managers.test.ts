import assert from "node:assert/strict";
import { systemRandom } from "../../../src/base/random.ts";
import { newJoinToken } from "../../../src/ca/join-token.ts";
import { createRootCa } from "../../../src/ca/root-ca.ts";
import { isTokenOfOwnCluster } from "../../../src/daemon/follow-managers.ts";

describe("daemon: a worker that joins its own cluster again", () => {
  const [own, coming, other] = [1, 2, 3].map(
    () => createRootCa(Date.UTC(2026, 0, 1)).certificatePem,
  ) as [string, string, string];
  const tokenOf = (root: string): string => newJoinToken(root, systemRandom);
  const cases = [
    { name: "its own token", role: "worker", roots: own, token: tokenOf(own), want: true },
    {
      name: "with space around",
      role: "worker",
      roots: own,
      token: ` ${tokenOf(own)}\n`,
      want: true,
    },
    { name: "another cluster's", role: "worker", roots: own, token: tokenOf(other), want: false },
    {
      name: "the coming root's, during a rotation",
      role: "worker",
      roots: own + coming,
      token: tokenOf(coming),
      want: true,
    },
    { name: "a manager", role: "manager", roots: own, token: tokenOf(own), want: false },
    { name: "no token", role: "worker", roots: own, token: "SWMKEY-1-x", want: false },
  ] as const;
  for (const { name, role, roots, token, want } of cases) {
    it(`${name}: ${want}`, () => {
      assert.equal(isTokenOfOwnCluster({ role, rootCaPem: roots }, token), want);
    });
  }
});
