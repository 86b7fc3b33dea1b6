import { isDeepStrictEqual } from "node:util";
import { anySignal } from "../../base/any-signal.ts";
import { Backoff } from "../../base/backoff.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { ClusterError, errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { AckAssignmentsRequestInput } from "../../gen/skep/AckAssignmentsRequest.ts";
import type { AssignmentsMessage } from "../../gen/skep/AssignmentsMessage.ts";
import type { AssignmentsRequestInput } from "../../gen/skep/AssignmentsRequest.ts";
import type { AttachNetworkRequestInput } from "../../gen/skep/AttachNetworkRequest.ts";
import type { AttachNetworkResponse } from "../../gen/skep/AttachNetworkResponse.ts";
import type { HeartbeatRequestInput } from "../../gen/skep/HeartbeatRequest.ts";
import type { HeartbeatResponse } from "../../gen/skep/HeartbeatResponse.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { SessionMessage } from "../../gen/skep/SessionMessage.ts";
import type { SessionRequestInput } from "../../gen/skep/SessionRequest.ts";
import type { TaskStatusUpdateInput } from "../../gen/skep/TaskStatusUpdate.ts";
import type { UpdateNodeDescriptionRequestInput } from "../../gen/skep/UpdateNodeDescriptionRequest.ts";
import type { UpdateTaskStatusRequestInput } from "../../gen/skep/UpdateTaskStatusRequest.ts";
import { durationMs } from "../../model/time.ts";
import type { ChannelPool } from "../../rpc/channel-pool.ts";

const callTimeoutMs = 5_000;
/** A node that leaves waits no longer for a leader that may be gone. */
const leaveTimeoutMs = 2_000;
/** An address may take a while. */
const attachTimeoutMs = 15_000;
const firstMessageTimeoutMs = 5_000;
const heartbeatDefaultMs = 5_000;
/** The description is looked at this often, as Swarm's. */
const descriptionMs = 20_000;

/** What the session tells the agent. */
export interface SessionListener {
  /** A session is open: statuses go through `send`, and containers ask for places on networks by `attach`. */
  connected(
    address: string,
    send: (updates: TaskStatusUpdateInput[]) => Promise<void>,
    attach: (wish: AttachNetworkRequestInput) => Promise<AttachNetworkResponse>,
  ): void;
  disconnected(): void;
  /** A manager says that this node does not belong to the cluster any more, and why. It is asked again. */
  refused(reason: string): void;
  /** At the start and whenever node, managers or roots changed. */
  message(message: SessionMessage): void;
  /** In order; resolves once the node's DNS and balancers show it, which acknowledges it. */
  assignments(message: AssignmentsMessage): Promise<void>;
}

export interface DispatcherClientDeps {
  readonly channels: Pick<ChannelPool, "unary" | "serverStream">;
  /** Addresses of managers, the most likely first. */
  readonly managers: () => readonly string[];
  readonly describe: () => NodeDescription;
  readonly listener: SessionListener;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Keeps a session with the leader's dispatcher, whichever manager that is. The only talker to managers. */
export class DispatcherClient {
  readonly #deps: DispatcherClientDeps;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #sessionId = "";
  /** Whose session it is. */
  #leader = "";
  #leaderHint: string | undefined;
  #nextManager = 0;
  /** The last manager asked only named this one. */
  #sentOn = false;
  #isPoked = false;
  #poke: () => void = () => {};
  #done: Promise<void> = Promise.resolve();

