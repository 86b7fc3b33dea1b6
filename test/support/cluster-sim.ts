import { errorMessage } from "../../src/base/errors.ts";
import type { Random } from "../../src/base/random.ts";
import { SimAgent, workerNode } from "./cluster-sim-agent.ts";
import { configKeys, SimClient, serviceKeys } from "./cluster-sim-client.ts";
import { whyNotConverged } from "./cluster-sim-convergence.ts";
import { ClusterFaults } from "./cluster-sim-faults.ts";
import {
  type ManagerSurroundings,
  type Mistake,
  managerNode,
  SimManager,
} from "./cluster-sim-manager.ts";
import { ClusterOracle, fingerprint } from "./cluster-sim-oracle.ts";
import { profileOf, type SimProfile } from "./cluster-sim-profile.ts";
import { checkLinearizable } from "./linearizability.ts";
import { RegisterRecorder, registerModel } from "./linearizability-register.ts";
import { seededRandom } from "./seeded-random.ts";
import { HostClock } from "./sim-clock.ts";
import { SimNetwork } from "./sim-network.ts";
import { Timeline } from "./sim-timeline.ts";

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
}

export interface SimResult {
  readonly traceHash: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly counts: ReadonlyMap<string, number>;
}

const membersMax = 7;
const healedMaxMs = 180_000;

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
    operations: world.recorder.history().length,
    counts: world.counts,
  };
}

