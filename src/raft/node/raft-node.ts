import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { defaultRaftConfig } from "../core/config.ts";
import { RawNode } from "../core/raw-node.ts";
import type { Entry, Message, Ready, SnapshotMetadata } from "../core/types.ts";
import { decodeMemberChange, type MemberChange } from "../storage/conf-change-codec.ts";
import type { MemoryStorage } from "../storage/memory-storage.ts";
import type { RaftMember } from "../storage/snapshot-store.ts";
import { Applier } from "./applier.ts";
import { type Booted, boot } from "./boot.ts";
import { CoreLoop } from "./core-loop.ts";
import { DiskWatch } from "./disk-watch.ts";
import { incoming } from "./incoming.ts";
import { LogWriter } from "./log-writer.ts";
import { LostLeader } from "./lost-leader.ts";
import { MemberChanges } from "./member-changes.ts";
import { Membership } from "./membership.ts";
import { errorOfDrop, type KnownLeader, notLeader, unavailable } from "./node-errors.ts";
import { checkProposal, Proposals } from "./proposals.ts";
import type {
  LeadershipEvent,
  RaftNodeDeps,
  RaftNodeOptions,
  RaftNodeStatus,
} from "./raft-node-options.ts";
import { Reads, readContext, readIdOf } from "./reads.ts";
import { Snapshotter } from "./snapshotter.ts";
import { Standing } from "./standing.ts";
import { Ticker } from "./ticker.ts";
import { Waiters } from "./waiters.ts";

/** How long a proposal or a read waits for the others. */
const answerMs = 5_000;

