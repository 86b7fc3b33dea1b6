import { Duplex, PassThrough, Readable } from "node:stream";
import { commonHeaders, type RestApp } from "./app.ts";

/** A request without a socket. */
export interface InjectRequest {
  readonly method: string;
  /** With query; with or without version. */
  readonly path: string;
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface InjectResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Everything that was sent, streams to their end. */
  readonly body: Buffer;
  text(): string;
  json(): unknown;
}

/** Runs one request through the app. For an upgrade, `body` is what the client would send as input. */
export async function inject(app: RestApp, request: InjectRequest): Promise<InjectResponse> {
  const signal = request.signal ?? new AbortController().signal;
  const headers: Record<string, string> = { ...request.headers };
  const body = bodyBytes(request.body);
  if (body !== undefined && headers["content-type"] === undefined) {
    headers["content-type"] = "application/json";
  }
  const reply = await app.handle({
    method: request.method,
    url: request.path,
    headers,
    body: Readable.from(body === undefined ? [] : [body]),
    signal,
  });
  switch (reply.kind) {
    case "json":
      return response(reply.status, "application/json", Buffer.from(JSON.stringify(reply.body)), {
        ...reply.headers,
      });
    case "empty":
      return response(reply.status, "", Buffer.alloc(0), { ...reply.headers });
    case "text":
      return response(reply.status, "text/plain; charset=utf-8", Buffer.from(reply.text), {
        ...reply.headers,
      });
    case "stream":
      return response(reply.status, reply.contentType, await collect(reply.chunks), {
        ...reply.headers,
      });
    case "upgrade": {
      const output = new PassThrough();
      const collected = collect(output);
      const pipe = Duplex.from({ readable: Readable.from([]), writable: output });
      await reply.serve(pipe, signal);
      pipe.end();
      return response(101, reply.contentType, await collected, {});
    }
  }
}

function bodyBytes(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

async function collect(chunks: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

function response(
  status: number,
  contentType: string,
  body: Buffer,
  headers: Record<string, string>,
): InjectResponse {
  const type = contentType === "" ? {} : { "Content-Type": contentType };
  return {
    status,
    headers: { ...commonHeaders, ...type, ...headers },
    body,
    text: () => body.toString("utf8"),
    json: () => JSON.parse(body.toString("utf8")),
  };
}
