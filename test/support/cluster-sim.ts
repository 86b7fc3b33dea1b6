import type { Clock } from "../../src/base/clock.ts";
import { errorMessage } from "../../src/base/errors.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import { SimAgent, workerNode } from "./cluster-sim-agent.ts";
import { configKeys, SimClient, serviceKeys } from "./cluster-sim-client.ts";
import { whyNotConverged } from "./cluster-sim-convergence.ts";
import { ClusterFaults } from "./cluster-sim-faults.ts";
import { type Mistake, SimManager } from "./cluster-sim-manager.ts";
import { SimMembers } from "./cluster-sim-members.ts";
import { ClusterOracle, fingerprint } from "./cluster-sim-oracle.ts";
import { profileOf, type SimProfile } from "./cluster-sim-profile.ts";
import { checkLinearizable } from "./linearizability.ts";
import { RegisterRecorder, registerModel } from "./linearizability-register.ts";
import { seededRandom } from "./seeded-random.ts";
import { HostClock } from "./sim-clock.ts";
import { SimNetwork } from "./sim-network.ts";
import { type SimProcess, Timeline } from "./sim-timeline.ts";

export interface SimOptions {
  readonly seed: number;
  /** How many events at least, the first four fifths of them with faults. */
  readonly steps: number;
  /** Instead: how much simulated time with faults. */
  readonly hours?: number;
  /** Five managers and faults as often as can be. */
  readonly heaviest?: boolean;
  readonly mistake?: Mistake;
  readonly onEvent?: Timeline["onEvent"];
  /** Told at each end of a round of what there was so far. */
  readonly onRound?: (soFar: SimRound) => void;
}

export interface SimRound {
  readonly simulatedMs: number;
  readonly steps: number;
  readonly operations: number;
  readonly faults: number;
}

export interface SimResult {
  readonly traceHash: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** So long things go wrong before all must come to rest for once. */
const roundMs = 600_000;
const healedMaxMs = 180_000;
/** Between attempts, as someone who is refused does not ask again at once. */
const attemptEveryMs = 500;

/** Runs one world to its end. Rejects with what was violated, and when. */
export async function runClusterSim(options: SimOptions): Promise<SimResult> {
  const world = new ClusterSim(options);
  try {
    await world.run();
  } catch (error) {
    const at = `seed ${options.seed}, step ${world.timeline.steps}, ${(world.timeline.nowMs / 1000).toFixed(3)} s`;
    throw new Error(`${at}: ${errorMessage(error)}`, { cause: error });
  }
  return {
    traceHash: world.timeline.traceHash,
    steps: world.timeline.steps,
    simulatedMs: world.timeline.nowMs,
    operations: world.operations,
    counts: world.counts,
  };
}

/** A whole cluster of production parts on simulated hosts, disks, clocks and links, all of it decided by one seed. */
class ClusterSim {
  readonly timeline = new Timeline();
  readonly counts = new Map<string, number>();
  operations = 0;
  readonly #options: SimOptions;
  readonly #random: Random;
  readonly #profile: SimProfile;
  readonly #network: SimNetwork;
  readonly #oracle: ClusterOracle;
  readonly #members: SimMembers;
  readonly #agents: SimAgent[] = [];
  readonly #faults: ClusterFaults;
  readonly #clientClock: HostClock;
  readonly #violations: string[] = [];
  /** What the registers held when the last round ended. */
  readonly #held = new Map<string, string | null>();
  #rounds = 0;
  #moments = 0;