/** One member of the group: the core's decisions put into effect. See README.md in this folder. */
export class RaftNode {
  readonly #options: RaftNodeOptions;
  readonly #deps: RaftNodeDeps;
  readonly #log: Logger;
  readonly #mirror: MemoryStorage;
  readonly #raw: RawNode;
  readonly #writer: LogWriter;
  readonly #disk: DiskWatch;
  readonly #applier: Applier;
  readonly #snapshotter: Snapshotter;
  readonly #changes: MemberChanges;
  readonly #proposals = new Proposals();
  readonly #reads = new Reads();
  readonly #waiters = new Waiters();
  readonly #membership = new Membership();
  readonly #standing: Standing;
  readonly #loop: CoreLoop;
  /** Resolves with the reason when the node had to stop by itself; the process should end then. */
  readonly failed: Promise<ClusterError>;
  #resolveFailed: (reason: ClusterError) => void = () => {};
  #ticker: Ticker | undefined;
  #applied = 0;
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
    this.#standing = new Standing(booted.mirror.initialState().hardState.term, deps);
    const { raftId: id, electionTicks, heartbeatTicks } = options;
    const config = { ...defaultRaftConfig, id, electionTicks, heartbeatTicks };
    this.#raw = new RawNode(
      { ...config, applied: this.#applied },
      { storage: this.#mirror, random: deps.random, decodeConfChange: decodeMemberChange },
    );
    const onFailure = (error: unknown): void => this.#fail(error);
    this.#loop = new CoreLoop({
      isRunning: () => this.#stopReason === undefined,
      isWriting: () => this.#writer.busy,
      hasWork: () => this.#raw.hasReady(),
      step: () => this.#handle(this.#raw.ready()),
      afterPass: () => this.#waiters.check(this.#deps.clock.monotonic()),
      onFailure,
    });
    this.#writer = new LogWriter({
      storage: deps.storage,
      mirror: this.#mirror,
      clock: deps.clock,
      onDurable: (ready) => this.#onDurable(ready),
      onIdle: () => this.#loop.run(false),
      onFailure,
    });
    const hangMs = electionTicks * options.tickMs;
    this.#disk = new DiskWatch(hangMs, () => this.#writer.pendingMs, deps.log);
    this.#snapshotter = new Snapshotter(
      options,
      {
        ...deps,
        mirror: this.#mirror,
        onCompactable: (index) => this.#writer.compact(index),
        onSent: (raftId, ok) => this.#loop.enter(() => this.#raw.reportSnapshot(raftId, ok)),
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
        isLeader: () => this.#standing.isLeader,
        leader: () => this.#leader(),
        applied: () => this.#applied,
        wake: () => this.#loop.schedule(),
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
    checkProposal(data);
    if (this.#proposals.isFull) throw errorOfDrop("busy", this.#leader());
    if (this.#disk.isStuck) throw unavailable("this manager's disk does not answer", true);
    const outcome = this.#raw.propose(data);
    if (outcome.kind === "dropped") throw errorOfDrop(outcome.reason, this.#leader());
    const settled = this.#proposals.wait(
      outcome.index,
      outcome.term,
      this.#deps.clock.monotonic() + answerMs,
    );
    this.#loop.schedule();
    return await settled;
  }

  /**
   * Resolves once everything that was agreed on before this call is applied here, with the index up to
   * which that is. Leader only: NOT_LEADER; UNAVAILABLE without a majority within 5 s.
   */
  async readIndex(): Promise<number> {
    this.#mustRun();
    if (!this.#standing.isLeader) throw notLeader(this.#leader());
    const read = this.#reads.wait(this.#deps.clock.monotonic() + answerMs);
    this.#startRead();
    this.#loop.schedule();
    return await read;
  }

  status(): RaftNodeStatus {
    const { confState, members } = this.#membership;
    const raw = this.#raw.status();
    return {
      raftId: this.#options.raftId,
      term: raw.term,
      role: raw.role,
      isLeader: this.#standing.isLeading,
      leaderId: raw.leaderId,
      leaderlessMs: this.#standing.leaderlessMs,
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
    return this.#standing.onLeadership(listener);
  }

  /** Tells of every applied change of the members. */
  onMembers(listener: (members: readonly RaftMember[]) => void): () => void {
    return this.#standing.onMembers(listener);
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

  async #begin(booted: Booted): Promise<void> {
    const { raftId, tickMs, electionTicks } = this.#options;
    const enter = (change: () => void): void => this.#loop.enter(change);
    const [mustRun, applied] = [() => this.#mustRun(), () => this.#applied];
    const { snapshots, transport, clock, random } = this.#deps;
    const lost = new LostLeader(this.#raw);
    transport.start(incoming({ raw: this.#raw, snapshots, enter, mustRun, applied, lost }));
    this.#tellTransport();
    this.#loop.run(true);
    const replayed = (): boolean => this.#applied >= booted.commit;
    if (!replayed()) {
      await this.#waiters.until(replayed, Number.POSITIVE_INFINITY, () => unavailable("", false));
    }
    // Alone there is nobody to wait for.
    const { voters } = this.#membership.confState;
    if (voters.length === 1 && voters[0] === raftId) this.#raw.campaign();
    const catchUpTicksMax = Math.max(1, electionTicks - 2);
    this.#ticker = new Ticker({ tickMs, catchUpTicksMax }, clock, random, () => this.#tick(lost));
    this.#loop.run(true);
  }

  #handle(ready: Ready): void {
    if (ready.hardState !== undefined) this.#standing.enterTerm(ready.hardState.term);
    if (ready.softState !== undefined && this.#standing.change(ready.softState)) {
      this.#reads.fail(notLeader(this.#leader()));
    }
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
    this.#raw.advanceApply(last.index);
    this.#standing.applied(last.term, last.index);
    this.#reads.applied(this.#applied);
    const { index, term } = last;
    this.#snapshotter.applied(index, bytes, () => this.#membership.infoAt(index, term));
    this.#loop.schedule();
  }

  async #restore({ index, term }: SnapshotMetadata): Promise<void> {
    const stored = await this.#snapshotter.find(index, term);
    await this.#deps.stateMachine.restore(this.#snapshotter.read(stored));
    this.#snapshotter.installed(stored);
    this.#membership.restore(stored);
  }

  #onRestored({ index, term }: SnapshotMetadata): void {
    this.#applied = index;
    this.#raw.advanceApply(index);
    this.#log.info({ index, term }, "took over the state by a snapshot");
    this.#tellMembers();
    this.#reads.applied(index);
    this.#loop.schedule();
  }

  #onMemberChange(change: MemberChange, index: number): void {
    this.#membership.apply(change, this.#raw.applyConfChange(change, index));
    this.#tellMembers();
  }

  #tick(lost: LostLeader): void {
    if (this.#stopReason !== undefined) return;
    const nowMs = this.#deps.clock.monotonic();
    this.#proposals.expire(nowMs);
    const noQuorum = "more than half of the managers did not answer in time";
    this.#reads.expire(nowMs, () => unavailable(noQuorum, true));
    // A leader whose disk hangs falls silent, so that the others elect one that can write.
    if (!this.#disk.check()) {
      this.#loop.enter(() => lost.tick());
      if (this.#standing.isLeading) this.#changes.promote();
      this.#startRead();
    }
    this.#writer.flush();
    this.#loop.run(true);
  }

  #startRead(): void {
    if (!this.#standing.isLeader) return;
    const { tickMs } = this.#options;
    const id = this.#reads.start(this.#deps.clock.monotonic(), 5 * tickMs);
    if (id !== undefined && !this.#raw.readIndex(readContext(id))) this.#reads.lost(id);
  }

  #leader(): KnownLeader {
    const { leaderId } = this.#standing;
    return { leaderId, address: this.#membership.get(leaderId)?.address };
  }

  #tellTransport(): void {
    const { raftId, peers = [] } = this.#options;
    this.#deps.transport.setMembers(this.#membership.contacts(raftId, peers));
  }

  #tellMembers(): void {
    this.#tellTransport();
    this.#standing.tellMembers(this.#membership.members);
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
    this.#standing.resign();
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
