import { randomBytes } from "node:crypto";

/** The only source of randomness outside key making. Tests and simulations pass a seeded one. */
export interface Random {
  /** A float in [0, 1). */
  float(): number;
  bytes(count: number): Uint8Array;
}

/** Cryptographic randomness of the system. */
export const systemRandom: Random = {
  float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (count) => randomBytes(count),
};

/** An integer in [min, max]. */
export function randomInteger(random: Random, min: number, max: number): number {
  return min + Math.floor(random.float() * (max - min + 1));
}
