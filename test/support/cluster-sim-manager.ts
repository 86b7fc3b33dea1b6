import type { Clock } from "../../src/base/clock.ts";
import { ClusterError, isClusterError } from "../../src/base/errors.ts";
import type { Logger } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import { ClusterClock } from "../../src/manager/cluster-clock.ts";
import { createControl } from "../../src/manager/control/local-control.ts";
import type { ControlMethods } from "../../src/manager/control/methods.ts";
import { Leadership } from "../../src/manager/leadership.ts";
import { removedRaftIds } from "../../src/manager/removed-members.ts";
import { RaftNode } from "../../src/raft/node/raft-node.ts";
import type { RaftNodeOptions } from "../../src/raft/node/raft-node-options.ts";
import type { StateMachine } from "../../src/raft/node/state-machine.ts";
import type { RaftMember } from "../../src/raft/storage/snapshot-store.ts";
import { Store } from "../../src/store/store.ts";
import { aCluster, aNode } from "./builders.ts";
import type { ClusterOracle } from "./cluster-sim-oracle.ts";
import { HostClock } from "./sim-clock.ts";
import { SimDisk } from "./sim-disk.ts";
import { hostOf, type SimNetwork } from "./sim-network.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

/** What a simulated manager can be made to do wrong. */
export type Mistake =
  /** Writes are not synced, though the one who asks is told so. */
  | "unsynced writes"
  /** Reads are answered from the store as it is. */
  | "stale reads"
  /** A member's state machine now and then leaves an entry out. */
  | "skipped entry"
  /** A leader takes its own wall clock for the time that leaders before it wrote by. */
  | "own time";

export interface ManagerSurroundings {
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly oracle: ClusterOracle;
  readonly random: Random;
  /** A mistake made on purpose, to see that it is noticed. */
  readonly mistake?: Mistake | undefined;
  readonly raftOptions: Pick<RaftNodeOptions, "snapshotEntries" | "snapshotBytes" | "keepEntries">;
  /** Told of a manager whose process has ended by itself. */
  ended(manager: SimManager): void;
  count(event: string): void;
  report(violation: string): void;
}

/** What one life of a manager's process is made of. */
interface Life {
  readonly process: SimProcess;
  readonly store: Store;
  readonly control: ControlMethods;
  raft: RaftNode | undefined;
  leadership: Leadership | undefined;
  /** In force now, and before the last change. */
  voters: readonly (readonly number[])[];
}

/** A host with the parts of the daemon that agree and decide: raft, store and all that a leader does. */
export class SimManager {
  readonly raftId: number;
  readonly name: string;
  readonly disk: SimDisk;
  readonly clock: HostClock;
  readonly #world: ManagerSurroundings;
  #life: Life | undefined;
  #peers: readonly RaftMember[] = [];
  /** It was taken out of the group for good. */
  isRemoved = false;

  constructor(raftId: number, world: ManagerSurroundings) {
    this.raftId = raftId;
    this.name = hostOf(raftId);
    this.#world = world;
    const { timeline, random, mistake, count } = world;
    const report = (violation: string): void => world.report(`${this.name}: ${violation}`);
    // Both kinds in every world: what the shipped log does, and the least that any log may do.
    const kind = raftId % 2 === 0 ? "segments" : "writes";
    this.disk = new SimDisk(mistake === "unsynced writes" ? "lies" : kind, {
      ...{ timeline, random, count, report },
    });
    this.clock = new HostClock(timeline);
    world.oracle.attach(raftId, this.disk);
  }

  get member(): RaftMember {
    return { raftId: this.raftId, nodeId: this.name, address: `${this.name}:2377` };
  }

  get process(): SimProcess | undefined {
    return this.#life?.process;
  }

  get isUp(): boolean {
    return this.#life?.raft !== undefined;
  }

  get raft(): RaftNode | undefined {
    return this.#life?.raft;
  }

  get store(): Store | undefined {
    return this.#life?.store;
  }

  get control(): ControlMethods | undefined {
    return this.#life?.control;
  }

  get leadership(): Leadership | undefined {
    return this.#life?.leadership;
  }

