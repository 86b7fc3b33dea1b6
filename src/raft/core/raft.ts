import { type Random, randomInteger } from "../../base/random.ts";
import {
  confStateOf,
  isVoter,
  type MemberConfig,
  restoreConfig,
} from "./confchange/member-config.ts";
import type { RaftConfig, RaftDeps } from "./config.ts";
import { validateRaftConfig } from "./config.ts";
import { handleVoteRequest, hup, stepCandidate } from "./election.ts";
import { stepFollower } from "./follower.ts";
import { afterConfigChange, leaderTick, stepLeader } from "./leader.ts";
import { RaftLog } from "./log/raft-log.ts";
import { ReadOnly } from "./read-only.ts";
import { Tracker } from "./tracker/tracker.ts";
import { type ConfState, type Message, makeMessage, type ReadState, type Role } from "./types.ts";

/**
 * One member's state and the rules that all roles share: terms, roles, time, dispatch. What a role
 * does is in `election.ts`, `leader.ts` and `follower.ts`. Edges: follower -> pre-candidate (timeout)
 * -> candidate (pre-vote won) -> leader (vote won); any -> follower (higher term, lost vote, no
 * quorum, removed); follower -> candidate (transfer).
 */
export class Raft {
  readonly config: RaftConfig;
  readonly deps: RaftDeps;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly readOnly = new ReadOnly();
  readonly id: number;

  term: number;
  vote: number;
  leaderId = 0;
  role: Role = "follower";

  /** Ticks since the last valid message of the leader; for a leader, since the last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Between electionTicks and twice that, new for each term and role. */
  electionTimeout = 0;

  /** Leader: no change of members may be proposed before this index is applied. */
  pendingConfIndex = 0;
  /** Leader: to whom leadership is being handed. */
  transferTo = 0;
  /** Leader: data of its entries that are not committed. */
  uncommittedBytes = 0;
  /** Leader: there are entries or commits that followers have not been sent. */
  appendWanted = false;
  /** Leader: there are reads to prove. */
  heartbeatWanted = false;
  /** The entry or snapshot whose configuration is in force. */
  configIndex: number;

  /** Out at once. */
  messages: Message[] = [];
  /** Out when what precedes them is durable; also those to itself. */
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  failedReads: Uint8Array[] = [];

  constructor(config: RaftConfig, deps: RaftDeps) {
    validateRaftConfig(config);
    this.config = config;
    this.deps = deps;
    this.id = config.id;
    const { hardState, confState } = deps.storage.initialState();
    const start = { committed: hardState.commit, applied: config.applied };
    this.log = new RaftLog(deps.storage, start, config.applyingBytesMax);
    this.tracker = new Tracker(restoreConfig(confState), config);
    this.tracker.reset(this.log.lastIndex() + 1);
    this.configIndex = this.log.applied;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.#reset(this.term);
  }

  get random(): Random {
    return this.deps.random;
  }

  /** One unit of time. */
  tick(): void {
    if (this.role === "leader") {
      leaderTick(this);
      return;
    }
    this.electionElapsed += 1;
    if (this.electionElapsed >= this.electionTimeout && this.promotable()) {
      this.electionElapsed = 0;
      hup(this, "pre-vote");
    }
  }

