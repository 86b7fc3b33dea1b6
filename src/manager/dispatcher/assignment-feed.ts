import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import type { AssignmentsMessageInput } from "../../gen/skep/AssignmentsMessage.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { Store } from "../../store/store.ts";
import { AssignmentIndex, type Touched } from "./assignment-index.ts";
import { NodeAssignments } from "./node-assignments.ts";
import { leavesService, StopHolds } from "./stop-holds.ts";
import { Wakeup } from "./wakeup.ts";

/** Changes that come this close together travel in one message. */
const batchMs = 10;

interface Subscriber {
  readonly assignments: NodeAssignments;
  readonly wakeup: Wakeup;
}

/** Tells every node with a session what is assigned to it: once all of it, then what changes. */
export class AssignmentFeed {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #index = new AssignmentIndex();
  readonly #holds: StopHolds;
  readonly #subscribers = new Map<string, Subscriber>();
  #unsubscribe: (() => void)[] = [];

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#holds = new StopHolds({
      clock: deps.clock,
      onRelease: (task) => this.#touchNode(task.nodeId, `task/${task.id}`),
    });
  }

  start(): void {
    this.#index.reset(this.#store.view());
    this.#unsubscribe = [this.#store.subscribe((events) => this.#apply(events))];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#holds.stop();
  }

  /** Writes the node's messages until `signal` is aborted. A newer stream of the node takes this one's place. */
  async run(
    nodeId: string,
    write: (message: AssignmentsMessageInput) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const subscriber = { assignments: new NodeAssignments(nodeId), wakeup: new Wakeup() };
    const before = this.#subscribers.get(nodeId);
    if (before !== undefined) this.#holds.gone(before.assignments);
    this.#subscribers.set(nodeId, subscriber);
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const message = this.#nextMessage(subscriber.assignments, isFirst);
        if (message !== undefined) await write(message);
        await subscriber.wakeup.wait(signal);
        if (!signal.aborted) await sleep(this.#clock, batchMs, signal).catch(() => {});
      }
    } finally {
      if (this.#subscribers.get(nodeId) === subscriber) this.#subscribers.delete(nodeId);
      this.#holds.gone(subscriber.assignments);
    }
  }

  /** The node has put the message with this `results_in` into effect. */
  acknowledge(nodeId: string, resultsIn: string): void {
    const sequence = Number(resultsIn);
    const subscriber = this.#subscribers.get(nodeId);
    if (subscriber === undefined || !Number.isSafeInteger(sequence)) return;
    this.#holds.acknowledged(
      subscriber.assignments,
      Math.min(sequence, subscriber.assignments.sequence),
    );
  }

  #nextMessage(
    assignments: NodeAssignments,
    isFirst: boolean,
  ): AssignmentsMessageInput | undefined {
    const appliesTo = assignments.sequence;
    const source = { view: this.#store.view(), index: this.#index, held: this.#holds };
    const changes = assignments.collect(source);
    if (assignments.sequence === appliesTo) {
      // Nothing the node does not know already: who waits for its next message need not.
      this.#holds.acknowledged(assignments, appliesTo + 1);
      return undefined;
    }
    return {
      type: isFirst ? "COMPLETE_SET" : "INCREMENTAL",
      appliesTo: isFirst ? "" : String(appliesTo),
      resultsIn: String(assignments.sequence),
      changes,
    };
  }

  #apply(events: readonly StoreEvent[]): void {
    const view = this.#store.view();
    for (const event of events) {
      for (const touched of this.#index.apply(event, view)) this.#touch(touched);
      if (event.table === "task") {
        const nodes = new Set([event.object.nodeId, event.previous?.nodeId ?? ""]);
        for (const nodeId of nodes) this.#touchNode(nodeId, `task/${event.object.id}`);
      } else if (event.table === "network") {
        // Which networks are ingress networks concerns all nodes, and comes seldom.
        for (const { assignments } of this.#subscribers.values()) assignments.touchInterests();
      }
      const stopping = leavesService(event);
      if (stopping !== undefined) this.#hold(stopping);
    }
  }

  #hold(task: Parameters<StopHolds["hold"]>[0]): void {
    const sessions = [...this.#subscribers.values()].map(({ assignments }) => assignments);
    this.#holds.hold(task, sessions);
    // Each must make a message, or find that it need not: either way it is asked.
    for (const { wakeup } of this.#subscribers.values()) wakeup.wake();
  }

  #touch({ scope, key }: Touched): void {
    for (const { assignments, wakeup } of this.#subscribers.values()) {
      if (!assignments.isIn(scope)) continue;
      assignments.touch(key);
      wakeup.wake();
    }
  }

  #touchNode(nodeId: string, key: `task/${string}`): void {
    const subscriber = this.#subscribers.get(nodeId);
    if (subscriber === undefined) return;
    subscriber.assignments.touch(key);
    subscriber.assignments.touchInterests();
    subscriber.wakeup.wake();
  }
}
