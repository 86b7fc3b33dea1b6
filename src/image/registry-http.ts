import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";

const headersTimeoutMs = 30_000;
const idleTimeoutMs = 60_000;
const documentBytesMax = 8 * 1024 * 1024;

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Sends one request; resolves with the headers read and the body still to come. UNAVAILABLE when nobody answers in 30 s. */
export function sendRequest(request: HttpRequest, clock: Clock): Promise<IncomingMessage> {
  const { url, signal } = request;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      timer.cancel();
      if (signal?.aborted === true) reject(signal.reason);
      else {
        const message = `cannot reach registry ${url.host}: ${errorMessage(error)}`;
        reject(new ClusterError("UNAVAILABLE", message, { cause: error }));
      }
    };
    const outgoing = send(url, {
      method: request.method,
      timeout: idleTimeoutMs,
      headers: { "user-agent": "skep", ...request.headers },
      ...(signal === undefined ? {} : { signal }),
    });
    const timer = clock.setTimer(headersTimeoutMs, () =>
      outgoing.destroy(new Error(`no answer within ${headersTimeoutMs} ms`)),
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no data for ${idleTimeoutMs} ms`)));
    outgoing.on("error", fail);
    outgoing.on("response", (response) => {
      timer.cancel();
      resolve(response);
    });
    outgoing.end(request.body);
  });
}

/** The body of a response as a stream of chunks. UNAVAILABLE when it breaks off. */
export async function* readBody(
  response: IncomingMessage,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    signal?.throwIfAborted();
    const message = `the registry broke off: ${errorMessage(error)}`;
    throw new ClusterError("UNAVAILABLE", message, { cause: error });
  }
}

/** The whole body of a small document. */
export async function readDocument(
  response: IncomingMessage,
  signal?: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of readBody(response, signal)) {
    bytes += chunk.length;
    if (bytes > documentBytesMax) {
      throw new ClusterError(
        "DATA_LOSS",
        `the registry's document is above ${documentBytesMax} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
