import type { Duplex } from "node:stream";

/** What a route answers. Every kind is also sent by `inject`, without a socket. */
export type Reply =
  | {
      readonly kind: "json";
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Headers;
    }
  | { readonly kind: "empty"; readonly status: number; readonly headers?: Headers }
  | {
      readonly kind: "text";
      readonly status: number;
      readonly text: string;
      readonly headers?: Headers;
    }
  | StreamReply
  | UpgradeReply;

type Headers = Readonly<Record<string, string>>;

/** Headers go out at once, then each chunk as it comes; reading stops when the client goes away. */
export interface StreamReply {
  readonly kind: "stream";
  readonly status: number;
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array | string>;
  readonly headers?: Headers;
}

/** The connection becomes a raw two-way pipe (101), or a one-way body (200) without Upgrade. */
export interface UpgradeReply {
  readonly kind: "upgrade";
  readonly contentType: string;
  /** Resolves when all is written; the pipe is then ended. */
  readonly serve: (pipe: Duplex, signal: AbortSignal) => Promise<void>;
}

/** 200 with a JSON body. */
export function ok(body: unknown): Reply {
  return { kind: "json", status: 200, body };
}

/** 201 with a JSON body. */
export function created(body: unknown): Reply {
  return { kind: "json", status: 201, body };
}

/** An answer without a body. */
export function empty(status: number): Reply {
  return { kind: "empty", status };
}

/** 200 with a body that comes over time. */
export function stream(
  contentType: string,
  chunks: AsyncIterable<Uint8Array | string>,
): StreamReply {
  return { kind: "stream", status: 200, contentType, chunks };
}
