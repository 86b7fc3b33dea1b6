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
  write(message: T): boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
  removeListener(event: "drain" | "close", listener: () => void): unknown;
  readonly destroyed: boolean;
  readonly writable: boolean;
}

/** A sink over a grpc-js call; `signal` tells that the call is over. */
export function messageSink<T>(call: WritableCall<T>, signal: AbortSignal): MessageSink<T> {
  return {
    async write(message) {
      if (signal.aborted || call.destroyed || !call.writable) throw streamGone();
      if (call.write(message)) return;
      await new Promise<void>((resolve, reject) => {
        const settle = (): void => {
          call.removeListener("drain", settle);
          call.removeListener("close", settle);
          signal.removeEventListener("abort", settle);
          if (signal.aborted || call.destroyed) reject(streamGone());
          else resolve();
        };
        call.once("drain", settle);
        call.once("close", settle);
        signal.addEventListener("abort", settle);
      });
    },
  };
}

function streamGone(): ClusterError {
  return new ClusterError("CANCELLED", "the other side has ended the stream");
}
