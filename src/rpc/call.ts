import { ClusterError } from "../base/errors.ts";
import type { PeerIdentity } from "./roles.ts";

/** What a handler knows of its call beside the request. */
export interface CallContext {
  /** Undefined for a caller without a certificate of this cluster. */
  readonly peer: PeerIdentity | undefined;
  /** Aborted when the caller cancels, goes away, or its deadline passes. */
  readonly signal: AbortSignal;
  /** "ip:port" of the caller. */
  readonly remoteAddress: string;
}

/** Where messages of a stream are written. */
export interface MessageSink<T> {
  /** Resolves when the next message may be written; CANCELLED once the stream is gone. */
  write(message: T): Promise<void>;
}

/** The part of a node stream that a sink needs. */
export interface WritableCall<T> {
  write(message: T, written?: (error?: Error | null) => void): boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
  removeListener(event: "drain" | "close", listener: () => void): unknown;
  readonly destroyed: boolean;
  readonly writable: boolean;
}

/** A sink over a grpc-js call, which takes some messages ahead; `signal` tells that the call is over. */
export function messageSink<T>(call: WritableCall<T>, signal: AbortSignal): MessageSink<T> {
  return {
    async write(message) {
      if (isGone(call, signal)) throw streamGone();
      if (call.write(message)) return;
      await untilGone(call, signal, (settle) => {
        call.once("drain", settle);
        return () => call.removeListener("drain", settle);
      });
    },
  };
}

/**
 * The same, but each message has left before the next one may be written. For large ones: those that wait would live so long that only a
 * full collection gives their memory back.
 */
export function bulkSink<T>(call: WritableCall<T>, signal: AbortSignal): MessageSink<T> {
  return {
    async write(message) {
      if (isGone(call, signal)) throw streamGone();
      await untilGone(call, signal, (settle) => {
        call.write(message, () => settle());
        return () => {};
      });
    },
  };
}

/** Resolves when what `begin` begins settles; CANCELLED when the call ends first. `begin` gives the way to listen no more. */
async function untilGone<T>(
  call: WritableCall<T>,
  signal: AbortSignal,
  begin: (settle: () => void) => () => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      stop();
      call.removeListener("close", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted || call.destroyed) reject(streamGone());
      else resolve();
    };
    call.once("close", settle);
    signal.addEventListener("abort", settle);
    const stop = begin(settle);
  });
}

function isGone<T>(call: WritableCall<T>, signal: AbortSignal): boolean {
  return signal.aborted || call.destroyed || !call.writable;
}

function streamGone(): ClusterError {
  return new ClusterError("CANCELLED", "the other side has ended the stream");
}
