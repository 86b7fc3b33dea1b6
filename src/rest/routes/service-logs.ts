import type { LogMessage } from "../../gen/skep/LogMessage.ts";
import { badRequest } from "../http/http-error.ts";
import { queryFlag, queryTail, queryTimeMs } from "../http/query.ts";
import { type Reply, stream } from "../http/reply.ts";
import type { RestContext, RestRequest } from "../http/request.ts";
import {
  frame,
  logDetails,
  logTimestamp,
  multiplexedType,
  rawType,
  withErrorLine,
} from "../streams.ts";

export interface LogSubject {
  readonly serviceIds: readonly string[];
  readonly taskIds: readonly string[];
  /** Of a terminal: nothing is framed. */
  readonly tty: boolean;
}

/** Answer of GET /services/{id}/logs and /tasks/{id}/logs. */
export function serviceLogsReply(
  request: RestRequest,
  { backend }: RestContext,
  subject: LogSubject,
): Reply {
  const { query, signal } = request;
  const stdout = queryFlag(query, "stdout");
  const stderr = queryFlag(query, "stderr");
  if (!stdout && !stderr) {
    throw badRequest("Bad parameters: you must choose at least one stream");
  }
  const options: LineOptions = {
    details: queryFlag(query, "details"),
    timestamps: queryFlag(query, "timestamps"),
    raw: subject.tty,
  };
  const messages = backend.node.serviceLogs(
    {
      serviceIds: subject.serviceIds,
      taskIds: subject.taskIds,
      stdout,
      stderr,
      follow: queryFlag(query, "follow"),
      tail: queryTail(query),
      sinceMs: queryTimeMs(query, "since"),
      untilMs: queryTimeMs(query, "until"),
    },
    signal,
  );
  const chunks = withErrorLine<Uint8Array>(
    formatAll(messages, options),
    (text) => frame("system-error", Buffer.from(`Error grabbing logs: ${text}\n`)),
    signal,
  );
  const framed = !subject.tty && request.apiVersion >= 42;
  return stream(framed ? multiplexedType : rawType, chunks);
}

interface LineOptions {
  readonly details: boolean;
  readonly timestamps: boolean;
  readonly raw: boolean;
}

async function* formatAll(messages: AsyncIterable<LogMessage>, options: LineOptions) {
  for await (const message of messages) yield formatLogMessage(message, options);
}

/** One line as clients expect it: timestamp, details, text; framed unless `raw`. */
export function formatLogMessage(message: LogMessage, options: LineOptions): Uint8Array {
  const { context, timestamp } = message;
  const details = logDetails({
    "com.docker.swarm.node.id": context?.nodeId ?? "",
    "com.docker.swarm.service.id": context?.serviceId ?? "",
    "com.docker.swarm.task.id": context?.taskId ?? "",
  });
  const line = Buffer.concat([
    Buffer.from(
      (options.timestamps
        ? `${logTimestamp(timestamp?.seconds ?? 0, timestamp?.nanos ?? 0)} `
        : "") + (options.details ? `${details} ` : ""),
    ),
    message.data,
  ]);
  return options.raw ? line : frame(message.stream === "STDERR" ? "stderr" : "stdout", line);
}
