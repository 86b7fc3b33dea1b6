import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { trustBundleOf } from "../../ca/trust.ts";
import type { AssignmentsMessageInput } from "../../gen/skep/AssignmentsMessage.ts";
import type { AttachNetworkResponse } from "../../gen/skep/AttachNetworkResponse.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { Peer } from "../../gen/skep/Peer.ts";
import type { SessionMessageInput } from "../../gen/skep/SessionMessage.ts";
import type { TaskStatusUpdate } from "../../gen/skep/TaskStatusUpdate.ts";
import { clusterSettingsOf } from "../../model/defaults.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { Store } from "../../store/store.ts";
import { AssignmentFeed } from "./assignment-feed.ts";
import { graceFactor, Heartbeats, nextBeatMs, unknownGraceFactor } from "./heartbeats.ts";
import { NetworkAttacher } from "./network-attacher.ts";
import { afterLeaderChange, putNode, registered, withState } from "./node-states.ts";
import type { AttachmentWish } from "./plan-attachment.ts";
import { Registrations } from "./registrations.ts";
import { StatusIntake } from "./status-intake.ts";
import { Wakeup } from "./wakeup.ts";

export interface DispatcherDeps {
  readonly store: Store;
  /** This manager. */
  readonly nodeId: string;
  /** Managers that nodes may turn to. */
  readonly peers: () => readonly Peer[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Session {
  readonly id: string;
  readonly nodeId: string;
  readonly ended: AbortController;
  readonly wakeup: Wakeup;
}

/** The leader's side of every node's agent: sessions, heartbeats, assignments down, statuses up. Lives as long as the leadership. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #log: Logger;
  readonly #sessions = new Map<string, Session>();
  readonly #heartbeats: Heartbeats;
  readonly #registrations: Registrations;
  readonly #feed: AssignmentFeed;
  readonly #intake: StatusIntake;
  readonly #attacher: NetworkAttacher;
  #unsubscribe: () => void = () => {};
  #stopped = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "dispatcher" });
    this.#feed = new AssignmentFeed(deps);
    this.#intake = new StatusIntake(deps);
    this.#attacher = new NetworkAttacher(deps);
    this.#registrations = new Registrations(deps.clock);
    this.#heartbeats = new Heartbeats({
      clock: deps.clock,
      onOverdue: (nodeId) => void this.#giveUp(nodeId),
    });
  }

  /** Begins; nodes that were up count as unknown until they are heard of. */
  async start(): Promise<void> {
    const { store } = this.#deps;
    this.#feed.start();
    this.#unsubscribe = store.subscribe((events) => this.#apply(events));
    const nodes = [...store.view().all("node")].filter(({ status }) => status?.state !== "DOWN");
    for (const { id } of nodes) this.#heartbeats.beat(id, this.#periodMs() * unknownGraceFactor);
    await store.batch(
      nodes.map(({ id }) => (tx) => {
        if (!this.#sessions.has(id)) putNode(tx, id, afterLeaderChange);
      }),
    );
  }

  /** Ends all sessions; agents look for the new leader. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#heartbeats.stop();
    const reason = new ClusterError("NOT_LEADER", "this manager no longer leads");
    for (const { ended } of this.#sessions.values()) ended.abort(reason);
    this.#sessions.clear();
    this.#feed.stop();
    await this.#intake.stop();
  }

  /** The managers changed: every session is told. */
  peersChanged(): void {
    for (const { wakeup } of this.#sessions.values()) wakeup.wake();
  }

  /** How many nodes have a session. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Serves a session stream until the node goes, a newer session takes its place, or the leadership ends. */
  async session(
    nodeId: string,
    request: { readonly description: NodeDescription | null; readonly address: string },
    write: (message: SessionMessageInput) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const session = await this.#open(nodeId, request.description, request.address);
    const either = AbortSignal.any([signal, session.ended.signal]);
    let last: SessionMessageInput | undefined;
    while (!either.aborted) {
      const message = this.#sessionMessage(session);
      if (!isDeepStrictEqual(message, last)) await write(message);
      last = message;
      await session.wakeup.wait(either);
    }
    // A stream that broke is not yet a dead node: its heartbeats decide.
    if (session.ended.signal.aborted) throw session.ended.signal.reason;
  }

  /** When the next heartbeat is due, in milliseconds. */
  heartbeat(nodeId: string, sessionId: string): number {
    this.#check(nodeId, sessionId);
    const periodMs = this.#periodMs();
    this.#heartbeats.beat(nodeId, periodMs * graceFactor);
    return nextBeatMs(periodMs, this.#deps.random);
  }

  /** The node says that it has left: it is down at once, not only when its heartbeats are missed. */
  async left(nodeId: string, sessionId: string): Promise<void> {
    this.#check(nodeId, sessionId);
    await this.#deps.store.update((tx) => {
      putNode(tx, nodeId, (node) => withState(node, "DOWN", "the node has left the swarm"));
    });
    this.#heartbeats.forget(nodeId);
    this.#end(nodeId, new ClusterError("CANCELLED", "the node has left the swarm"));
    this.#log.info({ nodeId }, "node has left");
  }

  async updateTaskStatus(
    nodeId: string,
    sessionId: string,
    updates: readonly TaskStatusUpdate[],
  ): Promise<void> {
    this.#check(nodeId, sessionId);
    await this.#intake.take(nodeId, updates);
  }

  async updateDescription(
    nodeId: string,
    sessionId: string,
    description: NodeDescription | null,
  ): Promise<void> {
    this.#check(nodeId, sessionId);
    if (description === null) return;
    await this.#deps.store.update((tx) => {
      putNode(tx, nodeId, (node) => ({ ...node, description }));
    });
  }