/** A whole cluster of production parts on simulated hosts, disks, clocks and links, all of it decided by one seed. */
class ClusterSim {
  readonly timeline = new Timeline();
  readonly counts = new Map<string, number>();
  readonly recorder: RegisterRecorder;
  readonly #options: SimOptions;
  readonly #random: Random;
  readonly #profile: SimProfile;
  readonly #network: SimNetwork;
  readonly #oracle: ClusterOracle;
  readonly #managers = new Map<number, SimManager>();
  readonly #agents: SimAgent[] = [];
  readonly #clients: SimClient[] = [];
  readonly #running: Promise<void>[] = [];
  readonly #faults: ClusterFaults;
  readonly #violations: string[] = [];
  #events = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.timeline.onEvent = options.onEvent;
    this.#random = seededRandom(options.seed);
    this.#profile = profileOf(this.#random, options.heaviest ?? false);
    // Every call and every answer is a moment of its own.
    this.recorder = new RegisterRecorder(() => this.#events++);
    this.#network = new SimNetwork(this.timeline, this.#random, this.#count);
    this.#oracle = new ClusterOracle(this.#count, this.#report);
    this.#network.onSend = (from, message) => this.#oracle.sent(from, message);
    this.#faults = new ClusterFaults({
      timeline: this.timeline,
      network: this.#network,
      random: this.#random,
      managers: this.#managers,
      agents: this.#agents,
      faultEveryMs: this.#profile.faultEveryMs,
      count: this.#count,
      addManager: () => void this.#addManager(),
      demoteManager: () => void this.#demote(),
    });
  }

  async run(): Promise<void> {
    const { steps, hours } = this.#options;
    await this.#begin();
    this.#faults.start();
    const untilMs = this.timeline.nowMs + (hours ?? 0) * 3_600_000;
    const isFaulty = (): boolean =>
      hours === undefined ? this.timeline.steps < 0.8 * steps : this.timeline.nowMs < untilMs;
    while (isFaulty()) await this.#step();
    this.#faults.heal();
    await this.#end();
    while (hours === undefined && this.timeline.steps < steps) await this.#step();
    const verdict = checkLinearizable(registerModel, this.recorder.history());
    if (!verdict.ok && verdict.unfinished !== true) throw new Error(verdict.explanation);
    if (!verdict.ok) this.#count("linearizability: no verdict");
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
    throw new Error(`not within ${maxMs / 1000} s after the faults ended: ${what()}`);
  }

  async #begin(): Promise<void> {
    const { managers, workers, clients } = this.#profile;
    const first = this.#makeManager(1);
    first.start();
    await this.#until(
      () => first.leadership?.isLeading === true,
      20_000,
      () => "a first leader",
    );
    for (let at = 1; at <= workers; at += 1) {
      const name = `w${at}`;
      await this.#settled(first.store?.update((tx) => tx.create("node", workerNode(name))));
      const agent = new SimAgent(name, this.#surroundings());
      this.#agents.push(agent);
      agent.start();
    }
    for (let at = 2; at <= managers; at += 1) await this.#settled(this.#addManager());
    const clientClock = new HostClock(this.timeline);
    for (let at = 1; at <= clients; at += 1) {
      const client = new SimClient(at, (process) => clientClock.of(process), {
        ...this.#surroundings(),
        recorder: this.recorder,
        serviceShare: this.#profile.serviceShare,
      });
      client.pauseMs = this.#profile.clientPauseMs;
      this.#clients.push(client);
      this.#running.push(client.run());
    }
  }

  /** Everything works again: a leader must come, all must follow, nothing acknowledged may be missing, services must come to rest. */
  async #end(): Promise<void> {
    for (const client of this.#clients) client.isStopping = true;
    const [client] = this.#clients;
    await this.#until(
      () => this.#leader()?.leadership?.isLeading === true,
      healedMaxMs,
      () => `a leader: ${this.#describe()}`,
    );
    // Calls of before are answered or have timed out by now.
    const calmMs = this.timeline.nowMs + 10_000;
    await this.#until(
      () => this.timeline.nowMs >= calmMs,
      20_000,
      () => "time",
    );
    for (const key of [...configKeys, ...serviceKeys]) {
      let isAnswered = false;
      for (let attempt = 0; attempt < 10 && !isAnswered; attempt += 1) {
        isAnswered = (await this.#settled(client?.readOnce(key))) === true;
      }
      if (!isAnswered) throw new Error(`no read of ${key} is answered: ${this.#describe()}`);
    }
    if ((await this.#settled(client?.writeOnce("config1"))) !== true) {
      throw new Error(`a write is not answered after the faults ended: ${this.#describe()}`);
    }
    await this.#until(
      () => this.#whyUnsettled() === undefined,
      healedMaxMs,
      () => this.#whyUnsettled() ?? "it did at last",
    );
  }

  #whyUnsettled(): string | undefined {
    const leader = this.#leader();
    const store = leader?.store;
    if (leader === undefined || store === undefined) return "no leader";
    const members = leader.raft?.status().members.map(({ raftId }) => raftId) ?? [];
    const ours = fingerprint(store.view());
    for (const raftId of members) {
      const other = this.#managers.get(raftId);
      const applied = other?.raft?.status().applied;
      if (other?.store === undefined || applied !== leader.raft?.status().applied) {
        return `member ${raftId} has not caught up: ${this.#describe()}`;
      }
      if (fingerprint(other.store.view()) !== ours) return `the state of ${raftId} differs`;
    }
    const why = whyNotConverged(store.view(), this.#agents.length);
    return why && `${why}\n${this.#agents.map((agent) => agent.describe()).join("\n")}`;
  }

  /** Lets events take place until the promise settles; undefined when it is refused. */
  async #settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
    let outcome: { value: T | undefined } | undefined;
    promise?.then(
      (value) => {
        outcome = { value };
      },
      () => {
        outcome = { value: undefined };
      },
    );
    if (promise === undefined) return undefined;
    await this.#until(
      () => outcome !== undefined,
      60_000,
      () => "an answer",
    );
    return outcome?.value;
  }

  #makeManager(raftId: number): SimManager {
    const { snapshotEntries, keepEntries } = this.#profile;
    const manager = new SimManager(raftId, {
      ...this.#surroundings(),
      oracle: this.#oracle,
      mistake: this.#options.mistake,
      raftOptions: { snapshotEntries, snapshotBytes: 1e9, keepEntries },
    } satisfies ManagerSurroundings);
    this.#managers.set(raftId, manager);
    return manager;
  }

  /** As a join: the node has its certificate, the leader takes it in, it starts. */
  async #addManager(): Promise<void> {
    const leader = this.#leader();
    const members = leader?.raft?.status().members.length ?? membersMax;
    if (leader === undefined || members >= membersMax) return;
    const manager = this.#makeManager(this.#managers.size + 1);
    manager.isRemoved = true; // until it belongs to the group
    try {
      await leader.store?.update((tx) => tx.create("node", managerNode(manager.name)));
      await leader.raft?.addMember(manager.member);
    } catch {
      // Unknown or refused: it never starts, and is taken out if it got in.
      this.#leave(manager);
      return;
    }
    this.#count("member joined");
    manager.isRemoved = false;
    manager.start(leader.raft?.status().members ?? []);
  }

  async #demote(): Promise<void> {
    const leader = this.#leader();
    const members = leader?.raft?.status().members ?? [];
    if (members.length <= 2) return;
    const victim = members[Math.floor(this.#random.float() * members.length)];
    const manager = this.#managers.get(victim?.raftId ?? 0);
    if (manager !== undefined) this.#leave(manager);
  }

  /** Asks again and again for the node to go, as an operator would; its host is switched off when it is out. */
  #leave(manager: SimManager): void {
    this.timeline.plan(500, undefined, "leave", () => {
      const leader = this.#leader();
      const view = leader?.store?.view();
      const node = view?.get("node", manager.name);
      const isMember = leader?.raft?.status().members.some((m) => m.raftId === manager.raftId);
      if (leader?.leadership?.isLeading === true && isMember === false) {
        const isOut = node === undefined || node.spec?.desiredRole === "WORKER";
        if (isOut) {
          if (!manager.isRemoved) this.#count("member left");
          manager.isRemoved = true;
          manager.crash(false);
          return;
        }
      }
      if (leader !== undefined && node !== undefined && node.spec?.desiredRole !== "WORKER") {
        leader.store
          ?.update((tx) => {
            const now = tx.get("node", manager.name);
            if (now?.spec)
              tx.update("node", { ...now, spec: { ...now.spec, desiredRole: "WORKER" } });
          })
          .catch(() => {});
      }
      this.#leave(manager);
    });
  }

  #leader(): SimManager | undefined {
    return [...this.#managers.values()]
      .filter(({ raft }) => raft?.status().isLeader)
      .sort((a, b) => (b.raft?.status().term ?? 0) - (a.raft?.status().term ?? 0))[0];
  }

  #describe(): string {
    const lines = [...this.#managers.values()].map((manager) => {
      const status = manager.raft?.status();
      const state = manager.isRemoved ? "removed" : manager.process === undefined ? "down" : "up";
      if (status === undefined) return `${manager.name} ${state}`;
      const progress = JSON.stringify([...status.progress]);
      const { term, role, leaderId, commit, applied, lastIndex, voters, learners } = status;
      return `${manager.name} ${state} ${JSON.stringify({ term, role, leaderId, commit, applied, lastIndex, voters, learners })} ${progress}`;
    });
    return `\n${lines.join("\n")}`;
  }

  #surroundings() {
    return {
      timeline: this.timeline,
      network: this.#network,
      random: this.#random,
      managers: this.#managers,
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