  constructor(deps: DispatcherClientDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff({ initialMs: 100, maxMs: 1_000, random: deps.random });
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Looks at the node's description now, and tells the leader what has changed. */
  describeAgain(): void {
    this.#isPoked = true;
    this.#poke();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new ClusterError("CANCELLED", "the agent stops"));
    await this.#done;
  }

  /** After `stop`, when nothing of the cluster is left here: the leader need not wait for missing heartbeats. Never fails. */
  async leave(): Promise<void> {
    if (this.#sessionId === "") return;
    const { channels, log } = this.#deps;
    const request = { sessionId: this.#sessionId, leaving: true };
    const options = { timeoutMs: leaveTimeoutMs };
    try {
      await channels.unary<HeartbeatRequestInput, HeartbeatResponse>(
        this.#leader,
        "Dispatcher",
        "Heartbeat",
        request,
        options,
      );
    } catch (error) {
      log.info({ err: errorMessage(error) }, "left without telling the leader");
    }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      const address = this.#pickManager();
      if (address !== undefined) {
        try {
          await this.#session(address);
        } catch (error) {
          if (this.#stop.signal.aborted) return;
          if (isClusterError(error, "PERMISSION_DENIED") && error.details["refused"] === "node") {
            this.#deps.listener.refused(error.message);
          }
          this.#leaderHint = leaderOf(error, address);
          log.debug({ address, err: errorMessage(error) }, "session with manager ended");
          // At once, but only once: managers that name each other shall not keep us running.
          this.#sentOn = !this.#sentOn && this.#leaderHint !== undefined;
          if (this.#sentOn) continue;
        }
      }
      await sleep(clock, this.#backoff.nextMs(), this.#stop.signal).catch(() => {});
    }
  }

  #pickManager(): string | undefined {
    if (this.#leaderHint !== undefined) {
      const hint = this.#leaderHint;
      this.#leaderHint = undefined;
      return hint;
    }
    const managers = this.#deps.managers();
    this.#nextManager += 1;
    return managers[this.#nextManager % Math.max(1, managers.length)];
  }

  async #session(address: string): Promise<void> {
    const { channels, listener, clock } = this.#deps;
    const session = new AbortController();
    const end = (reason: unknown): void => session.abort(reason);
    const onStop = (): void => end(this.#stop.signal.reason);
    this.#stop.signal.addEventListener("abort", onStop, { once: true });
    const signal = session.signal;
    const firstTimer = clock.setTimer(firstMessageTimeoutMs, () =>
      end(new ClusterError("DEADLINE_EXCEEDED", `manager ${address} does not answer`)),
    );
    const parallel: Promise<void>[] = [];
    const description = this.#deps.describe();
    try {
      const messages = channels.serverStream<SessionRequestInput, SessionMessage>(
        address,
        "Dispatcher",
        "Session",
        { description, sessionId: this.#sessionId },
        { signal },
      );
      for await (const message of messages) {
        listener.message(message);
        if (parallel.length > 0) continue;
        firstTimer.cancel();
        this.#sessionId = message.sessionId;
        this.#leader = address;
        this.#backoff.reset();
        this.#sentOn = false;
        listener.connected(
          address,
          (updates) => this.#sendStatuses(address, updates),
          (wish) => this.#attach(address, wish),
        );
        parallel.push(
          this.#heartbeats(address, signal).catch(end),
          this.#assignments(address, signal).catch(end),
          this.#descriptions(address, description, signal).catch(end),
        );
      }
      throw (
        signal.reason ?? new ClusterError("UNAVAILABLE", `manager ${address} ended the session`)
      );
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      firstTimer.cancel();
      this.#stop.signal.removeEventListener("abort", onStop);
      end(new ClusterError("CANCELLED", "the session is over"));
      await Promise.all(parallel);
      if (parallel.length > 0) listener.disconnected();
    }
  }

  async #heartbeats(address: string, signal: AbortSignal): Promise<void> {
    const { channels, clock } = this.#deps;
    for (;;) {
      const { period } = await channels.unary<HeartbeatRequestInput, HeartbeatResponse>(
        address,
        "Dispatcher",
        "Heartbeat",
        { sessionId: this.#sessionId },
        { timeoutMs: callTimeoutMs, signal },
      );
      await sleep(clock, durationMs(period, heartbeatDefaultMs), signal);
    }
  }

  /** Tells what has changed of this node since the session began. */
  async #descriptions(address: string, told: NodeDescription, signal: AbortSignal): Promise<void> {
    const { channels, clock, describe } = this.#deps;
    let last = told;
    for (;;) {
      await this.#untilLookAgain(clock, signal);
      const description = describe();
      if (isDeepStrictEqual(description, last)) continue;
      await channels.unary<UpdateNodeDescriptionRequestInput, object>(
        address,
        "Dispatcher",
        "UpdateNodeDescription",
        { sessionId: this.#sessionId, description },
        { timeoutMs: callTimeoutMs, signal },
      );
      last = description;
    }
  }

  async #untilLookAgain(clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#isPoked) {
      this.#isPoked = false;
      return;
    }
    const poked = new AbortController();
    this.#poke = () => poked.abort();
    await sleep(clock, descriptionMs, anySignal(signal, poked.signal)).catch(() => {});
    poked.abort(); // else each turn would leave a listener at the session's signal
    signal.throwIfAborted();
    this.#isPoked = false;
  }

  async #assignments(address: string, signal: AbortSignal): Promise<void> {
    const { channels, listener } = this.#deps;
    const sessionId = this.#sessionId;
    const stream = channels.serverStream<AssignmentsRequestInput, AssignmentsMessage>(
      address,
      "Dispatcher",
      "Assignments",
      { sessionId },
      { signal },
    );
    let last: string | undefined;
    for await (const message of stream) {
      if (message.type === "INCREMENTAL" && message.appliesTo !== last) {
        throw new ClusterError("OUT_OF_DATE", "a change of the assignments was missed");
      }
      last = message.resultsIn;
      const acknowledge = async (): Promise<void> => {
        await listener.assignments(message);
        await channels.unary<AckAssignmentsRequestInput, object>(
          address,
          "Dispatcher",
          "AckAssignments",
          { sessionId, resultsIn: message.resultsIn },
          { timeoutMs: callTimeoutMs, signal },
        );
      };
      // Not awaited: the next change may be taken in while the network is being adapted to this one.
      acknowledge().catch((error: unknown) => {
        if (!signal.aborted) {
          this.#deps.log.warn({ err: errorMessage(error) }, "assignments not acknowledged");
        }
      });
    }
    throw new ClusterError("UNAVAILABLE", `manager ${address} ended the assignments`);
  }

  async #sendStatuses(address: string, updates: TaskStatusUpdateInput[]): Promise<void> {
    await this.#deps.channels.unary<UpdateTaskStatusRequestInput, object>(
      address,
      "Dispatcher",
      "UpdateTaskStatus",
      { sessionId: this.#sessionId, updates },
      { timeoutMs: callTimeoutMs, signal: this.#stop.signal },
    );
  }

  async #attach(address: string, wish: AttachNetworkRequestInput): Promise<AttachNetworkResponse> {
    return await this.#deps.channels.unary<AttachNetworkRequestInput, AttachNetworkResponse>(
      address,
      "Dispatcher",
      "AttachNetwork",
      { ...wish, sessionId: this.#sessionId },
      { timeoutMs: attachTimeoutMs, signal: this.#stop.signal },
    );
  }
}

function leaderOf(error: unknown, asked: string): string | undefined {
  if (!isClusterError(error, "NOT_LEADER")) return undefined;
  const leader = error.details["leaderAddress"];
  return leader === undefined || leader === "" || leader === asked ? undefined : leader;
}