  async assignments(
    nodeId: string,
    sessionId: string,
    write: (message: AssignmentsMessageInput) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { ended } = this.#check(nodeId, sessionId);
    await this.#feed.run(nodeId, write, AbortSignal.any([signal, ended.signal]));
    if (ended.signal.aborted) throw ended.signal.reason;
  }

  acknowledge(nodeId: string, sessionId: string, resultsIn: string): void {
    this.#check(nodeId, sessionId);
    this.#feed.acknowledge(nodeId, resultsIn);
  }

  /** See NetworkAttacher. */
  async attachNetwork(
    nodeId: string,
    sessionId: string,
    wish: AttachmentWish,
  ): Promise<AttachNetworkResponse> {
    this.#check(nodeId, sessionId);
    return await this.#attacher.attach(nodeId, wish);
  }

  async #open(
    nodeId: string,
    description: NodeDescription | null,
    address: string,
  ): Promise<Session> {
    if (this.#stopped) throw new ClusterError("NOT_LEADER", "this manager no longer leads");
    const { store, random } = this.#deps;
    // Asked of known nodes only: what is counted is as bounded as they are.
    if (store.view().get("node", nodeId) !== undefined && !this.#registrations.take(nodeId)) {
      throw new ClusterError(
        "RESOURCE_EXHAUSTED",
        `node ${nodeId} opens sessions too often; it may try again in some seconds`,
      );
    }
    const session = {
      id: newId(random),
      nodeId,
      ended: new AbortController(),
      wakeup: new Wakeup(),
    };
    const before = this.#sessions.get(nodeId);
    this.#sessions.set(nodeId, session);
    before?.ended.abort(new ClusterError("ABORTED", "a newer session of this node took over"));
    this.#heartbeats.beat(nodeId, this.#periodMs() * graceFactor);
    const isKnown = await store.update((tx) =>
      putNode(tx, nodeId, (node) => registered(node, description, address)),
    );
    if (!isKnown) {
      this.#end(nodeId, removed(nodeId));
      throw removed(nodeId);
    }
    this.#log.info({ nodeId, address }, "node registered");
    return session;
  }

  #sessionMessage(session: Session): SessionMessageInput {
    const view = this.#deps.store.view();
    const rootCa = view.cluster()?.rootCa;
    return {
      sessionId: session.id,
      node: view.get("node", session.nodeId) ?? null,
      managers: this.#deps.peers().map((peer) => ({ peer, weight: 1 })),
      rootCa: rootCa ? Buffer.from(trustBundleOf(rootCa)) : Buffer.alloc(0),
    };
  }

  #check(nodeId: string, sessionId: string): Session {
    const session = this.#sessions.get(nodeId);
    if (session === undefined || session.id !== sessionId) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `node ${nodeId} has no such session; open a new one`,
      );
    }
    return session;
  }

  async #giveUp(nodeId: string): Promise<void> {
    if (this.#stopped) return;
    this.#end(nodeId, new ClusterError("DEADLINE_EXCEEDED", "heartbeat failure"));
    try {
      await this.#deps.store.update((tx) => {
        putNode(tx, nodeId, (node) =>
          withState(
            node,
            "DOWN",
            node.status?.state === "UNKNOWN"
              ? 'heartbeat failure for node in "unknown" state'
              : "heartbeat failure",
          ),
        );
      });
      this.#log.info({ nodeId }, "node is down");
    } catch (error) {
      if (this.#stopped) return;
      this.#log.warn({ err: error, nodeId }, "cannot write that a node is down; trying again");
      this.#heartbeats.beat(nodeId, this.#periodMs());
    }
  }

  #apply(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.table === "cluster") this.peersChanged();
      if (event.table !== "node") continue;
      const { id } = event.object;
      if (event.kind === "remove") {
        this.#heartbeats.forget(id);
        this.#registrations.forget(id);
        this.#end(id, removed(id));
      } else if (event.kind === "create") {
        // It has its certificate; if it never comes, it is down.
        this.#heartbeats.beat(id, this.#periodMs() * unknownGraceFactor);
      } else {
        this.#sessions.get(id)?.wakeup.wake();
      }
    }
  }

  #end(nodeId: string, reason: ClusterError): void {
    this.#sessions.get(nodeId)?.ended.abort(reason);
    this.#sessions.delete(nodeId);
  }

  #periodMs(): number {
    return clusterSettingsOf(this.#deps.store.view().cluster()).heartbeatPeriodMs;
  }
}

function removed(nodeId: string): ClusterError {
  return new ClusterError("PERMISSION_DENIED", `node ${nodeId} was removed from the cluster`);
}
