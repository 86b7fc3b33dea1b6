import { status as grpcStatus, Metadata } from "@grpc/grpc-js";
import { ClusterError, type ErrorCode } from "../base/errors.ts";

const codeKey = "skep-code";
const detailsKey = "skep-details-bin";

const toGrpc: Readonly<Record<ErrorCode, grpcStatus>> = {
  INVALID_ARGUMENT: grpcStatus.INVALID_ARGUMENT,
  NOT_FOUND: grpcStatus.NOT_FOUND,
  ALREADY_EXISTS: grpcStatus.ALREADY_EXISTS,
  FAILED_PRECONDITION: grpcStatus.FAILED_PRECONDITION,
  OUT_OF_DATE: grpcStatus.ABORTED,
  PERMISSION_DENIED: grpcStatus.PERMISSION_DENIED,
  UNAUTHENTICATED: grpcStatus.UNAUTHENTICATED,
  UNAVAILABLE: grpcStatus.UNAVAILABLE,
  NOT_LEADER: grpcStatus.FAILED_PRECONDITION,
  DEADLINE_EXCEEDED: grpcStatus.DEADLINE_EXCEEDED,
  RESOURCE_EXHAUSTED: grpcStatus.RESOURCE_EXHAUSTED,
  CANCELLED: grpcStatus.CANCELLED,
  ABORTED: grpcStatus.ABORTED,
  UNIMPLEMENTED: grpcStatus.UNIMPLEMENTED,
  DATA_LOSS: grpcStatus.DATA_LOSS,
  INTERNAL: grpcStatus.INTERNAL,
  UNKNOWN: grpcStatus.UNKNOWN,
};

const fromGrpc: ReadonlyMap<number, ErrorCode> = new Map(
  Object.keys(toGrpc)
    .filter((code): code is ErrorCode => code in grpcStatus)
    .map((code) => [toGrpc[code], code]),
);

/** The form in which grpc-js takes an error from a handler. */
export interface GrpcError {
  readonly code: grpcStatus;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The form in which grpc-js gives an error to a caller. */
interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What a caller may know: a ClusterError as it is, and of anything else only that it happened. */
function tellable(error: unknown): ClusterError {
  return error instanceof ClusterError ? error : new ClusterError("INTERNAL", "internal error");
}

/** Code, message and details for the other side of a link. What is no ClusterError becomes INTERNAL. */
export function errorToJson(error: unknown): string {
  const { code, message, details } = tellable(error);
  return JSON.stringify({ code, message, details });
}

/** The other side's error; UNKNOWN when it cannot be read. */
export function errorFromJson(text: string): ClusterError {
  const { code, message, details } = parsedObject(text);
  if (typeof code !== "string" || !(code in toGrpc) || typeof message !== "string") {
    return new ClusterError("UNKNOWN", "the other side ended the link and gave no reason");
  }
  return new ClusterError(code as ErrorCode, message, { details: textsOf(details) });
}

/** Our code and details travel in the metadata. What is no ClusterError becomes INTERNAL. */
export function toGrpcError(error: unknown): GrpcError {
  const known = tellable(error);
  const metadata = new Metadata();
  metadata.set(codeKey, known.code);
  if (Object.keys(known.details).length > 0) {
    metadata.set(detailsKey, Buffer.from(JSON.stringify(known.details)));
  }
  return { code: toGrpc[known.code], details: known.message, metadata };
}

/**
 * The ClusterError behind an error of a call to `address`. Errors of the transport itself are named
 * for the address; `details.sent` is "no" when the request provably never left this node, else "unknown".
 */
export function fromGrpcError(error: unknown, address: string): ClusterError {
  if (error instanceof ClusterError) return error;
  if (!isGrpcStatus(error)) {
    return new ClusterError("INTERNAL", `call to ${address} failed`, { cause: error });
  }
  const ownCode = error.metadata.get(codeKey)[0];
  if (typeof ownCode === "string" && ownCode in toGrpc) {
    return new ClusterError(ownCode as ErrorCode, error.details, {
      details: readDetails(error.metadata),
    });
  }
  const code = fromGrpc.get(error.code) ?? "UNKNOWN";
  // grpc-js says so when it had no connection to put the call on.
  const neverSent = error.details.startsWith("No connection established");
  // grpc-js adds where the time went, in its own words.
  const text = code === "DEADLINE_EXCEEDED" ? "no answer in time" : error.details;
  return new ClusterError(code, `${address}: ${text}`, {
    details: { sent: neverSent ? "no" : "unknown" },
    cause: error,
  });
}

function isGrpcStatus(error: unknown): error is GrpcStatus {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "number" &&
    "details" in error &&
    typeof error.details === "string" &&
    "metadata" in error &&
    error.metadata instanceof Metadata
  );
}

function readDetails(metadata: Metadata): Record<string, string> {
  const raw = metadata.get(detailsKey)[0];
  return Buffer.isBuffer(raw) ? textsOf(parsedObject(raw.toString())) : {};
}

/** Empty when the text is not that of an object. */
function parsedObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
}
