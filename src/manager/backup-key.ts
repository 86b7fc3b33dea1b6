import { hkdfSync } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";

const prefix = "SKBAK-1-";
const keyBytes = 32;
const checkBytes = 16;

/** A key for one backup: "SKBAK-1-" and base64url of 32 random bytes. */
export function newBackupKey(random: Random): string {
  return prefix + Buffer.from(random.bytes(keyBytes)).toString("base64url");
}

/** The bytes of a key, whatever space surrounds it. INVALID_ARGUMENT. */
export function parseBackupKey(text: string): Buffer {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed.slice(prefix.length), "base64url");
  if (!trimmed.startsWith(prefix) || prefix + bytes.toString("base64url") !== trimmed) {
    throw notAKey();
  }
  if (bytes.length !== keyBytes) throw notAKey();
  return bytes;
}

/** What seals one file, and what tells whether a key is the file's before anything was opened with it. */
export function deriveFileKey(
  key: Uint8Array,
  salt: Uint8Array,
): { readonly cipherKey: Buffer; readonly check: Buffer } {
  const length = keyBytes + checkBytes;
  const derived = Buffer.from(hkdfSync("sha256", key, salt, "skep backup 1", length));
  return { cipherKey: derived.subarray(0, keyBytes), check: derived.subarray(keyBytes) };
}

function notAKey(): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `a backup's key starts with ${prefix} and has ${prefix.length + 43} characters: give the one that was shown when the backup was made`,
  );
}
