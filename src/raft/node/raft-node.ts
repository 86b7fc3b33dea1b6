import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { defaultRaftConfig } from "../core/config.ts";
import { RawNode } from "../core/raw-node.ts";
import type { Entry, Message, Ready, SnapshotMetadata, SoftState } from "../core/types.ts";
import { decodeMemberChange, type MemberChange } from "../storage/conf-change-codec.ts";
import type { MemoryStorage } from "../storage/memory-storage.ts";
import type { RaftMember, SnapshotInfo } from "../storage/snapshot-store.ts";
import type { TransportHandler } from "../transport/raft-transport.ts";
import { Applier } from "./applier.ts";
import { type Booted, boot } from "./boot.ts";
import { LogWriter } from "./log-writer.ts";
import { MemberChanges } from "./member-changes.ts";
import { Membership } from "./membership.ts";
import { errorOfDrop, type KnownLeader, notLeader, unavailable } from "./node-errors.ts";
import { Proposals } from "./proposals.ts";
import type {
  LeadershipEvent,
  RaftNodeDeps,
  RaftNodeOptions,
  RaftNodeStatus,
} from "./raft-node-options.ts";
import { Reads, readContext, readIdOf } from "./reads.ts";
import { Snapshotter } from "./snapshotter.ts";
import { Ticker } from "./ticker.ts";
import { Waiters } from "./waiters.ts";

/** How long a proposal or a read waits for the others. */
const answerMs = 5_000;
/** Proposals of this node under way. */
const proposalsMax = 20_000;
/** Data of one proposal. */
const proposalBytesMax = 16 * 1024 * 1024;

/** One member of the group: the core's decisions put into effect. See README.md in this folder. */
export class RaftNode {
  readonly #options: RaftNodeOptions;
  readonly #deps: RaftNodeDeps;
  readonly #log: Logger;
  readonly #mirror: MemoryStorage;
  readonly #raw: RawNode;
  readonly #writer: LogWriter;
  readonly #applier: Applier;
  readonly #snapshotter: Snapshotter;
  readonly #changes: MemberChanges;
  readonly #proposals = new Proposals();
  readonly #reads = new Reads();
  readonly #waiters = new Waiters();
  readonly #membership = new Membership();
  readonly #leadershipListeners = new Set<(event: LeadershipEvent) => void>();
  readonly #memberListeners = new Set<(members: readonly RaftMember[]) => void>();
  /** Resolves with the reason when the node had to stop by itself; the process should end then. */
  readonly failed: Promise<ClusterError>;
  #resolveFailed: (reason: ClusterError) => void = () => {};
  #ticker: Ticker | undefined;
  #soft: SoftState = { leaderId: 0, role: "follower" };
  #term = 0;
  #applied = 0;
  #appliedTerm = 0;
  #leading = false;
  #drainScheduled = false;
  #draining = false;
  #stopReason: ClusterError | undefined;

  /**
   * Restores the snapshot, replays the log and starts taking part. DATA_LOSS when the disk lost
   * something; whatever the storage throws otherwise.
   */
  static async start(options: RaftNodeOptions, deps: RaftNodeDeps): Promise<RaftNode> {
    const log = deps.log.child({ module: "raft" });
    const { raftId, nodeId, address } = options;
    const bootOptions = {
      self: { raftId, nodeId, address },
      bootstrap: options.bootstrap ?? false,
      forceNewCluster: options.forceNewCluster ?? false,
    };
    const booted = await boot(bootOptions, { ...deps, log });
    const node = new RaftNode(options, { ...deps, log }, booted);
    await node.#begin(booted);
    return node;
  }

