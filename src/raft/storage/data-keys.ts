import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { assert, must } from "../../base/assert.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { Seal } from "./seal.ts";

/** A key that seals records of one manager's disk. */
export interface DataKey {
  /** 32 random bits: which key it is, and not which of whom. */
  readonly id: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

// Sealed bytes: id of the key u32, nonce, ciphertext, tag.
const idBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = idBytes + nonceBytes;
const noncePrefixBytes = 7;
const nonceCountMax = 2 ** 40 - 1;
const keyBytes = 32;

/** Bytes that sealing adds. */
export const sealOverheadBytes: number = headerBytes + tagBytes;

/** Keys that may be on one ring; only those that something on disk was sealed with are kept over a restart. */
const keysMax = 32;

/**
 * AES-256-GCM by a ring of keys: the newest seals, each opens what it sealed. A nonce is a random prefix
 * of this object and a counter, since random nonces alone would be too few for a log of years.
 */
export class DataKeys implements Seal {
  readonly #random: Random;
  readonly #keys: DataKey[];
  readonly #objects = new Map<number, KeyObject>();
  #noncePrefix: Uint8Array;
  #nonceCount = 0;

  /** The newest key last. */
  constructor(keys: readonly DataKey[], random: Random) {
    assert(keys.length > 0, "there is no sealing without a key");
    this.#random = random;
    this.#keys = [...keys];
    this.#noncePrefix = random.bytes(noncePrefixBytes);
    for (const { id, key } of keys) this.#objects.set(id, createSecretKey(key));
  }

  /** With one new key. */
  static create(random: Random): DataKeys {
    return new DataKeys([newDataKey(random)], random);
  }

  /** The newest last. */
  get keys(): readonly DataKey[] {
    return this.#keys;
  }

  /** Seals with `key` from now on. The caller has put it on disk before. */
  add(key: DataKey): void {
    this.#keys.push(key);
    this.#objects.set(key.id, createSecretKey(key.key));
  }

  /** Forgets the keys that were added before the one of this id, if it is here. The caller knows that nothing was sealed with them. */
  forgetBefore(id: number): void {
    const count = Math.max(
      0,
      this.#keys.findIndex((key) => key.id === id),
    );
    for (const { id: old } of this.#keys.splice(0, count)) this.#objects.delete(old);
  }

  seal(plain: Uint8Array, context: Uint8Array): Buffer {
    const { id } = this.#newest();
    const sealed = Buffer.allocUnsafe(headerBytes + plain.length + tagBytes);
    sealed.writeUInt32BE(id, 0);
    this.#writeNonce(sealed);
    const nonce = sealed.subarray(idBytes, headerBytes);
    const cipher = createCipheriv("aes-256-gcm", must(this.#objects.get(id), "data key"), nonce);
    cipher.setAAD(context);
    sealed.set(cipher.update(plain), headerBytes);
    cipher.final(); // of a stream cipher: no bytes
    sealed.set(cipher.getAuthTag(), headerBytes + plain.length);
    return sealed;
  }

  open(sealed: Uint8Array, context: Uint8Array): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    if (bytes.length < sealOverheadBytes) throw unreadable("it is cut off");
    const id = bytes.readUInt32BE(0);
    const key = this.#objects.get(id);
    if (key === undefined) {
      throw unreadable(`data key ${nameOf(id)}, which sealed it, is not among this manager's keys`);
    }
    const nonce = bytes.subarray(idBytes, headerBytes);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(context);
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const plain = decipher.update(bytes.subarray(headerBytes, bytes.length - tagBytes));
    try {
      decipher.final();
    } catch (error) {
      throw unreadable("it is not what was written there", error);
    }
    return plain;
  }

  isCurrent(sealed: Uint8Array): boolean {
    const id = this.#newest().id;
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    return bytes.length >= idBytes && bytes.readUInt32BE(0) === id;
  }

  #newest(): DataKey {
    return must(this.#keys.at(-1), "data key");
  }

  #writeNonce(sealed: Buffer): void {
    if (this.#nonceCount >= nonceCountMax) {
      this.#noncePrefix = this.#random.bytes(noncePrefixBytes);
      this.#nonceCount = 0;
    }
    this.#nonceCount += 1;
    sealed.set(this.#noncePrefix, idBytes);
    sealed.writeUIntBE(this.#nonceCount, idBytes + noncePrefixBytes, nonceBytes - noncePrefixBytes);
  }
}

/** A key that no ring has yet. */
export function newDataKey(random: Random): DataKey {
  return {
    id: Buffer.from(random.bytes(idBytes)).readUInt32BE(0),
    key: random.bytes(keyBytes),
  };
}

/** Whether a ring of so many keys takes another. */
export function mayAddKey(count: number): boolean {
  return count < keysMax;
}

/** The name of a key in messages. */
export function nameOf(id: number): string {
  return id.toString(16).padStart(8, "0");
}

function unreadable(why: string, cause?: unknown): ClusterError {
  return new ClusterError("DATA_LOSS", why, { cause });
}
