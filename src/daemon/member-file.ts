import { crc32 } from "node:zlib";
import { ClusterError } from "../base/errors.ts";
import type { MemberState } from "./state-dir.ts";

const formatVersion = 1;
const rejoin = "put back a good copy, or leave the swarm with force and join again";

/** The text of member.json. */
export function encodeMember(state: MemberState): string {
  const body = JSON.parse(JSON.stringify(state)) as object;
  return `${JSON.stringify({ ...body, checksum: checksumOf(body) }, null, 2)}\n`;
}

/** DATA_LOSS naming `path` when the text is damaged; FAILED_PRECONDITION when a later version of the program wrote it. */
export function decodeMember(text: string, path: string): MemberState {
  const { checksum, ...body } = parsed(text, path);
  const version = body["formatVersion"];
  if (typeof version === "number" && version > formatVersion) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `${path} has format ${version}, which a newer version of this program wrote; start that version, or a later one`,
    );
  }
  // Files of the first versions have no checksum.
  const isWhole = checksum === undefined || checksum === checksumOf(body);
  if (!isWhole || !isMemberState(body)) throw damagedMember(path);
  return body;
}

/** DATA_LOSS for a file that is lost while others of the node are there. */
export function missingMember(path: string): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `${path} is missing, but the keys of a member of a swarm are there; ${rejoin}`,
  );
}

/** DATA_LOSS with what to do about it. */
export function damagedMember(path: string, cause?: unknown): ClusterError {
  return new ClusterError("DATA_LOSS", `${path} is damaged; ${rejoin}`, { cause });
}

function parsed(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damagedMember(path, error);
  }
  if (typeof value === "object" && value !== null) return { ...value };
  throw damagedMember(path);
}

function isMemberState(body: object): body is MemberState {
  const state: Partial<MemberState> = body;
  const texts = [
    state.nodeId,
    state.clusterId,
    state.listenAddress,
    state.advertiseAddress,
    state.dataPathAddress,
  ];
  return (
    state.formatVersion === formatVersion &&
    texts.every((text) => typeof text === "string" && text !== "") &&
    Number.isSafeInteger(state.raftId) &&
    Array.isArray(state.managers) &&
    state.managers.every((address) => typeof address === "string")
  );
}

// The order of the fields is that of the text, which JSON.parse keeps.
function checksumOf(body: object): string {
  return crc32(JSON.stringify(body)).toString(16).padStart(8, "0");
}