  private constructor(options: RaftNodeOptions, deps: RaftNodeDeps, booted: Booted) {
    this.#options = options;
    this.#deps = deps;
    this.#log = deps.log;
    this.#mirror = booted.mirror;
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    if (booted.snapshot !== undefined) this.#membership.restore(booted.snapshot);
    this.#applied = booted.snapshot?.index ?? 0;
    this.#appliedTerm = booted.snapshot?.term ?? 0;
    this.#term = booted.mirror.initialState().hardState.term;
    const { raftId: id, electionTicks, heartbeatTicks } = options;
    const config = { ...defaultRaftConfig, id, electionTicks, heartbeatTicks };
    this.#raw = new RawNode(
      { ...config, applied: this.#applied },
      { storage: this.#mirror, random: deps.random, decodeConfChange: decodeMemberChange },
    );
    const onFailure = (error: unknown): void => this.#fail(error);
    this.#writer = new LogWriter({
      storage: deps.storage,
      mirror: this.#mirror,
      clock: deps.clock,
      onDurable: (ready) => this.#onDurable(ready),
      onIdle: () => this.#drain(false),
      onFailure,
    });
    this.#snapshotter = new Snapshotter(
      options,
      {
        ...deps,
        mirror: this.#mirror,
        onCompactable: (index) => this.#writer.compact(index),
        onSent: (raftId, ok) => this.#enter(() => this.#raw.reportSnapshot(raftId, ok)),
        onFailure,
      },
      booted.snapshot,
    );
    this.#changes = new MemberChanges(
      { ...options, answerMs },
      {
        raw: this.#raw,
        membership: this.#membership,
        proposals: this.#proposals,
        waiters: this.#waiters,
        clock: deps.clock,
        reachable: (raftId) => this.reachable(raftId),
        mustRun: () => this.#mustRun(),
        isLeader: () => this.#soft.role === "leader",
        leader: () => this.#leader(),
        applied: () => this.#applied,
        wake: () => this.#scheduleDrain(),
      },
    );
    this.#applier = new Applier({
      stateMachine: deps.stateMachine,
      proposals: this.#proposals,
      onMemberChange: (change, index) => this.#onMemberChange(change, index),
      onApplied: (last, bytes) => this.#onApplied(last, bytes),
      restore: (snapshot) => this.#restore(snapshot),
      onRestored: (snapshot) => this.#onRestored(snapshot),
      onFailure,
    });
  }

  /**
   * Has the group agree on `data` and resolves with what the state machine made of it. NOT_LEADER:
   * not done (`details.leaderRaftId`, `leaderAddress` when known). RESOURCE_EXHAUSTED: not done. UNAVAILABLE
   * with `details.sent` "no": not done, otherwise the outcome is unknown.
   */
  async propose(data: Uint8Array): Promise<unknown> {
    this.#mustRun();
    if (data.length > proposalBytesMax || data.length === 0) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `a change of ${data.length} bytes cannot be agreed on; at most ${proposalBytesMax} are possible`,
      );
    }
    if (this.#proposals.size >= proposalsMax) throw errorOfDrop("busy", this.#leader());
    if (this.#isStuck()) throw unavailable("this manager's disk does not answer", true);
    const outcome = this.#raw.propose(data);
    if (outcome.kind === "dropped") throw errorOfDrop(outcome.reason, this.#leader());
    const settled = this.#proposals.wait(outcome.index, outcome.term, this.#deadline());
    this.#scheduleDrain();
    return await settled;
  }

  /**
   * Resolves once everything that was agreed on before this call is applied here, with the index up to
   * which that is. Leader only: NOT_LEADER; UNAVAILABLE without a majority within 5 s.
   */
  async readIndex(): Promise<number> {
    this.#mustRun();
    if (this.#soft.role !== "leader") throw notLeader(this.#leader());
    const read = this.#reads.wait(this.#deadline());
    this.#startRead();
    this.#scheduleDrain();
    return await read;
  }

  status(): RaftNodeStatus {
    const { confState, members } = this.#membership;
    const raw = this.#raw.status();
    return {
      raftId: this.#options.raftId,
      term: raw.term,
      role: raw.role,
      isLeader: this.#leading,
      leaderId: raw.leaderId,
      commit: raw.commit,
      applied: this.#applied,
      lastIndex: this.#mirror.lastIndex(),
      members,
      voters: confState.voters,
      learners: confState.learners,
      progress: raw.progress,
      pendingProposals: this.#proposals.size,
    };
  }

  /** Tells of changes of leader and of our own leading; the returned function ends that. */
  onLeadership(listener: (event: LeadershipEvent) => void): () => void {
    this.#leadershipListeners.add(listener);
    return () => this.#leadershipListeners.delete(listener);
  }

  /** Tells of every applied change of the members. */
  onMembers(listener: (members: readonly RaftMember[]) => void): () => void {
    this.#memberListeners.add(listener);
    return () => this.#memberListeners.delete(listener);
  }

  /**
   * Takes a member in, or records its new address. Resolves when the group has agreed that it is a
   * learner: it may start now, and the leader makes it a voter as soon as it has caught up. Leader only.
   */
  async addMember(member: RaftMember): Promise<void> {
    await this.#changes.add(member);
  }

  /**
   * Takes a member out. The leader itself hands its leadership over first, and then answers NOT_LEADER:
   * ask the next one. FAILED_PRECONDITION when the reachable rest would lose its majority. Leader only.
   */
  async removeMember(raftId: number): Promise<void> {
    await this.#changes.remove(raftId);
  }

  /**
   * Hands the leadership to a member, by default the reachable voter that is furthest. NOT_LEADER;
   * FAILED_PRECONDITION when there is nobody to take it; UNAVAILABLE when it was not taken in time.
   */
  async transferLeadership(toRaftId?: number): Promise<void> {
    await this.#changes.transfer(toRaftId);
  }

  /** Whether messages reach this member now. */
  reachable(raftId: number): boolean {
    return raftId === this.#options.raftId || this.#deps.transport.reachable(raftId);
  }

  /** Ends taking part: what waits gets UNAVAILABLE; the log is closed. */
  async stop(): Promise<void> {
    this.#halt(unavailable("this manager is stopping", false));
    await this.#deps.transport.stop();
    await this.#writer.stop();
    await this.#snapshotter.stop();
    await this.#deps.storage.close();
  }

  // --- the loop ---

  async #begin(booted: Booted): Promise<void> {
    const { tickMs, electionTicks } = this.#options;
    this.#deps.transport.start(this.#handler());
    this.#tellTransport();
    this.#drain(true);
    const replayed = (): boolean => this.#applied >= booted.commit;
    if (!replayed()) {
      await this.#waiters.until(replayed, Number.POSITIVE_INFINITY, () => unavailable("", false));
    }
    // Alone there is nobody to wait for.
    const { voters } = this.#membership.confState;
    if (voters.length === 1 && voters[0] === this.#options.raftId) this.#raw.campaign();
    const catchUpTicksMax = Math.max(1, electionTicks - 2);
    const { clock, random } = this.#deps;
    this.#ticker = new Ticker({ tickMs, catchUpTicksMax }, clock, random, () => this.#tick());
    this.#drain(true);
  }

  #handler(): TransportHandler {
    return {
      receive: (message) => this.#enter(() => this.#raw.step(message)),
      unreachable: (raftId) => this.#enter(() => this.#raw.reportUnreachable(raftId)),
      receiveSnapshot: async (message, snapshot, chunks) => {
        this.#mustRun();
        const { index, term, confState } = snapshot;
        if (index > this.#applied) await this.#deps.snapshots.save(snapshot, chunks);
        else for await (const _ of chunks); // late or twice: the core answers with what it has
        const metadata = { index, term, confState };
        this.#enter(() => this.#raw.step({ ...message, snapshot: metadata }));
      },
    };
  }

  /** Runs something that may give the core work to hand out. */
  #enter(change: () => void): void {
    if (this.#stopReason !== undefined) return;
    try {
      change();
      this.#scheduleDrain();
    } catch (error) {
      this.#fail(error);
    }
  }

  // A microtask: everything that arrives in this turn of the event loop goes together.
  #scheduleDrain(): void {
    if (this.#drainScheduled) return;
    this.#drainScheduled = true;
    queueMicrotask(() => {
      this.#drainScheduled = false;
      this.#drain(false);
    });
  }

  // While a write is under way, work gathers: the next one then takes all of it, and each follower gets
  // one message instead of many. A tick does not wait, so heartbeats pass a slow disk.
  #drain(evenWhileWriting: boolean): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.#stopReason === undefined && this.#raw.hasReady()) {
        if (this.#writer.busy && !evenWhileWriting) break;
        this.#handle(this.#raw.ready());
      }
      this.#waiters.check(this.#deps.clock.monotonic());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#draining = false;
    }
  }

  #handle(ready: Ready): void {
    if (ready.hardState !== undefined) this.#term = ready.hardState.term;
    if (ready.softState !== undefined) this.#onSoftState(ready.softState);
    for (const message of ready.messages) this.#send(message);
    this.#writer.push(ready);
    if (ready.snapshot !== undefined) this.#applier.install(ready.snapshot);
    this.#applier.apply(ready.committedEntries);
    for (const { index, context } of ready.readStates) {
      this.#reads.confirm(readIdOf(context), index, this.#applied);
    }
    for (const context of ready.failedReads) this.#reads.lost(readIdOf(context));
    this.#startRead();
  }

  #send(message: Message): void {
    if (message.type === "MsgSnap") void this.#snapshotter.send(message);
    else this.#deps.transport.send(message);
  }

  #onDurable(ready: Ready): void {
    if (this.#stopReason !== undefined) return;
    this.#raw.advanceAppend(ready);
    for (const message of ready.messagesAfterPersist) this.#send(message);
  }

  #onApplied(last: Entry, bytes: number): void {
    this.#applied = last.index;
    this.#appliedTerm = last.term;
    this.#raw.advanceApply(last.index);
    if (!this.#leading && this.#soft.role === "leader" && last.term === this.#term) {
      this.#leading = true;
      this.#log.info({ term: this.#term, index: last.index }, "this manager leads");
      this.#tellLeadership();
    }
    this.#reads.applied(this.#applied);
    this.#snapshotter.applied(last.index, bytes, () => this.#info());
    this.#scheduleDrain();
  }

  async #restore({ index, term }: SnapshotMetadata): Promise<void> {
    const { snapshots, stateMachine } = this.#deps;
    const stored = await this.#snapshotter.find(index, term);
    await stateMachine.restore(snapshots.read(stored));
    this.#snapshotter.installed(stored);
    this.#membership.restore(stored);
  }

  #onRestored({ index, term }: SnapshotMetadata): void {
    this.#applied = index;
    this.#appliedTerm = term;
    this.#raw.advanceApply(index);
    this.#log.info({ index, term }, "took over the state by a snapshot");
    this.#tellMembers();
    this.#reads.applied(index);
    this.#scheduleDrain();
  }

  #onMemberChange(change: MemberChange, index: number): void {
    this.#membership.apply(change, this.#raw.applyConfChange(change, index));
    this.#tellMembers();
  }

  #onSoftState(soft: SoftState): void {
    const before = this.#soft;
    this.#soft = soft;
    const stepsDown = before.role === "leader" && soft.role !== "leader";
    if (stepsDown) this.#reads.fail(notLeader(this.#leader()));
    const wasLeading = this.#leading;
    if (soft.role !== "leader") this.#leading = false;
    if (soft.leaderId !== before.leaderId || wasLeading !== this.#leading) {
      this.#log.info({ leaderId: soft.leaderId, role: soft.role, term: this.#term }, "raft leader");
      this.#tellLeadership();
    }
  }

  #tick(): void {
    if (this.#stopReason !== undefined) return;
    const nowMs = this.#deps.clock.monotonic();
    this.#proposals.expire(nowMs);
    const noQuorum = "more than half of the managers did not answer in time";
    this.#reads.expire(nowMs, () => unavailable(noQuorum, true));
    // A leader whose disk hangs falls silent, so that the others elect one that can write.
    if (this.#isStuck()) {
      this.#log.error({ pendingMs: this.#writer.pendingMs }, "the disk of the raft log hangs");
    } else {
      this.#enter(() => this.#raw.tick());
      if (this.#leading) this.#changes.promote();
      this.#startRead();
    }
    this.#drain(true);
  }

  // --- helpers ---

  #startRead(): void {
    if (this.#soft.role !== "leader") return;
    const { tickMs } = this.#options;
    const id = this.#reads.start(this.#deps.clock.monotonic(), 5 * tickMs);
    if (id !== undefined && !this.#raw.readIndex(readContext(id))) this.#reads.lost(id);
  }

  #info(): SnapshotInfo {
    const { confState, members } = this.#membership;
    return { index: this.#applied, term: this.#appliedTerm, confState, members };
  }

  #leader(): KnownLeader {
    const { leaderId } = this.#soft;
    return { leaderId, address: this.#membership.get(leaderId)?.address };
  }

  #isStuck(): boolean {
    return this.#writer.pendingMs > this.#options.electionTicks * this.#options.tickMs;
  }

  #deadline(): number {
    return this.#deps.clock.monotonic() + answerMs;
  }

  #tellTransport(): void {
    const { raftId, peers = [] } = this.#options;
    const { members } = this.#membership;
    // Until this node finds itself among the members, it is still reading about the past.
    const byId = new Map(members.map((member) => [member.raftId, member]));
    if (!byId.has(raftId)) for (const peer of peers) byId.set(peer.raftId, peer);
    this.#deps.transport.setMembers([...byId.values()]);
  }

  #tellMembers(): void {
    this.#tellTransport();
    const { members } = this.#membership;
    for (const listener of this.#memberListeners) listener(members);
  }

  #tellLeadership(): void {
    const event = {
      isLeader: this.#leading,
      term: this.#term,
      leaderId: this.#soft.leaderId,
    };
    for (const listener of this.#leadershipListeners) listener(event);
  }

  #mustRun(): void {
    if (this.#stopReason !== undefined) throw this.#stopReason;
  }

  #halt(reason: ClusterError): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#ticker?.stop();
    this.#applier.stop();
    this.#proposals.abandon(reason.message);
    this.#reads.fail(reason);
    this.#waiters.fail(reason);
    this.#soft = { leaderId: 0, role: "follower" };
    const wasLeading = this.#leading;
    this.#leading = false;
    if (wasLeading) this.#tellLeadership();
  }

  // What the disk or the state machine holds is unknown now: take no further part.
  #fail(error: unknown): void {
    if (this.#stopReason !== undefined) return;
    const text = `raft has stopped on this manager: ${errorMessage(error)}; restart the daemon`;
    const reason = new ClusterError("UNAVAILABLE", text, { cause: error });
    this.#log.error({ err: error }, "raft has stopped");
    this.#halt(reason);
    void this.#deps.transport.stop();
    this.#resolveFailed(reason);
  }
}