  /** A message from another member, or a vote of its own that is durable now. */
  step(message: Message): void {
    if (message.term > this.term) {
      if (!this.#acceptHigherTerm(message)) return;
    } else if (message.term < this.term && message.term !== 0) {
      this.#refuseLowerTerm(message);
      return;
    }
    if (message.type === "MsgVote" || message.type === "MsgPreVote") {
      handleVoteRequest(this, message);
      return;
    }
    if (this.role === "leader") stepLeader(this, message);
    else if (this.role === "follower") stepFollower(this, message);
    else stepCandidate(this, message);
  }

  /** Fills in the sender and the term and puts the message where it may leave from. */
  send(message: Message): void {
    const carriesTerm = message.type === "MsgVote" || message.type === "MsgPreVote";
    const isAnswer = message.type === "MsgVoteResp" || message.type === "MsgPreVoteResp";
    const isRead = message.type === "MsgReadIndex" || message.type === "MsgReadIndexResp";
    const term = isRead ? 0 : carriesTerm || isAnswer ? message.term : this.term;
    const complete = { ...message, from: this.id, term };
    // What promises something must not be heard before it is kept. A candidacy does too: others alone
    // could elect this node, and after a crash it would lead the same term twice.
    if (isAnswer || message.type === "MsgAppResp" || message.type === "MsgVote")
      this.messagesAfterPersist.push(complete);
    else this.messages.push(complete);
  }

  becomeFollower(term: number, leaderId: number): void {
    this.#reset(term);
    this.role = "follower";
    this.leaderId = leaderId;
  }

  /** Asks without a new term (Ongaro's thesis §9.6): term and vote stay as they are. */
  becomePreCandidate(): void {
    this.#failReads();
    this.tracker.resetVotes();
    this.role = "pre-candidate";
    this.leaderId = 0;
    this.#newElectionTimeout();
  }

  becomeCandidate(): void {
    this.#reset(this.term + 1);
    this.role = "candidate";
    this.vote = this.id;
  }

  becomeLeader(): void {
    this.#reset(this.term);
    this.role = "leader";
    this.leaderId = this.id;
    this.uncommittedBytes = 0;
    const own = this.tracker.progress.get(this.id);
    if (own !== undefined) {
      own.becomeReplicate();
      own.maybeUpdate(this.log.durableIndex());
      own.recentActive = true;
    }
    // Any change of members in the log must be applied before another one; that none is there is not
    // known without looking, and this is as good.
    this.pendingConfIndex = this.log.lastIndex();
  }

  /** Whether it may campaign: a voter whose log is not being replaced. */
  promotable(): boolean {
    return isVoter(this.tracker.config, this.id) && this.log.unstable.snapshot === undefined;
  }

  /** The configuration of `index` is in force from here. */
  switchConfig(config: MemberConfig, index: number): ConfState {
    this.tracker.setConfig(config, this.log.lastIndex() + 1);
    this.configIndex = index;
    if (this.role === "leader") afterConfigChange(this);
    return confStateOf(this.tracker.config);
  }

  #acceptHigherTerm(message: Message): boolean {
    const { type, term, from } = message;
    if (type === "MsgVote" || type === "MsgPreVote") {
      const isForced = message.context.length > 0;
      const hasLeader = this.leaderId !== 0 && this.electionElapsed < this.config.electionTicks;
      // Who hears a leader does not help to depose it (Raft §6, thesis §4.2.3).
      if (hasLeader && !isForced) return false;
    }
    if (type === "MsgPreVote") return true;
    if (type === "MsgPreVoteResp" && !message.reject) return true; // the term it was asked for
    const isFromLeader = type === "MsgApp" || type === "MsgHeartbeat" || type === "MsgSnap";
    this.becomeFollower(term, isFromLeader ? from : 0);
    return true;
  }

  #refuseLowerTerm({ type, from }: Message): void {
    if (type === "MsgApp" || type === "MsgHeartbeat" || type === "MsgSnap") {
      // A leader of an old term steps down by this; else a member whose term ran ahead is stuck.
      this.send(makeMessage("MsgAppResp", from));
    } else if (type === "MsgPreVote") {
      this.send(makeMessage("MsgPreVoteResp", from, { term: this.term, reject: true }));
    }
  }

  #reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = 0;
    }
    this.#failReads();
    this.leaderId = 0;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.#newElectionTimeout();
    this.transferTo = 0;
    this.pendingConfIndex = 0;
    this.appendWanted = false;
    this.heartbeatWanted = false;
    this.tracker.reset(this.log.lastIndex() + 1);
  }

  #failReads(): void {
    for (const { from, context } of this.readOnly.clear()) {
      if (from === this.id) this.failedReads.push(context);
    }
  }

  #newElectionTimeout(): void {
    const { electionTicks } = this.config;
    this.electionTimeout = randomInteger(this.random, electionTicks, 2 * electionTicks - 1);
  }
}
