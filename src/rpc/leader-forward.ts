import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { serviceDefinition } from "./load-proto.ts";

export interface LeaderForwardOptions<Api> {
  /** "Control" */
  readonly service: string;
  /** How this node serves the service itself; undefined unless it is the leader now. */
  readonly local: () => Api | undefined;
  /** Where the leader listens, as far as this node knows. */
  readonly leaderAddress: () => string | undefined;
  /** For how long no leader has been known, milliseconds; 0 when absent. */
  readonly leaderlessMs?: () => number;
  /** Whether repeating a method of this name (as in the proto file) changes nothing. */
  readonly isRead: (method: string) => boolean;
  /** How long a call may take in all, looking for a leader included; 10,000 when absent. */
  readonly timeoutMs?: number;
}

export interface LeaderForwardDeps {
  readonly channels: Pick<ChannelPool, "unary">;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * How long an election may take: up to two election timeouts and a lost round. When there has been no leader for longer, too few
 * managers are there to elect one, and waiting is of no use.
 */
const electionMsMax = 3_000;

type Method = (request: object) => Promise<unknown>;

/**
 * The unary methods of a service, done by the leader wherever it is: here, or at its address. While
 * there is no leader a call waits for one until its time is up, or an election would be over (UNAVAILABLE). A write is repeated only
 * after an error which proves that it was not done; a write whose fate is unknown is UNAVAILABLE.
 */
export function createLeaderApi<Api extends object>(
  options: LeaderForwardOptions<Api>,
  deps: LeaderForwardDeps,
): Api {
  const api: Record<string, Method> = {};
  for (const [name, method] of Object.entries(serviceDefinition(options.service))) {
    if (method.requestStream || method.responseStream) continue;
    const key = name.charAt(0).toLowerCase() + name.slice(1);
    api[key] = (request) => callLeader(options, deps, name, key, request);
  }
  return api as Api;
}

async function callLeader<Api extends object>(
  options: LeaderForwardOptions<Api>,
  { channels, clock, random }: LeaderForwardDeps,
  name: string,
  key: string,
  request: object,
): Promise<unknown> {
  const deadline = clock.monotonic() + (options.timeoutMs ?? 10_000);
  const backoff = new Backoff({ initialMs: 50, maxMs: 150, random });
  let hint: string | undefined;
  let lastError: ClusterError | undefined;
  for (;;) {
    try {
      const local = options.local() as Readonly<Record<string, Method>> | undefined;
      const localMethod = local?.[key];
      if (localMethod !== undefined) return await localMethod.call(local, request);
      const address = hint ?? options.leaderAddress();
      hint = undefined;
      if (address !== undefined) {
        const timeoutMs = Math.max(1, deadline - clock.monotonic());
        return await channels.unary(address, options.service, name, request, { timeoutMs });
      }
    } catch (error) {
      if (!isClusterError(error)) throw error;
      if (!maySendAgain(error, options.isRead(name))) throw outcomeTold(error);
      lastError = error;
      // The address the refusing node names is tried once, then our own knowledge counts again.
      hint = error.details["leaderAddress"] || undefined;
    }
    if (isLeaderless(options)) throw lastError ?? noLeader();
    const waitMs = backoff.nextMs();
    if (clock.monotonic() + waitMs >= deadline) throw lastError ?? noLeader();
    await sleep(clock, waitMs);
  }
}

function isLeaderless<Api>({ leaderlessMs, leaderAddress }: LeaderForwardOptions<Api>): boolean {
  return (leaderlessMs?.() ?? 0) >= electionMsMax && leaderAddress() === undefined;
}

/** Whether a call that failed with `error` may be sent again without doing the work twice. */
export function maySendAgain(error: ClusterError, isRead: boolean): boolean {
  if (error.code === "NOT_LEADER") return true;
  if (error.code !== "UNAVAILABLE") return false;
  return isRead || error.details["sent"] === "no";
}

/** A connection that broke under a write says nothing of its outcome; who asked has to be told so. */
function outcomeTold(error: ClusterError): ClusterError {
  if (error.code !== "UNAVAILABLE" || error.details["sent"] !== "unknown") return error;
  const text = `whether this was done is not known, as the connection to the leader was lost (${error.message}); look before you repeat it`;
  return new ClusterError("UNAVAILABLE", text, { cause: error, details: error.details });
}

function noLeader(): ClusterError {
  return new ClusterError(
    "UNAVAILABLE",
    "the cluster has no leader: it is possible that too few managers are online; make sure more than half of the manager nodes are online",
  );
}
