import { ClusterError, type ErrorCode, errorMessage, isClusterError } from "../../base/errors.ts";
import type { SwarmStateData } from "../backend/node-info.ts";

/** An answer other than success; `message` is shown to people as it is. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "HttpError";
    this.status = status;
  }
}

/** 400 with `message`. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, message);
}

/** 404 with `message`. */
export function notFound(message: string): HttpError {
  return new HttpError(404, message);
}

/** 501: Docker has it and this daemon does not. `what` is a plural or singular noun phrase. */
export function notImplemented(what: string): HttpError {
  return new HttpError(501, `${what} is not implemented by this daemon`);
}

const statusOf: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  NOT_LEADER: 503,
  DEADLINE_EXCEEDED: 503,
  OUT_OF_DATE: 500,
  RESOURCE_EXHAUSTED: 500,
  CANCELLED: 500,
  ABORTED: 500,
  DATA_LOSS: 500,
  INTERNAL: 500,
  UNKNOWN: 500,
};

/** gRPC's spelling of the codes, which Docker clients see in texts. */
const grpcName: Readonly<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: "InvalidArgument",
  FAILED_PRECONDITION: "FailedPrecondition",
  UNAUTHENTICATED: "Unauthenticated",
  PERMISSION_DENIED: "PermissionDenied",
  NOT_FOUND: "NotFound",
  ALREADY_EXISTS: "AlreadyExists",
  UNIMPLEMENTED: "Unimplemented",
  UNAVAILABLE: "Unavailable",
  NOT_LEADER: "Unavailable",
  DEADLINE_EXCEEDED: "DeadlineExceeded",
  OUT_OF_DATE: "Unknown",
  RESOURCE_EXHAUSTED: "ResourceExhausted",
  CANCELLED: "Canceled",
  ABORTED: "Aborted",
  DATA_LOSS: "DataLoss",
  INTERNAL: "Internal",
  UNKNOWN: "Unknown",
};

const noLeaderText =
  "The swarm does not have a leader. It's possible that too few managers are online. " +
  "Make sure more than half of the managers are online.";

/** What a failed call of the cluster looks like to a Docker client (texts keep gRPC's prefix). */
export function fromCluster(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (!isClusterError(error)) return fromLocal(error);
  const status = statusOf[error.code];
  if (error.code === "NOT_LEADER") return new HttpError(status, prefixed("Unknown", noLeaderText));
  if (error.code === "OUT_OF_DATE") {
    return new HttpError(status, prefixed("Unknown", "update out of sequence"));
  }
  return new HttpError(status, prefixed(grpcName[error.code], error.message));
}

/** What a failed call of this node looks like. A wrong state of a container or image is a conflict. */
export function fromLocal(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ClusterError) {
    const status = error.code === "FAILED_PRECONDITION" ? 409 : statusOf[error.code];
    return new HttpError(status, error.message);
  }
  return new HttpError(500, errorMessage(error));
}

/** The result of a call of the cluster; a failure becomes an HttpError with gRPC's prefix. */
export async function clusterCall<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw fromCluster(error);
  }
}

/** As `clusterCall`, but NOT_FOUND becomes 404 "<kind> <ref> not found". */
export async function clusterGet<T>(kind: string, ref: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isClusterError(error, "NOT_FOUND")) throw notFound(`${kind} ${ref} not found`);
    throw fromCluster(error);
  }
}

/** The 503 that a node gives for a cluster route when it is no manager; undefined on a manager. */
export function notManagerError(state: SwarmStateData): HttpError | undefined {
  if (state.manager) return undefined;
  if (state.state === "locked") {
    return new HttpError(
      503,
      "Swarm is encrypted and needs to be unlocked before it can be used. " +
        'Please use "docker swarm unlock" to unlock it.',
    );
  }
  if (state.state === "pending") {
    return new HttpError(
      503,
      "This node is not a swarm manager. The node is still joining or starting; try again shortly.",
    );
  }
  if (state.state === "active" || state.state === "error") {
    return new HttpError(
      503,
      "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster " +
        "state. Please run this command on a manager node or promote the current node to a manager.",
    );
  }
  return new HttpError(
    503,
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to ' +
      "connect this node to swarm and try again.",
  );
}

function prefixed(code: string, message: string): string {
  return `rpc error: code = ${code} desc = ${message}`;
}
