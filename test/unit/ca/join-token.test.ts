import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { systemRandom } from "../../../src/base/random.ts";
import {
  newJoinToken,
  parseJoinToken,
  rootDigest,
  verifyDigest,
} from "../../../src/ca/join-token.ts";

const digest = "0".repeat(50);
const secret = "a".repeat(25);

describe("ca: join tokens", () => {
  it("have Swarm's form and name the root", () => {
    const token = newJoinToken("root", systemRandom);
    assert.match(token, /^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$/);
    assert.equal(parseJoinToken(token).digest, rootDigest("root"));
    verifyDigest("root", parseJoinToken(token));
  });

  it("pads small numbers", () => {
    const zeros = { float: () => 0, bytes: (count: number) => new Uint8Array(count) };
    assert.equal(parseJoinToken(newJoinToken("root", zeros)).secret, "0".repeat(25));
  });

  it("takes white space around", () => {
    assert.deepEqual(parseJoinToken(` SWMTKN-1-${digest}-${secret}\n`), { digest, secret });
  });

  it("refuses another root", () => {
    assert.throws(
      () => verifyDigest("other root", { digest, secret }),
      (error) =>
        isClusterError(error, "FAILED_PRECONDITION") &&
        /does not match fingerprint/.test(error.message),
    );
  });

  const bad = [
    { name: "empty", given: "", want: /empty/ },
    { name: "other words", given: "hello", want: /begin with SWMTKN-1-/ },
    { name: "unlock key", given: "SWMKEY-1-abc", want: /unlock key/ },
    { name: "FIPS", given: `SWMTKN-2-1-${digest}-${secret}`, want: /FIPS/ },
    {
      name: "cut short",
      given: `SWMTKN-1-${digest}-${secret.slice(1)}`,
      want: /cut short: 84 of 85/,
    },
    { name: "without its secret", given: `SWMTKN-1-${digest}`, want: /cut short/ },
    { name: "too long", given: `SWMTKN-1-${digest}-${secret}x`, want: /too long/ },
    {
      name: "upper case",
      given: `SWMTKN-1-${digest}-${secret.toUpperCase()}`,
      want: /other characters/,
    },
    {
      name: "parts of other length",
      given: `SWMTKN-1-${digest}0-${secret.slice(1)}`,
      want: /wrong length/,
    },
  ];
  for (const { name, given, want } of bad) {
    it(`refuses: ${name}`, () => {
      assert.throws(
        () => parseJoinToken(given),
        (error) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }
});