  constructor(options: SimOptions) {
    const { timeline } = this;
    const random = seededRandom(options.seed);
    this.#options = options;
    timeline.onEvent = options.onEvent;
    this.#random = random;
    this.#profile = profileOf(random, options.heaviest ?? false);
    this.#clientClock = new HostClock(timeline);
    this.#network = new SimNetwork(timeline, random, this.#count);
    this.#oracle = new ClusterOracle(this.#count, this.#report);
    this.#network.onSend = (from, message) => this.#oracle.sent(from, message);
    const members = new SimMembers({
      timeline,
      random,
      make: (raftId) => this.#makeManager(raftId),
      onGone: (raftId) => {
        this.#oracle.detach(raftId);
        this.#network.detach(raftId);
      },
      count: this.#count,
    });
    this.#members = members;
    this.#faults = new ClusterFaults({
      timeline,
      network: this.#network,
      random,
      managers: members.managers,
      agents: this.#agents,
      faultEveryMs: this.#profile.faultEveryMs,
      count: this.#count,
      addManager: () => void members.add(),
      demoteManager: () => members.demote(),
    });
  }

  async run(): Promise<void> {
    const { steps, hours } = this.#options;
    const { timeline } = this;
    await this.#begin();
    if (hours === undefined) {
      await this.#round(() => timeline.steps >= 0.8 * steps);
      while (timeline.steps < steps) await this.#step();
      return;
    }
    const untilMs = timeline.nowMs + hours * 3_600_000;
    while (timeline.nowMs < untilMs) {
      const roundUntilMs = Math.min(untilMs, timeline.nowMs + roundMs);
      await this.#round(() => timeline.nowMs >= roundUntilMs);
    }
  }

  /** Faults until `isOver`; then all is mended, must come to rest, and what the clients saw is judged. */
  async #round(isOver: () => boolean): Promise<void> {
    const { timeline } = this;
    this.#rounds += 1;
    // Every call and every answer is a moment of its own.
    const recorder = new RegisterRecorder(() => this.#moments++);
    for (const [key, value] of this.#held) if (value !== null) recorder.holds(key, value);
    const clients = this.#makeClients(recorder);
    const running = Promise.all(clients.map((client) => client.run()));
    this.#faults.start();
    while (!isOver()) await this.#step();
    this.#faults.heal();
    for (const client of clients) client.isStopping = true;
    await this.#comeToRest(clients[0], running);
    const history = recorder.history();
    this.operations += history.length;
    const verdict = checkLinearizable(registerModel, history);
    if (!verdict.ok && verdict.unfinished !== true) throw new Error(verdict.explanation);
    this.#count(verdict.ok ? "history linearizable" : "history too hard to judge");
    this.#oracle.forget();
    for (const agent of this.#agents) agent.sweep();
    timeline.sweep();
    const { operations } = this;
    const { nowMs: simulatedMs, steps } = timeline;
    this.#options.onRound?.({ simulatedMs, steps, operations, faults: this.#faults.injected });
    if (this.#options.hours !== undefined) await this.#refill();
  }

  /** Those that went in the last round are replaced. */
  async #refill(): Promise<void> {
    const size = (): number => this.#members.leader()?.raft?.status().members.length ?? 0;
    for (let tries = 0; size() < this.#profile.managers && tries < 10; tries += 1) {
      await this.#settled(this.#members.add());
    }
  }

  async #step(): Promise<void> {
    this.timeline.step();
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const [violation] = this.#violations;
    if (violation !== undefined) throw new Error(violation);
  }

  async #until(condition: () => boolean, maxMs: number, what: () => string): Promise<void> {
    const untilMs = this.timeline.nowMs + maxMs;
    for (let count = 0; this.timeline.nowMs < untilMs; count += 1) {
      await this.#step();
      if (count % 25 === 0 && condition()) return;
    }
    throw new Error(`not within ${maxMs / 1000} s without faults: ${what()}`);
  }

  async #begin(): Promise<void> {
    const { managers, workers } = this.#profile;
    const first = this.#members.first();
    const leads = (): boolean => first.leadership?.isLeading === true;
    await this.#until(leads, 20_000, () => "a first leader");
    for (let at = 1; at <= workers; at += 1) {
      const name = `w${at}`;
      await this.#settled(first.store?.update((tx) => tx.create("node", workerNode(name))));
      const agent = new SimAgent(name, this.#surroundings());
      this.#agents.push(agent);
      agent.start();
    }
    for (let at = 2; at <= managers; at += 1) await this.#settled(this.#members.add());
  }

  #makeClients(recorder: RegisterRecorder): SimClient[] {
    const { clients, serviceShare, clientPauseMs } = this.#profile;
    return Array.from({ length: clients }, (_, at) => {
      const clock = (process: SimProcess): Clock => this.#clientClock.of(process);
      const client = new SimClient(10 * this.#rounds + at, clock, {
        ...this.#surroundings(),
        recorder,
        serviceShare,
      });
      client.pauseMs = clientPauseMs;
      return client;
    });
  }

  /** A leader must come, all must follow, nothing acknowledged may be missing, services must come to rest. */
  async #comeToRest(client: SimClient | undefined, running: Promise<unknown>): Promise<void> {
    const members = this.#members;
    const leads = (): boolean => members.leader()?.leadership?.isLeading === true;
    await this.#until(leads, healedMaxMs, () => `a leader: ${members.describe()}`);
    // Calls of before are answered, or time out.
    await this.#settled(running);
    await this.#mustAnswer("write", async () => {
      await client?.readOnce("config1");
      return (await client?.writeOnce("config1")) ?? false;
    });
    for (const key of [...configKeys, ...serviceKeys]) {
      await this.#mustAnswer(`read of ${key}`, async () => (await client?.readOnce(key)) ?? false);
      this.#held.set(key, client?.valueOf(key) ?? null);
    }
    const isSettled = (): boolean => this.#whyUnsettled() === undefined;
    await this.#until(isSettled, healedMaxMs, () => this.#whyUnsettled() ?? "it did at last");
    if (this.#agents.length === 0) return;
    this.#faults.changeLeaderWhileRestarting();
    await this.#pass(4_000);
    await this.#until(isSettled, healedMaxMs, () => this.#whyUnsettled() ?? "it did at last");
  }

  async #pass(ms: number): Promise<void> {
    const untilMs = this.timeline.nowMs + ms;
    while (this.timeline.nowMs < untilMs) await this.#step();
  }

  async #mustAnswer(what: string, ask: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if ((await this.#settled(ask())) === true) return;
      await this.#pass(attemptEveryMs);
    }
    throw new Error(`no ${what} is answered after the faults ended: ${this.#members.describe()}`);
  }

  #whyUnsettled(): string | undefined {
    const leader = this.#members.leader();
    const store = leader?.store;
    if (leader === undefined || store === undefined) return "no leader";
    const members = leader.raft?.status().members.map(({ raftId }) => raftId) ?? [];
    const ours = fingerprint(store.view());
    for (const raftId of members) {
      const other = this.#members.managers.get(raftId);
      const applied = other?.raft?.status().applied;
      if (other?.store === undefined || applied !== leader.raft?.status().applied) {
        return `member ${raftId} has not caught up: ${this.#members.describe()}`;
      }
      if (fingerprint(other.store.view()) !== ours) return `the state of ${raftId} differs`;
    }
    const why = whyNotConverged(store.view(), this.#agents.length);
    return why && `${why}\n${this.#agents.map((agent) => agent.describe()).join("\n")}`;
  }

  /** Lets events take place until the promise settles; undefined when it is refused. */
  async #settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
    let outcome: { value: T | undefined } | undefined;
    const settle = (value: T | undefined): void => {
      outcome = { value };
    };
    promise?.then(settle, () => settle(undefined));
    if (promise === undefined) return undefined;
    const isSettled = (): boolean => outcome !== undefined;
    await this.#until(isSettled, 60_000, () => "an answer");
    return outcome?.value;
  }

  #makeManager(raftId: number): SimManager {
    const { snapshotEntries, keepEntries, wallSkewMs } = this.#profile;
    const manager = new SimManager(raftId, {
      ...this.#surroundings(),
      oracle: this.#oracle,
      mistake: this.#options.mistake,
      raftOptions: { snapshotEntries: () => snapshotEntries, snapshotBytes: 1e9, keepEntries },
      ended: (manager) => this.#faults.startAgain(manager),
    });
    manager.clock.setWallOffset(randomInteger(this.#random, -wallSkewMs, wallSkewMs));
    return manager;
  }

  #surroundings() {
    return {
      timeline: this.timeline,
      network: this.#network,
      random: this.#random,
      managers: this.#members.managers,
      count: this.#count,
      report: this.#report,
    };
  }

  readonly #count = (event: string): void => {
    this.counts.set(event, (this.counts.get(event) ?? 0) + 1);
  };

  readonly #report = (violation: string): void => {
    this.#violations.push(violation);
  };
}
