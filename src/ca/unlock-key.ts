import { createCipheriv, createDecipheriv } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";

const prefix = "SWMKEY-1-";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** A key that unlocks managers, as Swarm writes them: "SWMKEY-1-" and base64 of 32 bytes without padding. */
export function newUnlockKey(random: Random): string {
  return textOf(random.bytes(keyBytes));
}

/** The key in its one form, whatever space or padding a person typed. INVALID_ARGUMENT, in Docker's words. */
export function parseUnlockKey(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith(prefix)) {
    throw new ClusterError("INVALID_ARGUMENT", "invalid key string");
  }
  const encoded = trimmed.slice(prefix.length).replace(/=+$/, "");
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length !== keyBytes || textOf(bytes) !== prefix + encoded) {
    throw new ClusterError("INVALID_ARGUMENT", "could not decode key");
  }
  return textOf(bytes);
}

/** Seals with an unlock key: nonce, ciphertext and tag of AES-256-GCM. */
export function lockBytes(
  plain: Uint8Array,
  context: Uint8Array,
  unlockKey: string,
  random: Random,
): Buffer {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", bytesOf(unlockKey), nonce);
  cipher.setAAD(context);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when the key is not the one that `lockBytes` had, or bytes or context are not the same. */
export function unlockBytes(
  locked: Uint8Array,
  context: Uint8Array,
  unlockKey: string,
): Buffer | undefined {
  if (locked.length < nonceBytes + tagBytes) return undefined;
  const end = locked.length - tagBytes;
  const nonce = locked.subarray(0, nonceBytes);
  const options = { authTagLength: tagBytes };
  const decipher = createDecipheriv("aes-256-gcm", bytesOf(unlockKey), nonce, options);
  decipher.setAAD(context);
  decipher.setAuthTag(locked.subarray(end));
  const plain = decipher.update(locked.subarray(nonceBytes, end));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined; // all that it can say is that key and bytes do not fit
  }
}

function textOf(bytes: Uint8Array): string {
  return prefix + Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

function bytesOf(unlockKey: string): Buffer {
  return Buffer.from(unlockKey.slice(prefix.length), "base64");
}
