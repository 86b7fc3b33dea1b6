import type {
  RaftSnapshotMetadata,
  RaftSnapshotMetadataInput,
} from "../../gen/skep/RaftSnapshotMetadata.ts";
import { messageCodec } from "../../rpc/load-proto.ts";
import type { SnapshotInfo } from "./snapshot-store.ts";

const codec = messageCodec<RaftSnapshotMetadataInput, RaftSnapshotMetadata>("RaftSnapshotMetadata");

export function encodeSnapshotInfo(info: SnapshotInfo): Buffer {
  return codec.encode(snapshotInfoToProto(info));
}

export function decodeSnapshotInfo(bytes: Uint8Array): SnapshotInfo {
  return snapshotInfoFromProto(codec.decode(bytes));
}

export function snapshotInfoToProto(info: SnapshotInfo): RaftSnapshotMetadataInput {
  const { index, term, confState, members } = info;
  return {
    index,
    term,
    confState: {
      voters: [...confState.voters],
      learners: [...confState.learners],
      votersOutgoing: [...confState.votersOutgoing],
      learnersNext: [...confState.learnersNext],
      autoLeave: confState.autoLeave,
    },
    members: [...members],
  };
}

export function snapshotInfoFromProto(proto: RaftSnapshotMetadata): SnapshotInfo {
  const { index, term, confState, members } = proto;
  return {
    index,
    term,
    confState: confState ?? {
      voters: [],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    },
    members,
  };
}
