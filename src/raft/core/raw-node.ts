import { assert } from "../../base/assert.ts";
import { changeConfig } from "./confchange/changer.ts";
import { confStateOf } from "./confchange/member-config.ts";
import type { RaftConfig, RaftDeps } from "./config.ts";
import { hup } from "./election.ts";
import { acknowledgeOwn, afterApply, propose, transferLeader } from "./leader.ts";
import { leaderReadIndex } from "./leader-reads.ts";
import { Raft } from "./raft.ts";
import { flush } from "./replicate.ts";
import { type RaftStatus, statusOf } from "./status.ts";
import {
  type ConfChange,
  type ConfState,
  type HardState,
  type Message,
  makeMessage,
  type ProposeOutcome,
  type Ready,
  type SoftState,
} from "./types.ts";

/** The door to the core: feed it, then do what its Readies say. See ../README.md for the loop. */
export class RawNode {
  readonly #raft: Raft;
  #sequence = 0;
  #hardState: HardState;
  #softState: SoftState;
  /** Its own votes, which count when the Ready they were cast in is durable. */
  #ownVotes: { readonly sequence: number; readonly messages: readonly Message[] }[] = [];
  #durableSequence = 0;

  /** INVALID_ARGUMENT for a configuration that makes no sense. */
  constructor(config: RaftConfig, deps: RaftDeps) {
    this.#raft = new Raft(config, deps);
    this.#hardState = this.#currentHardState();
    this.#softState = this.#currentSoftState();
  }

  /** One unit of time. */
  tick(): void {
    this.#raft.tick();
  }

