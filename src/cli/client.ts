import type { ClientRequest, IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";
import { ClusterError } from "../base/errors.ts";
import { checkHost } from "./contexts.ts";

/** An answer of the daemon that says no. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Sent as it comes, for image archives. */
  readonly upload?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Speaks the Docker Engine API with the daemon at a unix socket or TCP address. */
export class ApiClient {
  readonly #host: string;

  /** `host` is unix:///path or tcp://ip:port. INVALID_ARGUMENT otherwise. */
  constructor(host: string) {
    checkHost(host);
    this.#host = host;
  }

  async get<T>(
    path: string,
    query: CallOptions["query"] = {},
    options: Pick<CallOptions, "headers"> & { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    const { signal, ...rest } = options;
    return (await this.#json("GET", path, { ...rest, query }, signal)) as T;
  }

  async post<T>(path: string, options: CallOptions = {}): Promise<T> {
    return (await this.#json("POST", path, options)) as T;
  }

  async delete<T>(path: string, query: CallOptions["query"] = {}): Promise<T> {
    return (await this.#json("DELETE", path, { query })) as T;
  }

  /** The body as it comes; aborting ends it. */
  async stream(
    method: "GET" | "POST",
    path: string,
    options: CallOptions = {},
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, options, signal);
    if ((answer.statusCode ?? 500) >= 400) throw apiError(answer, await readAll(answer));
    return answer;
  }

  /** A connection that carries raw bytes both ways after the answer (exec, attach). */
  async hijack(
    path: string,
    body: unknown,
  ): Promise<{ readonly input: NodeJS.WritableStream; readonly output: Readable }> {
    const http = await import("node:http");
    return await new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const call = this.#request(http.request, "POST", path, {
        Connection: "Upgrade",
        Upgrade: "tcp",
        "Content-Type": "application/json",
        "Content-Length": String(Buffer.byteLength(text)),
      });
      call.on("error", (error) => reject(this.#unreachable(error)));
      call.on("upgrade", (_answer, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve({ input: socket, output: socket });
      });
      call.on("response", (answer) => {
        readAll(answer).then((bytes) => reject(apiError(answer, bytes)), reject);
      });
      call.end(text);
    });
  }

  async #json(
    method: string,
    path: string,
    options: CallOptions,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const answer = await this.#send(method, path, options, signal);
    const bytes = await readAll(answer);
    if ((answer.statusCode ?? 500) >= 400) throw apiError(answer, bytes);
    const text = bytes.toString();
    if (text === "") return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  async #send(
    method: string,
    path: string,
    { query = {}, body, upload, headers = {} }: CallOptions,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) search.set(key, String(value));
    }
    const full = search.size === 0 ? path : `${path}?${search}`;
    // Loaded when needed: help and wrong usage do not wait for it.
    const http = await import("node:http");
    return await new Promise((resolve, reject) => {
      const call = this.#request(http.request, method, full, {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      });
      if (signal?.aborted === true) call.destroy();
      signal?.addEventListener("abort", () => void call.destroy(), { once: true });
      call.on("error", (error) => reject(this.#unreachable(error)));
      call.on("response", resolve);
      upload?.on("error", (error) => call.destroy(error));
      if (upload !== undefined) upload.pipe(call);
      else call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #request(
    send: typeof request,
    method: string,
    path: string,
    headers: Record<string, string>,
  ): ClientRequest {
    const tcp = /^tcp:\/\/(.*):(\d+)$/.exec(this.#host);
    const target =
      tcp === null
        ? { socketPath: this.#host.slice("unix://".length) }
        : { host: tcp[1], port: Number(tcp[2]) };
    return send({ ...target, method, path, headers });
  }

  #unreachable(error: Error): Error {
    return new ClusterError(
      "UNAVAILABLE",
      `Cannot connect to the Skep daemon at ${this.#host}. Is skepd running? (${error.message})`,
      { cause: error },
    );
  }
}

async function readAll(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function apiError(answer: IncomingMessage, bytes: Buffer): ApiError {
  const text = bytes.toString().trim();
  let message = text;
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    // not JSON: show it as it is
  }
  return new ApiError(answer.statusCode ?? 500, message);
}
