import type { RawNode } from "../core/raw-node.ts";
import type { SnapshotStore } from "../storage/snapshot-store.ts";
import type { TransportHandler } from "../transport/raft-transport.ts";
import type { LostLeader } from "./lost-leader.ts";

export interface IncomingDeps {
  readonly raw: RawNode;
  readonly snapshots: SnapshotStore;
  /** Runs something that may give the core work to hand out. */
  readonly enter: (change: () => void) => void;
  /** Throws once the node has stopped. */
  readonly mustRun: () => void;
  readonly applied: () => number;
  readonly lost: LostLeader;
}

/** What comes from the other members goes into the core; a snapshot's bytes are made durable first. */
export function incoming({
  raw,
  snapshots,
  enter,
  mustRun,
  applied,
  lost,
}: IncomingDeps): TransportHandler {
  return {
    receive: (message) => enter(() => raw.step(message)),
    unreachable: (raftId, isGone = false) =>
      enter(() => {
        raw.reportUnreachable(raftId);
        if (isGone) lost.gone(raftId);
      }),
    receiveSnapshot: async (message, snapshot, chunks) => {
      mustRun();
      const { index, term, confState } = snapshot;
      if (index > applied()) await snapshots.save(snapshot, chunks);
      else for await (const _ of chunks); // late or twice: the core answers with what it has
      const metadata = { index, term, confState };
      enter(() => raw.step({ ...message, snapshot: metadata }));
    },
  };
}
