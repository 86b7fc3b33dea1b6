import assert from "node:assert/strict";
import { must } from "../../../../src/base/assert.ts";
import { isClusterError } from "../../../../src/base/errors.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import { DataKeys, newDataKey, sealOverheadBytes } from "../../../../src/raft/storage/data-keys.ts";

describe("data keys", () => {
  const keys = DataKeys.create(systemRandom);
  const context = Buffer.from("b1");
  const plain = Buffer.from("the CA's key");

  it("open what they sealed, which cannot be read and is never the same", () => {
    const sealed = keys.seal(plain, context);
    assert.equal(keys.open(sealed, context).toString(), plain.toString());
    assert.equal(sealed.length, plain.length + sealOverheadBytes);
    assert.ok(!sealed.includes("CA"));
    assert.notDeepEqual(keys.seal(plain, context), sealed);
    assert.equal(keys.open(keys.seal(Buffer.alloc(0), context), context).length, 0);
  });

  it("never use a nonce twice", () => {
    const nonces = new Set<string>();
    for (let round = 0; round < 2_000; round += 1) {
      nonces.add(keys.seal(plain, context).subarray(4, 16).toString("hex"));
    }
    assert.equal(nonces.size, 2_000);
  });

  it("refuse every flipped bit, every cut, and another place", () => {
    const sealed = keys.seal(plain, context);
    const refused = (bytes: Buffer, place = context): boolean => {
      try {
        keys.open(bytes, place);
        return false;
      } catch (error) {
        return isClusterError(error, "DATA_LOSS");
      }
    };
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(refused(changed), `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length += 1) {
      assert.ok(refused(sealed.subarray(0, length)), `cut to ${length}`);
    }
    assert.ok(refused(sealed, Buffer.from("b2")));
  });

  it("open old records with old keys until these are forgotten", () => {
    const ring = new DataKeys(keys.keys, systemRandom);
    const old = ring.seal(plain, context);
    ring.add(newDataKey(systemRandom));
    const current = ring.seal(plain, context);
    assert.deepEqual([ring.isCurrent(old), ring.isCurrent(current)], [false, true]);
    assert.equal(ring.open(old, context).toString(), plain.toString());
    const newest = must(ring.keys.at(-1), "a key").id;
    ring.add(newDataKey(systemRandom));
    ring.forgetBefore(1);
    assert.equal(ring.keys.length, 3, "of a key that is not there");
    ring.forgetBefore(newest);
    assert.deepEqual([ring.keys.length, ring.keys[0]?.id], [2, newest]);
    assert.equal(ring.open(current, context).toString(), plain.toString());
    assert.throws(() => ring.open(old, context), /not among this manager's keys/);
  });
});
