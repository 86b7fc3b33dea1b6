import { type Random, randomInteger } from "../../src/base/random.ts";
import type { SimAgent } from "./cluster-sim-agent.ts";
import type { SimManager } from "./cluster-sim-manager.ts";
import { goodNetwork, type SimNetwork } from "./sim-network.ts";
import type { Timeline } from "./sim-timeline.ts";

export interface FaultSurroundings {
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly managers: ReadonlyMap<number, SimManager>;
  readonly agents: readonly SimAgent[];
  readonly faultEveryMs: number;
  count(event: string): void;
  /** Takes a new manager in. */
  addManager(): void;
  /** Makes a worker of a manager. */
  demoteManager(): void;
}

type Fault = readonly [weight: number, name: string, act: () => void];

/** Breaks things at random moments, and mends them at others, until told to stop. */
export class ClusterFaults {
  readonly #world: FaultSurroundings;
  readonly #faults: readonly Fault[];
  #cancelNext: () => void = () => {};
  /** Mending some of them counts too, as it comes as unexpected. */
  injected = 0;

  constructor(world: FaultSurroundings) {
    this.#world = world;
    this.#faults = [
      [6, "partition", () => this.#partition()],
      [3, "one-way partition", () => this.#oneWay()],
      [2, "bridge partition", () => this.#bridge()],
      [4, "leader cut off", () => this.#cutLeader()],
      [8, "partition mended", () => world.network.mend()],
      [6, "process killed", () => this.#anyManager()?.crash(false)],
      [6, "power lost", () => this.#anyManager()?.crash(true)],
      [4, "power lost within a write", () => this.#powerLostWithinWrite()],
      [6, "leader died after a partial append (Figure 8)", () => this.#figure8()],
      [2, "all lost power", () => this.#crashAll()],
      [5, "process paused", () => this.#pause()],
      [3, "leader paused", () => this.#pauseLeader()],
      [4, "clock rate changed", () => this.#skew()],
      [2, "wall clock jumped", () => this.#jump()],
      [4, "disk slow", () => this.#slowDisk()],
      [2, "disk error", () => this.#breakDisk("EIO")],
      [2, "disk full", () => this.#breakDisk("ENOSPC")],
      [5, "network bad", () => this.#badNetwork()],
      [4, "leadership transfer", () => this.#transfer()],
      [2, "manager added", () => world.addManager()],
      [2, "manager demoted", () => world.demoteManager()],
      [2, "worker died", () => this.#crashWorker()],
      [3, "task died", () => this.#failTask()],
      [3, "leader changed while tasks restart", () => this.changeLeaderWhileRestarting()],
    ];
  }

  start(): void {
    this.#next();
  }

  /** No further faults, and all there are end: whatever is down comes back. */
  heal(): void {
    const { network, managers, agents, timeline } = this.#world;
    this.#cancelNext();
    network.mend();
    network.quality = goodNetwork;
    for (const manager of managers.values()) {
      manager.clock.setRate(1);
      this.#mendDisk(manager);
      if (manager.process !== undefined) manager.process.pausedUntilMs = timeline.nowMs;
      this.#startLater(manager, 100);
    }
    for (const agent of agents) {
      agent.clock.setRate(1);
      agent.start();
    }
  }

  /** As what runs daemons does with one that ends by itself, whether faults are still to come or not. */
  startAgain(manager: SimManager): void {
    this.#startLater(manager, 4_000);
  }

  /** What one leader begins, a restart that waits for its delay, another one ends. */
  changeLeaderWhileRestarting(): void {
    const { agents, timeline } = this.#world;
    for (const agent of agents) agent.failTask(0);
    timeline.plan(2_000, undefined, "transfer", () => this.#transfer());
  }

  #next(): void {
    const { timeline, random, faultEveryMs } = this.#world;
    this.#cancelNext = timeline.plan(faultEveryMs * 2 * random.float(), undefined, "fault", () => {
      this.#one();
      this.#next();
    });
  }

  #one(): void {
    const { random, timeline, count } = this.#world;
    const total = this.#faults.reduce((sum, [weight]) => sum + weight, 0);
    let dice = random.float() * total;
    for (const [weight, name, act] of this.#faults) {
      dice -= weight;
      if (dice >= 0) continue;
      timeline.note(name);
      count(name);
      this.injected += 1;
      act();
      break;
    }
    for (const manager of this.#world.managers.values()) this.#startLater(manager, 4_000);
    for (const agent of this.#world.agents) {
      if (agent.process === undefined && random.float() < 0.2) agent.start();
    }
  }

  #startLater(manager: SimManager, maxMs: number): void {
    const { timeline, random } = this.#world;
    if (manager.process !== undefined || manager.isRemoved) return;
    timeline.plan(random.float() * maxMs, undefined, "restart", () => {
      // It may have been taken out for good meanwhile.
      if (manager.process !== undefined || manager.isRemoved) return;
      this.#world.count("restarted");
      this.#mendDisk(manager);
      manager.start();
    });
  }

  #partition(): void {
    const isLeft = new Set(this.#hosts().filter(() => this.#world.random.float() < 0.5));
    this.#cutBetween((from, to) => isLeft.has(from) !== isLeft.has(to));
  }

  #oneWay(): void {
    const victim = this.#anyHost();
    const inward = this.#world.random.float() < 0.5;
    this.#cutBetween((from, to) => (inward ? to : from) === victim);
  }

  /** Two halves that only one host can talk to. */
  #bridge(): void {
    const bridge = this.#anyHost();
    const isLeft = new Set(this.#hosts().filter(() => this.#world.random.float() < 0.5));
    this.#cutBetween(
      (from, to) => from !== bridge && to !== bridge && isLeft.has(from) !== isLeft.has(to),
    );
  }

  #cutLeader(): void {
    const leader = this.#leader()?.name;
    if (leader !== undefined) this.#cutBetween((from, to) => from === leader || to === leader);
  }

  /** What it has appended reaches few; then it is gone, and comes back soon. */
  #figure8(): void {
    const leader = this.#leader();
    const { random, timeline } = this.#world;
    if (leader === undefined) return;
    const lucky = this.#anyHost();
    this.#cutBetween((from, to) => from === leader.name && to !== lucky);
    timeline.plan(50 + 300 * random.float(), undefined, "Figure 8", () => {
      leader.crash(random.float() < 0.5);
      this.#world.network.mend();
      this.#startLater(leader, 1_500);
    });
  }

  /** Else it would be rare, as writes are short. */
  #powerLostWithinWrite(): void {
    const manager = this.#anyManager();
    if (manager === undefined) return;
    manager.disk.onBegun = () => {
      this.#world.timeline.plan(0, undefined, "power lost within a write", () => {
        manager.crash(true);
        this.#startLater(manager, 4_000);
      });
    };
  }

  #crashAll(): void {
    for (const manager of this.#world.managers.values()) manager.crash(true);
  }

  #pause(manager = this.#anyManager()): void {
    const { timeline, random } = this.#world;
    const process = manager?.process;
    if (process !== undefined) process.pausedUntilMs = timeline.nowMs + 4_000 * random.float();
  }

  #pauseLeader(): void {
    const leader = this.#leader();
    if (leader !== undefined) this.#pause(leader);
  }

  #skew(): void {
    const { random, agents } = this.#world;
    const clocks = [...[...this.#world.managers.values()], ...agents].map(({ clock }) => clock);
    clocks[Math.floor(random.float() * clocks.length)]?.setRate(0.7 + 0.6 * random.float());
  }

  #jump(): void {
    this.#anyManager()?.clock.setWallOffset(randomInteger(this.#world.random, -600_000, 600_000));
  }

  #slowDisk(): void {
    const manager = this.#anyManager();
    if (manager === undefined) return;
    const { random, timeline } = this.#world;
    const maxMs = random.float() < 0.3 ? 3_000 : 100;
    manager.disk.latency = { minMs: 1, maxMs };
    timeline.plan(5_000 * random.float(), undefined, "disk fast", () => this.#mendDisk(manager));
  }

  #breakDisk(fault: "EIO" | "ENOSPC"): void {
    const manager = this.#anyManager();
    if (manager !== undefined) manager.disk.fault = fault;
  }

  #mendDisk({ disk }: SimManager): void {
    disk.fault = undefined;
    disk.onBegun = undefined;
    disk.latency = { minMs: 0.1, maxMs: 1 };
  }

  #badNetwork(): void {
    const { network, random } = this.#world;
    const isBad = network.quality === goodNetwork || random.float() < 0.5;
    network.quality = isBad
      ? {
          loss: 0.15 * random.float(),
          duplicates: 0.1 * random.float(),
          slow: 0.2 * random.float(),
          slowMs: randomInteger(random, 5, 600),
        }
      : goodNetwork;
  }

  #transfer(): void {
    // Refused or too late is as good: what counts is that nothing breaks.
    this.#leader()
      ?.raft?.transferLeadership()
      .catch(() => {});
  }

  #crashWorker(): void {
    const { agents, random } = this.#world;
    agents[Math.floor(random.float() * agents.length)]?.crash();
  }

  #failTask(): void {
    const { agents, random } = this.#world;
    agents[Math.floor(random.float() * agents.length)]?.failTask(randomInteger(random, 0, 9));
  }

  #leader(): SimManager | undefined {
    const leaders = [...this.#world.managers.values()]
      .filter(({ raft }) => raft?.status().role === "leader")
      .sort((a, b) => (b.raft?.status().term ?? 0) - (a.raft?.status().term ?? 0));
    return leaders[0];
  }

  #anyManager(): SimManager | undefined {
    const all = [...this.#world.managers.values()].filter(({ isRemoved }) => !isRemoved);
    return all[Math.floor(this.#world.random.float() * all.length)];
  }

  #hosts(): string[] {
    return [...this.#world.managers.values(), ...this.#world.agents].map(({ name }) => name);
  }

  #anyHost(): string {
    const hosts = this.#hosts();
    return hosts[Math.floor(this.#world.random.float() * hosts.length)] ?? "";
  }

  #cutBetween(isCut: (from: string, to: string) => boolean): void {
    const hosts = this.#hosts();
    for (const from of hosts) {
      for (const to of hosts) if (from !== to && isCut(from, to)) this.#world.network.cut(from, to);
    }
  }
}
