import type { Random } from "./random.ts";

const idLength = 25;

/** A random 25-character base36 object id (about 129 bits), as Swarm's. */
export function newId(random: Random): string {
  return bytesToBase36(random.bytes(16)).padStart(idLength, "0").slice(-idLength);
}

/** A random 64-character hexadecimal container or image-store id, as Docker's. */
export function newContainerId(random: Random): string {
  return Buffer.from(random.bytes(32)).toString("hex");
}

/** The bytes as a big-endian number written in base 36. */
export function bytesToBase36(bytes: Uint8Array): string {
  return BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`).toString(36);
}