  /** A message from another member; one for somebody else is ignored. */
  step(message: Message): void {
    if (message.to !== this.#raft.id || message.from === this.#raft.id) return;
    this.#raft.step(message);
  }

  /** Campaigns now, by a pre-vote first. */
  campaign(): void {
    hup(this.#raft, "pre-vote");
  }

  /** Leader only. */
  propose(data: Uint8Array): ProposeOutcome {
    return propose(this.#raft, "normal", data);
  }

  /** Leader only; `data` is what `decodeConfChange` reads. */
  proposeConfChange(data: Uint8Array): ProposeOutcome {
    return propose(this.#raft, "conf-change", data);
  }

  /**
   * The conf-change entry at `index` is applied; to be called in its place among the entries. One
   * that a snapshot has overtaken changes nothing.
   */
  applyConfChange(change: ConfChange, index: number): ConfState {
    const raft = this.#raft;
    const { config } = raft.tracker;
    if (index <= raft.configIndex) return confStateOf(config);
    return raft.switchConfig(changeConfig(config, change), index);
  }

  /**
   * Asks from which index on a read is linearizable; the answer is in a later Ready, or none comes.
   * False when there is no leader to ask.
   */
  readIndex(context: Uint8Array): boolean {
    const raft = this.#raft;
    if (raft.role === "leader") {
      leaderReadIndex(raft, { from: raft.id, context });
      return true;
    }
    if (raft.leaderId === 0) return false;
    raft.send(makeMessage("MsgReadIndex", raft.leaderId, { context }));
    return true;
  }

  /** Leader only; false when `to` cannot lead. Given up after an election timeout. */
  transferLeader(to: number): boolean {
    return transferLeader(this.#raft, to);
  }

  /** A follower stops obeying its leader, so that it votes at once; for a leader known to be gone. */
  forgetLeader(): void {
    if (this.#raft.role === "follower") this.#raft.leaderId = 0;
  }

  /** Messages to `id` were lost. */
  reportUnreachable(id: number): void {
    const progress = this.#raft.tracker.progress.get(id);
    if (this.#raft.role === "leader" && progress?.state === "replicate") progress.becomeProbe();
  }

  /** How the sending of a MsgSnap to `id` ended. */
  reportSnapshot(id: number, ok: boolean): void {
    const progress = this.#raft.tracker.progress.get(id);
    if (this.#raft.role !== "leader" || progress?.state !== "snapshot") return;
    if (!ok) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    // If it has arrived, its answer goes on; else the next heartbeat's.
    progress.paused = true;
  }

  status(): RaftStatus {
    return statusOf(this.#raft);
  }

  /** Whether there is something to do. */
  hasReady(): boolean {
    const raft = this.#raft;
    return (
      raft.appendWanted ||
      raft.heartbeatWanted ||
      raft.messages.length > 0 ||
      raft.messagesAfterPersist.length > 0 ||
      raft.readStates.length > 0 ||
      raft.failedReads.length > 0 ||
      raft.log.unstable.hasWork() ||
      raft.log.hasCommitted() ||
      !sameHardState(this.#hardState, this.#currentHardState()) ||
      !sameSoftState(this.#softState, this.#currentSoftState())
    );
  }

  /** What there is to do. All of it is handed out once. */
  ready(): Ready {
    const raft = this.#raft;
    flush(raft);
    this.#sequence += 1;
    const { entries, snapshot } = raft.log.unstable.handOut(this.#sequence);
    const before = this.#hardState;
    const hardState = this.#currentHardState();
    const hasHardState = !sameHardState(before, hardState);
    this.#hardState = hardState;
    const softState = this.#currentSoftState();
    const hasSoftState = !sameSoftState(this.#softState, softState);
    this.#softState = softState;
    const own = raft.messagesAfterPersist.filter((message) => message.to === raft.id);
    if (own.length > 0) this.#ownVotes.push({ sequence: this.#sequence, messages: own });
    const ready: Ready = {
      sequence: this.#sequence,
      hardState: hasHardState ? hardState : undefined,
      softState: hasSoftState ? softState : undefined,
      snapshot,
      entries,
      mustSync:
        entries.length > 0 ||
        snapshot !== undefined ||
        before.term !== hardState.term ||
        before.vote !== hardState.vote,
      messages: raft.messages,
      messagesAfterPersist: raft.messagesAfterPersist.filter((message) => message.to !== raft.id),
      committedEntries: raft.log.handOutCommitted(),
      readStates: raft.readStates,
      failedReads: raft.failedReads,
    };
    raft.messages = [];
    raft.messagesAfterPersist = [];
    raft.readStates = [];
    raft.failedReads = [];
    return ready;
  }

  /** `ready` and all before it are durable, and the Storage shows it. */
  advanceAppend(ready: Ready): void {
    const { sequence } = ready;
    assert(
      sequence > this.#durableSequence && sequence <= this.#sequence,
      `ready ${sequence} was acknowledged out of order`,
    );
    this.#durableSequence = sequence;
    const raft = this.#raft;
    raft.log.unstable.acknowledge(sequence);
    while ((this.#ownVotes[0]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) {
      for (const message of this.#ownVotes.shift()?.messages ?? []) raft.step(message);
    }
    if (raft.role === "leader") acknowledgeOwn(raft);
  }

  /** The state machine holds everything up to `index`: entries handed out, or a snapshot. */
  advanceApply(index: number): void {
    this.#raft.log.appliedTo(index);
    if (this.#raft.role === "leader") afterApply(this.#raft);
  }

  /** Both at once, for a driver that does one Ready at a time. */
  advance(ready: Ready): void {
    this.advanceAppend(ready);
    const index = ready.committedEntries.at(-1)?.index ?? ready.snapshot?.index;
    if (index !== undefined) this.advanceApply(index);
  }

  #currentHardState(): HardState {
    const { term, vote, log } = this.#raft;
    return { term, vote, commit: log.committed };
  }

  #currentSoftState(): SoftState {
    return { leaderId: this.#raft.leaderId, role: this.#raft.role };
  }
}

function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

function sameSoftState(a: SoftState, b: SoftState): boolean {
  return a.leaderId === b.leaderId && a.role === b.role;
}
