import { anySignal } from "../base/any-signal.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type Meter, noMeter, Stopwatch } from "../base/meter.ts";
import type { Random } from "../base/random.ts";
import { caHandlers, caRoles } from "../ca/ca-server.ts";
import { Signer } from "../ca/signer.ts";
import type { Peer } from "../gen/skep/Peer.ts";
import type { RaftMember } from "../gen/skep/RaftMember.ts";
import type { SubscribeLogsMessage } from "../gen/skep/SubscribeLogsMessage.ts";
import type { SubscribeLogsRequestInput } from "../gen/skep/SubscribeLogsRequest.ts";
import type { StateMachine } from "../raft/node/state-machine.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { IdentitySource } from "../rpc/credentials.ts";
import type { NodeRoleName, PeerIdentity } from "../rpc/roles.ts";
import type { RpcServer } from "../rpc/server.ts";
import { Store } from "../store/store.ts";
import { caStateOver, issueForSelf } from "./ca-state.ts";
import { ClusterClock } from "./cluster-clock.ts";
import type { NewCluster } from "./cluster-init.ts";
import { type ControlApi, createControlApi } from "./control/control-api.ts";
import { controlHandlers, controlRoles } from "./control/control-server.ts";
import { createControl } from "./control/local-control.ts";
import type { ControlMethods } from "./control/methods.ts";
import type { Dispatcher } from "./dispatcher/dispatcher.ts";
import { dispatcherHandlers, dispatcherRoles } from "./dispatcher/dispatcher-server.ts";
import { EventHistory } from "./event-history.ts";
import { Leadership } from "./leadership.ts";
import { leaveRaft } from "./leave-raft.ts";
import type { LogBroker } from "./log-broker.ts";
import {
  logBrokerHandlers,
  logBrokerRoles,
  logsHandlers,
  logsRoles,
  subscribeLogs,
} from "./log-server.ts";
import { leaderAddressOf, type RaftControl } from "./raft-control.ts";
import { joinRaft, raftMembershipHandlers, raftMembershipRoles } from "./raft-membership.ts";
import { refusalOf, removedRaftIds, roleNow } from "./removed-members.ts";
import { takeOver } from "./take-over.ts";
import { meterTasks } from "./task-meter.ts";
import { timedStateMachine } from "./timed-state-machine.ts";
import { currentUnlockKey } from "./unlock-key.ts";

const catchUpMaxMs = 10_000;
const pollMs = 20;

export interface ManagerOptions {
  readonly nodeId: string;
  /** 0 = not a member yet: the leader is asked for one. */
  readonly raftId: number;
  /** host:port where other managers reach this one. */
  readonly address: string;
  /** Set on the first manager of a new cluster, at its first start. */
  readonly bootstrap?: Pick<NewCluster, "cluster" | "node">;
  /** Set on the one manager that a cluster goes on with, at its first start alone: its certificate. */
  readonly takeOver?: { readonly certificatePem: string };
}

/** What the daemon starts raft with. */
export interface RaftParts {
  readonly raftId: number;
  readonly isBootstrap: boolean;
  /** Members known from joining; [] otherwise. */
  readonly peers: readonly RaftMember[];
  readonly stateMachine: StateMachine;
  /** Whether the state names this raft id as that of a former member, who never comes back. */
  readonly isRemoved: (raftId: number) => boolean;
  /** Log entries between snapshots as the cluster's spec has it now; 0 when it leaves that open. */
  readonly snapshotEntries: () => number;
}

export interface ManagerDeps {
  /** Starts the node's raft and adds the Raft service to the server. */
  readonly startRaft: (parts: RaftParts) => Promise<RaftControl>;
  /** Keeps the id that the leader gave, before raft starts with it. */
  readonly onRaftId: (raftId: number) => Promise<void>;
  /** Addresses of managers to join through. */
  readonly managers: () => readonly string[];
  readonly channels: ChannelPool;
  /** What external CAs are shown. */
  readonly identity?: IdentitySource;
  /** Listening already, or about to: a joiner is dialled back. */
  readonly server: Pick<RpcServer, "add" | "remove">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Given the time of each transaction and of each task's way to running. */
  readonly meter?: Meter;
}

/** What a manager node runs: its part of raft, the store, the services; on the leader all that decides. */
export class Manager {
  readonly store: Store;
  /** Done by the leader wherever it is. */
  readonly control: ControlApi;
  readonly #options: ManagerOptions;
  readonly #deps: ManagerDeps;
  readonly #stopping = new AbortController();
  readonly #services: string[] = [];
  readonly #localControl: ControlMethods;
  readonly #signer: Signer;
  readonly #clusterClock: ClusterClock;
  readonly #history: EventHistory;
  #raft: RaftControl | undefined;
  #leadership: Leadership | undefined;
  readonly #stopwatch: Stopwatch;
  #unmeter: () => void = () => {};

