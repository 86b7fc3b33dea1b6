import type { Clock } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import { joinCluster } from "../ca/ca-client.ts";
import { parseJoinToken } from "../ca/join-token.ts";
import type { JoinSwarmOptions } from "../rest/backend.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { defaultSwarmPort } from "./addresses.ts";

/** Asks the managers named, one after another, for a certificate; rejects with what the last one said, with the codes Docker's API gives. */
export async function requestMembership(
  options: JoinSwarmOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<TlsIdentity> {
  const { remoteAddresses, joinToken: token, availability } = options;
  let last: unknown = new ClusterError(
    "INVALID_ARGUMENT",
    "at least 1 RemoteAddr is required to join",
  );
  for (const remote of remoteAddresses) {
    signal.throwIfAborted();
    try {
      return await joinCluster({ address: withSwarmPort(remote), token, availability }, { clock });
    } catch (error) {
      last = isClusterError(error, "FAILED_PRECONDITION") ? withoutCode(error) : error;
    }
  }
  throw last;
}

/** UNKNOWN for a malformed token. */
export function checkJoinToken(token: string): void {
  try {
    parseJoinToken(token);
  } catch (error) {
    throw isClusterError(error) ? withoutCode(error) : error;
  }
}

/** `10.0.0.1` → `10.0.0.1:2377`. */
export function withSwarmPort(address: string): string {
  const { host, port } = splitHostPort(address, defaultSwarmPort);
  return `${host}:${port}`;
}

// Docker has no code for a token that is malformed or of another cluster: its API answers 500, and clients know it so.
function withoutCode(error: ClusterError): ClusterError {
  return new ClusterError("UNKNOWN", error.message, { cause: error });
}
