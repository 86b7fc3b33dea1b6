import type { Clock } from "../../base/clock.ts";
import { ClusterError, isClusterError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { ControlClient } from "../../gen/skep/Control.ts";
import type { WatchMessage } from "../../gen/skep/WatchMessage.ts";
import type { UnaryApi } from "../../rpc/api.ts";
import type { ChannelPool } from "../../rpc/channel-pool.ts";
import { createLeaderApi } from "../../rpc/leader-forward.ts";
import type { Store } from "../../store/store.ts";
import type { EventHistory } from "../event-history.ts";
import { completeRequests } from "./local-control.ts";
import type { ControlMethods } from "./methods.ts";
import { watchStore } from "./watch.ts";

/** How long a call may look for a leader and wait for its answer. */
const callTimeoutMs = 5_000;

/** Control, whichever manager leads: what REST calls. */
export interface ControlApi extends UnaryApi<ControlClient> {
  /** Committed changes from now on, until `signal` is aborted; before them those of `sinceMs` and later that this manager keeps. */
  watch(signal: AbortSignal, sinceMs?: number): AsyncIterable<WatchMessage>;
}

export interface ControlApiDeps {
  /** Undefined unless this manager leads. */
  readonly local: () => ControlMethods | undefined;
  readonly leaderAddress: () => string | undefined;
  readonly leaderlessMs?: () => number;
  readonly store: Pick<Store, "subscribe">;
  readonly history: Pick<EventHistory, "since">;
  readonly channels: Pick<ChannelPool, "unary">;
  readonly clock: Clock;
  readonly random: Random;
}

/** Calls the leader, here or elsewhere. UNAVAILABLE with Swarm's text when there is none for 5 s, or has been none for 3 s. */
export function createControlApi(deps: ControlApiDeps): ControlApi {
  const { channels, clock, random } = deps;
  const completed = new WeakMap<ControlMethods, ControlMethods>();
  const local = (): UnaryApi<ControlClient> | undefined => {
    const methods = deps.local();
    if (methods === undefined) return undefined;
    const known = completed.get(methods) ?? completeRequests(methods);
    completed.set(methods, known);
    return known as UnaryApi<ControlClient>;
  };
  const api = createLeaderApi<UnaryApi<ControlClient>>(
    {
      service: "Control",
      local,
      leaderAddress: deps.leaderAddress,
      ...(deps.leaderlessMs === undefined ? {} : { leaderlessMs: deps.leaderlessMs }),
      isRead: (method) => /^(Get|List)/.test(method),
      timeoutMs: callTimeoutMs,
    },
    { channels, clock, random },
  );
  const hasLeader = (): boolean => deps.local() !== undefined || deps.leaderAddress() !== undefined;
  const told = Object.entries(api).map(([key, method]) => [key, tellNoLeader(method, hasLeader)]);
  return {
    ...(Object.fromEntries(told) as UnaryApi<ControlClient>),
    watch: (signal, sinceMs) =>
      watchStore(deps.store, clock, signal, () =>
        sinceMs === undefined ? [] : deps.history.since(sinceMs),
      ),
  };
}

function tellNoLeader(
  method: (request: never) => Promise<unknown>,
  hasLeader: () => boolean,
): (request: never) => Promise<unknown> {
  return async (request) => {
    try {
      return await method(request);
    } catch (error) {
      if (!isClusterError(error, "NOT_LEADER", "UNAVAILABLE") || hasLeader()) throw error;
      throw new ClusterError(
        "UNAVAILABLE",
        "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.",
        { cause: error },
      );
    }
  };
}
