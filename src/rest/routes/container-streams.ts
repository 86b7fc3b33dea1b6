import { sleep } from "../../base/clock.ts";
import type {
  ContainerData,
  ContainerLogEntry,
  ContainerStatsData,
} from "../backend/containers.ts";
import { badRequest, HttpError, notImplemented } from "../http/http-error.ts";
import { queryFlag, queryInteger, queryTail, queryTimeMs } from "../http/query.ts";
import { empty, type Reply, stream } from "../http/reply.ts";
import { param, type RestContext, type RestRequest } from "../http/request.ts";
import { frame, logTimestamp, multiplexedType, rawType, withErrorLine } from "../streams.ts";
import { statsJson } from "../translate/stats.ts";
import { findContainer } from "./find-container.ts";
import { serveStdio } from "./serve-stdio.ts";

/** GET /containers/{id}/logs */
export async function logs(request: RestRequest, context: RestContext): Promise<Reply> {
  const { query, signal } = request;
  const container = await findContainer(context, param(request, "id"));
  const stdout = queryFlag(query, "stdout");
  const stderr = queryFlag(query, "stderr");
  if (!stdout && !stderr) {
    throw badRequest("Bad parameters: you must choose at least one stream");
  }
  const entries = context.backend.node.containers.logs(container.id, {
    follow: queryFlag(query, "follow") && container.state === "running",
    tail: queryTail(query),
    sinceMs: queryTimeMs(query, "since"),
    untilMs: queryTimeMs(query, "until"),
    stdout,
    stderr,
    signal,
  });
  const timestamps = queryFlag(query, "timestamps");
  const chunks = withErrorLine<Uint8Array>(
    formatEntries(entries, timestamps, container.tty),
    (text) => frame("system-error", Buffer.from(`Error grabbing logs: ${text}\n`)),
    signal,
  );
  return stream(outputType(request, container.tty), chunks);
}

/** GET /containers/{id}/stats: one sample a second, or one with `?stream=0` */
export async function stats(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  const once = !queryFlag(request.query, "stream", true);
  const oneShot = queryFlag(request.query, "one-shot");
  return stream("application/json", sampleStats(context, container, once, oneShot, request.signal));
}

/** POST /containers/{id}/wait: headers go out at once, the exit code when it is known */
export async function wait(request: RestRequest, context: RestContext): Promise<Reply> {
  const container = await findContainer(context, param(request, "id"));
  const condition = request.query.get("condition") || "not-running";
  if (condition !== "not-running" && condition !== "next-exit" && condition !== "removed") {
    throw badRequest(`invalid condition: "${condition}"`);
  }
  const { signal } = request;
  // Asked before the headers go out: the client starts the container as soon as it has them.
  const exit = context.backend.node.containers.wait(container.id, condition, signal);
  exit.catch(() => undefined);
  return stream(
    "application/json",
    (async function* () {
      const { exitCode, error } = await exit;
      yield `${JSON.stringify({ StatusCode: exitCode, ...(error === "" ? {} : { Error: { Message: error } }) })}\n`;
    })(),
  );
}

/** POST /containers/{id}/attach */
export async function attach(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.attach === undefined) throw notImplemented("attach to containers");
  const { query } = request;
  const streaming = queryFlag(query, "stream");
  if (!streaming && !queryFlag(query, "logs")) {
    throw badRequest("nothing to attach to: set stream or logs");
  }
  return serveStdio({
    contentType: outputType(request, container.tty),
    tty: container.tty,
    stdin: queryFlag(query, "stdin") && container.openStdin,
    stdout: queryFlag(query, "stdout"),
    stderr: queryFlag(query, "stderr"),
    open: (stdin, signal) => {
      if (containers.attach === undefined) throw notImplemented("attach to containers");
      const logs = queryFlag(query, "logs");
      return containers.attach(container.id, { stdin, logs, follow: streaming, signal });
    },
  });
}

/** POST /containers/{id}/resize */
export async function resize(request: RestRequest, context: RestContext): Promise<Reply> {
  const { containers } = context.backend.node;
  const container = await findContainer(context, param(request, "id"));
  if (containers.resize === undefined) throw notImplemented("resize of container terminals");
  const { height, width } = terminalSize(request);
  await containers.resize(container.id, height, width);
  return empty(200);
}

/** `h` and `w` of the query. 400 when they are no sizes. */
export function terminalSize(request: RestRequest): { height: number; width: number } {
  const height = queryInteger(request.query, "h", 0);
  const width = queryInteger(request.query, "w", 0);
  if (height < 0 || width < 0 || height > 65535 || width > 65535) {
    throw new HttpError(400, `invalid terminal size ${width}x${height}`);
  }
  return { height, width };
}

/** Content type of a process's output: framed from API 1.42 on, unless it has a terminal. */
export function outputType(request: RestRequest, tty: boolean): string {
  return !tty && request.apiVersion >= 42 ? multiplexedType : rawType;
}

async function* formatEntries(
  entries: AsyncIterable<ContainerLogEntry>,
  timestamps: boolean,
  raw: boolean,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const entry of entries) {
    const seconds = Math.floor(entry.atMs / 1000);
    const line = timestamps
      ? Buffer.concat([Buffer.from(`${logTimestamp(seconds, entry.nanos)} `), entry.data])
      : entry.data;
    yield raw ? line : frame(entry.stream, line);
  }
}

async function* sampleStats(
  { backend, clock }: RestContext,
  container: ContainerData,
  once: boolean,
  oneShot: boolean,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let previous: ContainerStatsData | undefined;
  if (once && !oneShot) {
    // Percentages need two samples.
    previous = await backend.node.containers.stats(container.id);
    await sleep(clock, 1000, signal);
  }
  while (!signal.aborted) {
    const sample = await backend.node.containers.stats(container.id);
    yield `${JSON.stringify(statsJson(container, sample, previous))}\n`;
    if (once) return;
    previous = sample;
    await sleep(clock, 1000, signal);
  }
}
