import { must } from "../base/assert.ts";
import type { LogBrokerHandlers } from "../gen/skep/LogBroker.ts";
import type { LogsHandlers } from "../gen/skep/Logs.ts";
import type { SubscribeLogsMessage } from "../gen/skep/SubscribeLogsMessage.ts";
import type {
  SubscribeLogsRequest,
  SubscribeLogsRequestInput,
} from "../gen/skep/SubscribeLogsRequest.ts";
import type { ServiceHandlers } from "../rpc/api.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import type { RoleRule } from "../rpc/roles.ts";
import { notLeader } from "./control/control-server.ts";
import { Handoff } from "./handoff.ts";
import type { LogBroker } from "./log-broker.ts";

export interface LogServerDeps {
  /** Undefined unless this manager leads. */
  readonly active: () => LogBroker | undefined;
  readonly leaderAddress: () => string | undefined;
}

export const logsRoles = { SubscribeLogs: "manager" } as const satisfies Record<string, RoleRule>;
export const logBrokerRoles = {
  ListenSubscriptions: "worker",
  PublishLogs: "worker",
} as const satisfies Record<string, RoleRule>;

/** The Logs service, for other managers. */
export function logsHandlers(deps: LogServerDeps): ServiceHandlers<LogsHandlers> {
  return {
    async subscribeLogs(request, { signal }, stream) {
      await activeOf(deps).subscribe(request, (messages) => stream.write({ messages }), signal);
    },
  };
}

/** The LogBroker service, for every node. */
export function logBrokerHandlers(deps: LogServerDeps): ServiceHandlers<LogBrokerHandlers> {
  return {
    async listenSubscriptions(_request, { peer, signal }, stream) {
      const { nodeId } = must(peer, "the caller's certificate");
      await activeOf(deps).listen(nodeId, stream.write.bind(stream), signal);
    },
    async publishLogs(messages, { peer }) {
      const { nodeId } = must(peer, "the caller's certificate");
      await activeOf(deps).publish(nodeId, messages);
      return {};
    },
  };
}

const requestCodec = messageCodec<SubscribeLogsRequestInput, SubscribeLogsRequest>(
  "SubscribeLogsRequest",
);

/** Logs from whichever manager leads. Ends with UNAVAILABLE (after what could be had) when nodes were missing. */
export async function* subscribeLogs(
  request: SubscribeLogsRequestInput,
  signal: AbortSignal,
  deps: LogServerDeps & { readonly channels: Pick<ChannelPool, "serverStream"> },
): AsyncGenerator<SubscribeLogsMessage, void, void> {
  const broker = deps.active();
  const leader = deps.leaderAddress();
  if (broker === undefined) {
    if (leader === undefined) throw notLeader(undefined);
    yield* deps.channels.serverStream<SubscribeLogsRequestInput, SubscribeLogsMessage>(
      leader,
      "Logs",
      "SubscribeLogs",
      request,
      { signal },
    );
    return;
  }
  const handoff = new Handoff<SubscribeLogsMessage>();
  const reading = new AbortController();
  broker
    .subscribe(
      requestCodec.decode(requestCodec.encode(request)),
      (messages) => handoff.push({ messages }),
      AbortSignal.any([signal, reading.signal]),
    )
    .then(
      () => handoff.close(),
      (error: unknown) => handoff.close(error),
    );
  try {
    yield* handoff;
  } finally {
    reading.abort();
  }
}

function activeOf({ active, leaderAddress }: LogServerDeps): LogBroker {
  const broker = active();
  if (broker === undefined) throw notLeader(leaderAddress());
  return broker;
}
