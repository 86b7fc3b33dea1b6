/**
 * Operating errors, by gRPC's names plus NOT_LEADER. Mapped to gRPC only in `rpc/status.ts`,
 * to HTTP only in `rest/http-error.ts`.
 */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "FAILED_PRECONDITION"
  /** The version an update was based on is not the current one. */
  | "OUT_OF_DATE"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "UNAVAILABLE"
  /** Only the leader can do this; `details.leaderAddress` names it when known. */
  | "NOT_LEADER"
  | "DEADLINE_EXCEEDED"
  | "RESOURCE_EXHAUSTED"
  | "CANCELLED"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "DATA_LOSS"
  | "INTERNAL"
  | "UNKNOWN";

export interface ErrorOptions {
  readonly details?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * An error that is part of normal operation: bad input, an absent thing, an unreachable peer.
 * The message is lower case, names the thing and says what to do.
 */
export class ClusterError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ClusterError";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Whether `error` is a ClusterError, with one of `codes` when any is given. */
export function isClusterError(error: unknown, ...codes: ErrorCode[]): error is ClusterError {
  return error instanceof ClusterError && (codes.length === 0 || codes.includes(error.code));
}

/** The text of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name ("ENOENT") of a system error, or undefined. */
export function errnoCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
