import type { RaftConfChange, RaftConfChangeInput } from "../../gen/skep/RaftConfChange.ts";
import { messageCodec } from "../../rpc/load-proto.ts";
import type { ConfChange } from "../core/types.ts";
import type { RaftMember } from "./snapshot-store.ts";

const codec = messageCodec<RaftConfChangeInput, RaftConfChange>("RaftConfChange");

/** A change of the configuration, and who the members in it are. */
export interface MemberChange extends ConfChange {
  readonly members: readonly RaftMember[];
}

/** The data of a conf-change entry. */
export function encodeMemberChange(change: MemberChange): Buffer {
  return codec.encode({
    changes: change.changes.map(({ type, raftId }) => ({ type, raftId })),
    transition: change.transition,
    members: [...change.members],
  });
}

/** No data = no changes, which leaves a joint configuration. */
export function decodeMemberChange(data: Uint8Array): MemberChange {
  return codec.decode(data);
}
