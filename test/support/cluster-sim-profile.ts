import { type Random, randomInteger } from "../../src/base/random.ts";

/** What kind of world a seed makes. */
export interface SimProfile {
  readonly managers: number;
  readonly workers: number;
  readonly clients: number;
  /** Between faults, milliseconds on average. */
  readonly faultEveryMs: number;
  readonly serviceShare: number;
  readonly clientPauseMs: number;
  readonly snapshotEntries: number;
  readonly keepEntries: number;
  /** How far managers' wall clocks may be off. */
  readonly wallSkewMs: number;
}

/** Raft-heavy worlds have many writes of little, orchestration-heavy ones workers and services. */
export function profileOf(random: Random, heaviest: boolean): SimProfile {
  const isOrchestration = random.float() < 0.35;
  const intensity = random.float();
  const managers = [1, 2, 3, 3, 3, 3, 5, 5][Math.floor(random.float() * 8)] ?? 3;
  return {
    managers: heaviest ? 5 : managers,
    workers:
      isOrchestration || heaviest ? randomInteger(random, 2, 3) : Math.floor(random.float() * 2),
    clients: isOrchestration ? 2 : randomInteger(random, 3, 5),
    faultEveryMs: heaviest ? 1_000 : 400 + 4_000 * intensity,
    serviceShare: isOrchestration ? 0.7 : heaviest ? 0.3 : 0.02,
    clientPauseMs: isOrchestration || heaviest ? 1_500 : 150,
    snapshotEntries: randomInteger(random, 10, 60),
    keepEntries: randomInteger(random, 2, 15),
    wallSkewMs: random.float() < 0.5 ? 600_000 : 0,
  };
}
