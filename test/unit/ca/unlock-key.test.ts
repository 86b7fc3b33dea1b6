import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { systemRandom } from "../../../src/base/random.ts";
import {
  lockBytes,
  newUnlockKey,
  parseUnlockKey,
  unlockBytes,
} from "../../../src/ca/unlock-key.ts";

describe("ca: unlock key", () => {
  const key = newUnlockKey(systemRandom);

  it("is written as Swarm writes it, and read as people paste it", () => {
    assert.match(key, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
    for (const text of [key, ` ${key}\n`, `${key}=`]) assert.equal(parseUnlockKey(text), key);
  });

  const bad = [
    { name: "nothing", given: "", want: /^invalid key string$/ },
    { name: "a join token", given: "SWMTKN-1-abc-def", want: /^invalid key string$/ },
    { name: "another version", given: key.replace("-1-", "-2-"), want: /^invalid key string$/ },
    { name: "too short", given: key.slice(0, -1), want: /^could not decode key$/ },
    { name: "too long", given: `${key}AAAA`, want: /^could not decode key$/ },
    { name: "not base64", given: `SWMKEY-1-${"*".repeat(43)}`, want: /^could not decode key$/ },
  ];
  for (const { name, given, want } of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseUnlockKey(given),
        (error) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }

  it("opens what it locked, and nothing else", () => {
    const plain = Buffer.from("data keys");
    const place = Buffer.from("node1");
    const locked = lockBytes(plain, place, key, systemRandom);
    assert.equal(unlockBytes(locked, place, key)?.toString(), "data keys");
    assert.equal(unlockBytes(locked, place, newUnlockKey(systemRandom)), undefined);
    assert.equal(unlockBytes(locked, Buffer.from("node2"), key), undefined);
    assert.equal(unlockBytes(locked.subarray(1), place, key), undefined);
    assert.equal(unlockBytes(Buffer.alloc(3), place, key), undefined);
  });
});