  /** Starts a process. `peers`: of a joiner; none for the first one. */
  start(peers: readonly RaftMember[] = this.#peers): void {
    if (this.#life !== undefined) return;
    this.#peers = peers;
    const { timeline, network, random } = this.#world;
    const process = { name: this.name, isAlive: true, pausedUntilMs: 0 };
    const clock = this.clock.of(process);
    const clusterClock = new ClusterClock(clock);
    const log = this.#logger(process);
    const life: Life = { process, ...this.#makeStore(process, clusterClock, log) };
    if (this.#world.mistake !== "own time") clusterClock.follow(life.store);
    this.#life = life;
    timeline.note(`start ${this.name}`);
    RaftNode.start(
      {
        ...{ tickMs: 100, electionTicks: 10, heartbeatTicks: 1 },
        ...this.#world.raftOptions,
        ...this.member,
        bootstrap: peers.length === 0,
        peers,
      },
      {
        storage: this.disk.openLog(process),
        snapshots: this.disk.openSnapshots(process),
        transport: network.transport(this.raftId, process, (raftId) =>
          removedRaftIds(life.store.view().cluster()).has(raftId),
        ),
        stateMachine: this.#observed(life),
        clock,
        random,
        log,
      },
    ).then(
      (raft) => this.#started(life, raft, clusterClock, log),
      (error: unknown) => this.#ended(life, error),
    );
  }

  /** The process is killed (`power`: the host loses its power). */
  crash(power: boolean): void {
    const life = this.#life;
    if (life === undefined) return;
    life.process.isAlive = false;
    this.#life = undefined;
    this.#world.timeline.note(`crash ${this.name}`);
    if (power) this.disk.powerLost();
    else this.disk.processEnded();
  }

  #started(life: Life, raft: RaftNode, clock: Clock, log: Logger): void {
    if (this.#life !== life) return;
    const { random } = this.#world;
    life.raft = raft;
    life.voters = [raft.status().voters];
    raft.onMembers(() => {
      life.voters = [raft.status().voters, ...life.voters.slice(0, 1)];
    });
    void raft.failed.then((error) => this.#ended(life, error));
    life.leadership = new Leadership({
      nodeId: this.name,
      store: life.store,
      raft,
      bootstrap: this.#peers.length > 0 ? undefined : this.#firstObjects(),
      takeOver: undefined,
      peers: () => raft.status().members.map(({ nodeId, address }) => ({ nodeId, address })),
      onLeading: () => this.#world.count("leadership began"),
      clock,
      random,
      log,
    });
    life.leadership.start();
  }

  /** The daemon ends when raft has failed; something starts it again. */
  #ended(life: Life, error: unknown): void {
    if (this.#life !== life || !life.process.isAlive) return;
    const isDisk = isClusterError(error) && /cannot write: (EIO|ENOSPC)/.test(error.message);
    if (!isDisk) this.#world.report(`${this.name} failed: ${String(error)}`);
    this.#world.count("raft stopped by a disk error");
    this.crash(false);
    this.#world.ended(this);
  }

  #firstObjects(): { cluster: ReturnType<typeof aCluster>; node: ReturnType<typeof aNode> } {
    return { cluster: aCluster({ id: "cluster1" }), node: managerNode(this.name) };
  }

  #makeStore(process: SimProcess, clock: Clock, log: Logger): Omit<Life, "process"> {
    const raft = (): RaftNode => {
      const found = this.#life?.process === process ? this.#life.raft : undefined;
      if (found !== undefined) return found;
      throw new ClusterError("UNAVAILABLE", "not started yet", { details: { sent: "no" } });
    };
    const store = new Store({
      proposer: { propose: async (data) => await raft().propose(data) },
      clock,
      log,
    });
    const readBarrier = async (): Promise<void> => {
      if (this.#world.mistake !== "stale reads") await raft().readIndex();
    };
    const control = createControl({ store, readBarrier, clock, random: this.#world.random });
    return { store, control, raft: undefined, leadership: undefined, voters: [] };
  }

  /** The store's state machine, with the oracle looking on. */
  #observed({ store, process }: Life): StateMachine {
    const { oracle, count } = this.#world;
    const { stateMachine } = store;
    const voters = (): readonly (readonly number[])[] => this.#life?.voters ?? [];
    return {
      apply: (entry) => {
        if (!process.isAlive) return undefined;
        if (this.#life?.raft !== undefined) oracle.applying(this.raftId, entry, voters);
        let outcome = "done";
        try {
          if (this.#skips(entry.index)) return undefined;
          return stateMachine.apply(entry);
        } catch (error) {
          outcome = isClusterError(error) ? error.code : String(error);
          count("conflict in apply");
          throw error;
        } finally {
          oracle.applied(this.raftId, entry.index, outcome, stateMachine.view());
        }
      },
      snapshot: () => {
        count("snapshot made");
        oracle.compare(this.raftId, stateMachine.index, stateMachine.view());
        return stateMachine.snapshot();
      },
      restore: async (chunks) => {
        await stateMachine.restore(chunks);
        count("snapshot restored");
        oracle.compare(this.raftId, stateMachine.index, stateMachine.view());
      },
    };
  }

  #skips(index: number): boolean {
    return this.#world.mistake === "skipped entry" && this.raftId === 2 && index % 50 === 0;
  }

  /** What someone would have to look into is a violation, unless we have done it to the disk. */
  #logger(process: SimProcess): Logger {
    const log: Logger = {
      error: (fields, message) => {
        if (!process.isAlive || /disk of the raft log hangs|raft has stopped/.test(message)) return;
        const err = "err" in fields ? fields.err : undefined;
        if (isClusterError(err) && /cannot write: E/.test(String(err.message))) return;
        this.#world.report(`${this.name} logged an error: ${message} ${describe(fields)}`);
      },
      warn: () => {},
      info: () => {},
      debug: () => {},
      child: () => log,
    };
    return log;
  }
}

/** The node object of a manager; it runs no tasks. */
export function managerNode(id: string): ReturnType<typeof aNode> {
  return aNode({
    id,
    spec: { annotations: {}, desiredRole: "MANAGER", availability: "DRAIN" },
    role: "MANAGER",
    description: { hostname: id },
    status: { state: "UNKNOWN" },
  });
}

function describe(fields: object): string {
  const err = "err" in fields ? fields.err : undefined;
  return err instanceof Error ? (err.stack ?? err.message) : JSON.stringify(fields);
}
