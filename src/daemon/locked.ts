import { ClusterError, errorMessage } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { SwarmStateData } from "../rest/backend/node-info.ts";
import { defaultSwarmPort } from "./addresses.ts";
import type { MemberState } from "./state-dir.ts";

const lockedText =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.';

/** What the API tells of a node whose keys are locked. */
export function lockedState({ advertiseAddress }: MemberState): SwarmStateData {
  return {
    state: "locked",
    manager: false,
    nodeId: "",
    nodeAddress: splitHostPort(advertiseAddress, defaultSwarmPort).host,
    error: lockedText,
    remoteManagers: [],
  };
}

/** UNAVAILABLE, in Docker's words. */
export function lockedError(): ClusterError {
  return new ClusterError("UNAVAILABLE", lockedText);
}

/** UNAVAILABLE, in Docker's words, for leaving without force. */
export function lockedLeaveError(): ClusterError {
  return new ClusterError(
    "UNAVAILABLE",
    "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.",
  );
}

/** INTERNAL, in Docker's words: the key was right, but the member did not start. */
export function notStartedError(error: unknown): ClusterError {
  const text = `swarm component could not be started: ${errorMessage(error)}`;
  return new ClusterError("INTERNAL", text, { cause: error });
}
