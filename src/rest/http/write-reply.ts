import type { ServerResponse } from "node:http";
import { Duplex, PassThrough, Readable, type Writable } from "node:stream";
import type { Logger } from "../../base/log.ts";
import type { Reply, StreamReply, UpgradeReply } from "./reply.ts";

/** Sends a reply over HTTP. Resolves when all is written or the client has gone. */
export async function writeReply(
  reply: Reply,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  switch (reply.kind) {
    case "json":
      writeWhole(
        response,
        reply.status,
        { ...headers, ...reply.headers },
        "application/json",
        reply.body,
      );
      return;
    case "text":
      response.writeHead(reply.status, {
        ...headers,
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": Buffer.byteLength(reply.text),
        ...reply.headers,
      });
      response.end(reply.text);
      return;
    case "empty":
      response.writeHead(reply.status, {
        ...headers,
        ...(reply.status === 204 || reply.status === 304 ? {} : { "Content-Length": 0 }),
        ...reply.headers,
      });
      response.end();
      return;
    case "stream":
      await writeStream(reply, response, headers, log);
      return;
    case "upgrade":
      await writeOneWay(reply, response, headers, signal);
  }
}

/** Answers 101 on the socket itself and serves the pipe. */
export async function writeUpgrade(
  reply: UpgradeReply,
  socket: Duplex,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const lines = [
    "HTTP/1.1 101 UPGRADED",
    `Content-Type: ${reply.contentType}`,
    "Connection: Upgrade",
    "Upgrade: tcp",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await reply.serve(socket, signal);
  socket.end();
}

/** Writes a chunk and waits when the other side reads slowly; false when it has gone. */
export async function writeChunk(target: Writable, chunk: Uint8Array | string): Promise<boolean> {
  if (target.destroyed) return false;
  if (target.write(chunk)) return true;
  await new Promise<void>((resolve) => {
    const done = () => {
      target.removeListener("drain", done);
      target.removeListener("close", done);
      target.removeListener("error", done);
      resolve();
    };
    target.on("drain", done).on("close", done).on("error", done);
  });
  return !target.destroyed;
}

function writeWhole(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  contentType: string,
  body: unknown,
): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    ...headers,
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

async function writeStream(
  reply: StreamReply,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  log: Logger,
): Promise<void> {
  response.writeHead(reply.status, {
    ...headers,
    "Content-Type": reply.contentType,
    ...reply.headers,
  });
  response.flushHeaders();
  try {
    for await (const chunk of reply.chunks) {
      if (!(await writeChunk(response, chunk))) return;
    }
    response.end();
  } catch (error) {
    // The status has been sent: breaking the body is the only way left to say that it is not whole.
    log.debug({ err: error }, "response stream failed");
    response.destroy();
  }
}

// A client that did not ask for an upgrade still gets the output, but can send no input.
async function writeOneWay(
  reply: UpgradeReply,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { ...headers, "Content-Type": reply.contentType });
  response.flushHeaders();
  const output = new PassThrough();
  output.pipe(response);
  // Read as input, it is at its end at once.
  const pipe = Duplex.from({ readable: Readable.from([]), writable: output });
  await reply.serve(pipe, signal);
  pipe.end();
}