  private constructor(options: ManagerOptions, deps: ManagerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#stopwatch = new Stopwatch(deps.meter ?? noMeter, deps.clock);
    const { channels, clock, random, log, identity } = deps;
    this.#signer = new Signer({ clock, asker: identity && (() => identity.current()) });
    this.#clusterClock = new ClusterClock(clock);
    const store = new Store({
      proposer: { propose: (data) => this.#propose(data) },
      clock: this.#clusterClock,
      log,
      stopwatch: this.#stopwatch,
    });
    this.#clusterClock.follow(store);
    this.store = store;
    this.#history = new EventHistory({ clock });
    this.#localControl = createControl({
      store,
      readBarrier: () => this.#readBarrier(),
      clock,
      random,
    });
    this.control = createControlApi({
      local: () => this.#localWhenLeading(),
      leaderAddress: () => this.leaderAddress(),
      leaderlessMs: () => this.#raft?.status().leaderlessMs ?? 0,
      store,
      history: this.#history,
      channels,
      clock,
      random,
    });
  }

  /**
   * Resolves when this manager takes part: has joined raft, and for the first one of a cluster leads it. Whatever raft throws, and
   * PERMISSION_DENIED when the leader does not want this manager.
   */
  static async start(options: ManagerOptions, deps: ManagerDeps): Promise<Manager> {
    const manager = new Manager(options, deps);
    try {
      await manager.#start();
    } catch (error) {
      await manager.stop();
      throw error;
    }
    return manager;
  }

  /** Logs of services and tasks, from all nodes. */
  readonly logs = {
    subscribe: (
      request: SubscribeLogsRequestInput,
      signal: AbortSignal,
    ): AsyncIterable<SubscribeLogsMessage> =>
      subscribeLogs(request, anySignal(signal, this.#stopping.signal), {
        active: () => this.#logBroker(),
        leaderAddress: () => this.leaderAddress(),
        channels: this.#deps.channels,
      }),
  };

  /** Whether this manager leads and its loops run. */
  isLeader(): boolean {
    return this.#leadership?.isLeading ?? false;
  }

  /** host:port of the leader, also when that is this manager; undefined while there is none. */
  leaderAddress(): string | undefined {
    return this.#raft === undefined ? undefined : leaderAddressOf(this.#raft);
  }

  /** All managers, this one included. */
  peers(): Peer[] {
    const members = this.#raft?.status().members ?? [];
    return members.map(({ nodeId, address }) => ({ nodeId, address }));
  }

  /** For `RpcServer`'s `refuse`: why a node with a good certificate is not served. */
  refusalOf(peer: PeerIdentity): string | undefined {
    return refusalOf(this.store.view(), peer);
  }

  /** For `RpcServer`'s `roleOf`: a demoted manager's certificate gives it no more than a worker's. */
  roleOf(peer: PeerIdentity, validFromMs: () => number): NodeRoleName {
    return roleNow(this.store.view(), this.#raft?.status().members ?? [], peer, validFromMs);
  }

  /** A certificate for this manager by the state it has, for when it can reach no other because its own has expired. See `issueForSelf`. */
  issueForSelf(csrPem: string): ReturnType<typeof issueForSelf> {
    return issueForSelf(this.store.view(), this.#signer, this.#options.nodeId, csrPem);
  }

  /** "" when autolock is off. Errors as `currentUnlockKey`. */
  async unlockKey(): Promise<string> {
    const { store, control } = this;
    return await currentUnlockKey({ store, control, clock: this.#deps.clock });
  }

  /** Leaves the group for good: hands leadership over and has the next leader take this member out. No-op for a single manager. */
  async leaveRaft(): Promise<void> {
    await leaveRaft(this.#options.nodeId, this.#mustRaft(), this.#deps);
  }

  /** Hands leadership over when there is somebody to take it, and ends taking part. The daemon's server goes on without our services. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unmeter();
    this.#history.stop();
    if (this.isLeader() && this.peers().length > 1) {
      await this.#raft?.transferLeadership().catch((error: unknown) => {
        this.#deps.log.debug({ err: error }, "leadership not handed over");
      });
    }
    await this.#leadership?.stop();
    for (const service of this.#services.splice(0)) this.#deps.server.remove(service);
    await this.#raft?.stop();
  }

  async #start(): Promise<void> {
    const { raftId, bootstrap, takeOver: taking, nodeId, address } = this.#options;
    const { startRaft, onRaftId, log } = this.#deps;
    const clock = this.#clusterClock;
    this.#addServices();
    let ownId = raftId;
    let peers: readonly RaftMember[] = [];
    if (raftId === 0) {
      const joined = await joinRaft(this.#options.address, this.#deps, this.#stopping.signal);
      ownId = joined.raftId;
      peers = joined.members;
      await onRaftId(ownId);
    }
    const stateMachine = timedStateMachine(this.store.stateMachine, this.#stopwatch);
    const isBootstrap = bootstrap !== undefined;
    const isRemoved = (id: number): boolean => removedRaftIds(this.store.view().cluster()).has(id);
    const snapshotEntries = (): number =>
      this.store.view().cluster()?.spec?.raft?.snapshotInterval ?? 0;
    const parts = { raftId: ownId, isBootstrap, peers, stateMachine, isRemoved, snapshotEntries };
    const raft = await startRaft(parts);
    this.#raft = raft;
    this.#history.start(this.store);
    let resolveReady: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      resolveReady = resolve;
    });
    this.#leadership = new Leadership({
      ...this.#deps,
      nodeId: this.#options.nodeId,
      store: this.store,
      raft,
      bootstrap,
      takeOver: taking && ((tx) => takeOver(tx, { nodeId, raftId: ownId, address, ...taking })),
      peers: () => this.peers(),
      onLeading: () => resolveReady(),
      log,
      clock,
    });
    this.#leadership.start();
    const isLeader = (): boolean => this.isLeader();
    const meter = this.#deps.meter ?? noMeter;
    this.#unmeter = meterTasks({ store: this.store, isLeader, clock, meter });
    if (isBootstrap || taking !== undefined) await ready;
    if (raftId === 0) await this.#untilCaughtUp();
  }

  /** A joiner that does not know the cluster yet could answer nobody; it goes on catching up if that takes long. */
  async #untilCaughtUp(): Promise<void> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonic() + catchUpMaxMs;
    while (this.store.view().cluster() === undefined && clock.monotonic() < untilMs) {
      await sleep(clock, pollMs, this.#stopping.signal);
    }
  }

  #addServices(): void {
    const { channels, clock, random, server } = this.#deps;
    const leaderAddress = (): string | undefined => this.leaderAddress();
    const isLeader = (): boolean => this.isLeader();
    const { store } = this;
    const logs = { active: () => this.#logBroker(), leaderAddress };
    const add: RpcServer["add"] = (service, handlers, roles) => {
      server.add(service, handlers, roles);
      this.#services.push(service);
    };
    add("Health", { check: async () => ({ status: "SERVING" as const }) }, { Check: "anyone" });
    const local = (): ControlMethods | undefined => this.#localWhenLeading();
    add("Control", controlHandlers({ local, leaderAddress, store, clock }), controlRoles);
    const active = (): Dispatcher | undefined => this.#leadership?.dispatcher;
    add("Dispatcher", dispatcherHandlers({ active, leaderAddress }), dispatcherRoles);
    const readBarrier = (): Promise<void> => this.#readBarrier();
    const state = caStateOver({ store, isLeader, leaderAddress, readBarrier });
    add("NodeCa", caHandlers({ state, signer: this.#signer, clock, random }), caRoles);
    const raft = (): RaftControl | undefined => this.#raft;
    const membership = raftMembershipHandlers({ raft, store, channels, random });
    add("RaftMembership", membership, raftMembershipRoles);
    add("Logs", logsHandlers(logs), logsRoles);
    add("LogBroker", logBrokerHandlers(logs), logBrokerRoles);
  }

  #localWhenLeading(): ControlMethods | undefined {
    return this.#leadership?.servesState === true ? this.#localControl : undefined;
  }

  #logBroker(): LogBroker | undefined {
    return this.#leadership?.logBroker;
  }

  async #readBarrier(): Promise<void> {
    try {
      await this.#stopwatch.time("swarm_store_read_tx_latency_seconds", () =>
        this.#mustRaft().readIndex(),
      );
    } catch (error) {
      // The caller looks for the leader's address under the name that everyone uses.
      if (isClusterError(error, "NOT_LEADER")) {
        const leaderAddress = this.leaderAddress();
        const details = leaderAddress === undefined ? {} : { leaderAddress };
        throw new ClusterError("NOT_LEADER", error.message, { cause: error, details });
      }
      throw error;
    }
  }

  async #propose(data: Uint8Array): Promise<unknown> {
    return await this.#stopwatch.time("swarm_raft_transaction_latency_seconds", () =>
      this.#mustRaft().propose(data),
    );
  }

  #mustRaft(): RaftControl {
    if (this.#raft === undefined) {
      throw new ClusterError("UNAVAILABLE", "raft does not run here yet", {
        details: { sent: "no" },
      });
    }
    return this.#raft;
  }
}
