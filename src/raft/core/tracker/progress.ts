import { assert } from "../../../base/assert.ts";
import { Inflights } from "./inflights.ts";

/**
 * probe: where the logs agree is not known, one message at a time; replicate: messages are sent
 * ahead of their answers; snapshot: nothing until the snapshot has arrived.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** What the leader knows of a member's log. */
export class Progress {
  /** The member's log equals the leader's up to here. */
  match = 0;
  /** What is sent next; always above `match`. */
  next: number;
  state: ProgressState = "probe";
  /** The index of the snapshot being sent. */
  pendingSnapshot = 0;
  /** The newest snapshot that was sent. */
  sentSnapshot = 0;
  /** How far it has applied, by its last answer to a heartbeat. */
  applied = 0;
  /** Heard from since the last check of the quorum. */
  recentActive = false;
  /** No append before the next answer. */
  paused = false;
  /** The commit index of the last append sent. */
  sentCommit = 0;
  /** The last read counter it has echoed. */
  readAck = 0;
  readonly inflights: Inflights;

  constructor(next: number, inflightMessagesMax: number, inflightBytesMax: number) {
    this.next = next;
    this.inflights = new Inflights(inflightMessagesMax, inflightBytesMax);
  }

  /** Falls back to one message at a time, from what is known to have arrived. */
  becomeProbe(): void {
    // A snapshot that was sent may have been installed, though its acknowledgement is not here.
    const next =
      this.state === "snapshot" ? Math.max(this.match, this.pendingSnapshot) : this.match;
    this.#reset("probe");
    this.next = next + 1;
    this.sentCommit = 0;
  }

  becomeReplicate(): void {
    this.#reset("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#reset("snapshot");
    this.pendingSnapshot = index;
    this.sentSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** The member has acknowledged `index`; false when that was known. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.paused = false;
    return true;
  }

  /**
   * The member has refused an append after `rejected`, and may agree at `hint`. False when the
   * answer is a stale one.
   */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.paused = false;
    return true;
  }

  /** An append of `count` entries was sent. */
  sent(count: number, bytes: number): void {
    if (this.state === "replicate") {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.paused = this.inflights.full;
      return;
    }
    assert(this.state === "probe", "nothing is appended while a snapshot is under way");
    this.paused = true;
  }

  isPaused(): boolean {
    return this.state === "snapshot" || this.paused;
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.paused = false;
    this.pendingSnapshot = 0;
    this.inflights.reset();
  }
}
