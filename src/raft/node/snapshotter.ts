import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Message } from "../core/types.ts";
import type { MemoryStorage } from "../storage/memory-storage.ts";
import type { SnapshotInfo, SnapshotStore, StoredSnapshot } from "../storage/snapshot-store.ts";
import type { RaftTransport } from "../transport/raft-transport.ts";
import { paced } from "./paced.ts";
import type { StateMachine } from "./state-machine.ts";

export interface SnapshotterOptions {
  readonly raftId: number;
  readonly snapshotEntries: () => number;
  readonly snapshotBytes: number;
  readonly keepEntries: number;
}

export interface SnapshotterDeps {
  readonly snapshots: SnapshotStore;
  readonly stateMachine: StateMachine;
  readonly mirror: MemoryStorage;
  readonly transport: RaftTransport;
  readonly clock: Clock;
  readonly log: Logger;
  /** A durable snapshot makes entries up to `index` dispensable. */
  readonly onCompactable: (index: number) => void;
  readonly onSent: (raftId: number, ok: boolean) => void;
  /** The disk has failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Old snapshots that are kept: one may be on its way to a member. */
const keepSnapshots = 2;
/** Data of entries kept behind a snapshot, as they are in memory too; beyond that a late member gets the snapshot. */
const keepBytes = 8 * 1024 * 1024;

/** So many members have intervals between snapshots of their own, the shortest a little more than half of what was asked for. */
const turns = 5;
/** Of writing and of sending one: nobody waits for it. */
const restWhileCopying = 3;
/** Of taking the state over while this member has no vote: somebody waits, but not the clients of those that have one. */
const restWhileRestoring = 1;

/** Makes snapshots when the log has grown enough, and sends them to members that need them. */
export class Snapshotter {
  readonly #options: SnapshotterOptions;
  readonly #deps: SnapshotterDeps;
  readonly #stored = new Map<number, StoredSnapshot>();
  #lastIndex = 0;
  /** Data applied since the last snapshot. */
  #bytes = 0;
  #working: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(options: SnapshotterOptions, deps: SnapshotterDeps, booted?: StoredSnapshot) {
    this.#options = options;
    this.#deps = deps;
    if (booted !== undefined) this.installed(booted);
  }

  /** This snapshot is the state now. */
  installed(snapshot: StoredSnapshot): void {
    this.#keep(snapshot);
    this.#bytes = 0;
  }

  /** Called after entries were applied: `info` says what a snapshot would be of now. */
  applied(index: number, bytes: number, info: () => SnapshotInfo): void {
    const { snapshotEntries } = this.#options;
    this.#bytes += bytes;
    const isDue =
      index - this.#lastIndex >= this.#share * snapshotEntries() || this.#bytes >= this.#bytesMax;
    if (!isDue) return;
    if (index === this.#lastIndex || this.#working !== undefined) return;
    // Asked for within this turn, so that it is of exactly this index.
    const chunks = this.#deps.stateMachine.snapshot();
    this.#bytes = 0;
    this.#working = this.#make(info(), this.#unhurried(chunks)).finally(() => {
      this.#working = undefined;
    });
  }

  /** Sends what `message` (MsgSnap) names; always reports. */
  async send(message: Message): Promise<void> {
    const { snapshots, transport, log, onSent } = this.#deps;
    const index = message.snapshot?.index ?? 0;
    const snapshot = this.#stored.get(index);
    let ok = false;
    try {
      if (snapshot === undefined) {
        throw new ClusterError("NOT_FOUND", `snapshot ${index} was replaced by a newer one`);
      }
      await transport.sendSnapshot(message, snapshot, () =>
        this.#paced(snapshots.read(snapshot), restWhileCopying, () => false),
      );
      ok = true;
      log.info({ to: message.to, index }, "sent a raft snapshot");
    } catch (err) {
      log.warn({ to: message.to, index, err }, "raft snapshot was not sent");
    }
    onSent(message.to, ok);
  }

  /** A stored snapshot's bytes, for this member's own state machine. */
  read(snapshot: StoredSnapshot): AsyncIterable<Uint8Array> {
    const chunks = this.#deps.snapshots.read(snapshot);
    const isVoter = snapshot.confState.voters.includes(this.#options.raftId);
    return isVoter ? chunks : this.#paced(chunks, restWhileRestoring, () => false);
  }

  /** The stored snapshot of these coordinates. NOT_FOUND when there is none. */
  async find(index: number, term: number): Promise<StoredSnapshot> {
    const all = await this.#deps.snapshots.list();
    const found = all.find((snapshot) => snapshot.index === index && snapshot.term === term);
    if (found === undefined) throw new ClusterError("NOT_FOUND", `snapshot ${index} is not stored`);
    return found;
  }

  /** Resolves when a snapshot that is being made is done. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  // Nobody waits for it, unless the log that it is to replace grows fast.
  #unhurried(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const isUrgent = (): boolean => this.#bytes > this.#bytesMax / 2;
    return this.#paced(chunks, restWhileCopying, isUrgent);
  }

  #paced(
    chunks: AsyncIterable<Uint8Array>,
    restPerWork: number,
    isUrgent: () => boolean,
  ): AsyncIterable<Uint8Array> {
    const { clock } = this.#deps;
    return paced(chunks, { clock, restPerWork, isUrgent, stopping: this.#stopping.signal });
  }

  // Not all members at once, as each is slower meanwhile: some have their next snapshot earlier than they need.
  get #share(): number {
    return 1 - ((this.#options.raftId - 1) % turns) / (2 * turns);
  }

  get #bytesMax(): number {
    return this.#share * this.#options.snapshotBytes;
  }

  async #make(info: SnapshotInfo, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { snapshots, mirror, log, onCompactable, onFailure } = this.#deps;
    try {
      const snapshot = await snapshots.save(info, chunks);
      if (snapshot.index <= this.#lastIndex) return; // a newer one was installed meanwhile
      this.#keep(snapshot);
      mirror.offer(snapshot);
      const { keepEntries } = this.#options;
      onCompactable(mirror.compactionBefore(snapshot.index, keepEntries, keepBytes));
      await snapshots.prune(snapshot.index, keepSnapshots);
      log.info({ index: snapshot.index, sizeBytes: snapshot.sizeBytes }, "made a raft snapshot");
    } catch (error) {
      onFailure(error);
    }
  }

  #keep(snapshot: StoredSnapshot): void {
    this.#stored.set(snapshot.index, snapshot);
    this.#lastIndex = Math.max(this.#lastIndex, snapshot.index);
    for (const index of this.#stored.keys()) {
      if (this.#stored.size > keepSnapshots) this.#stored.delete(index);
    }
  }
}
