import { BoundedQueue } from "../base/bounded-queue.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import type { LogMessage } from "../gen/skep/LogMessage.ts";
import type { PublishLogsMessage } from "../gen/skep/PublishLogsMessage.ts";
import type { SubscribeLogsRequest } from "../gen/skep/SubscribeLogsRequest.ts";
import type { SubscriptionMessageInput } from "../gen/skep/SubscriptionMessage.ts";
import type { Store } from "../store/store.ts";
import { isSelected, selectedNodes } from "./log-selection.ts";

/** A node that was asked and says nothing for so long is not waited for, unless the reader follows. */
const silenceMaxMs = 10_000;
const commandsMax = 1_000;

export interface LogBrokerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

interface Subscription {
  readonly id: string;
  readonly request: SubscribeLogsRequest;
  readonly deliver: (messages: LogMessage[]) => Promise<void>;
  /** Nodes that were told and have not finished. */
  readonly publishing: Set<string>;
  readonly told: Set<string>;
  readonly missing: Set<string>;
  readonly finish: () => void;
  silence: Timer | undefined;
}

/** Brings those who ask for logs together with the nodes that have them. Runs on the leader only. */
export class LogBroker {
  readonly #deps: LogBrokerDeps;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners = new Map<string, BoundedQueue<SubscriptionMessageInput>>();
  readonly #stopping = new AbortController();

  constructor(deps: LogBrokerDeps) {
    this.#deps = deps;
  }

  /** Ends every subscription; readers ask the new leader. */
  stop(): void {
    this.#stopping.abort();
    for (const { finish } of this.#subscriptions.values()) finish();
    for (const queue of this.#listeners.values()) queue.close();
  }

  /**
   * Delivers the logs asked for: what there is, and with `follow` what comes until `signal` is aborted. At the end UNAVAILABLE with
   * Swarm's warning when nodes were missing.
   */
  async subscribe(
    request: SubscribeLogsRequest,
    deliver: (messages: LogMessage[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, random } = this.#deps;
    const { selector } = request;
    if (selector === null) throw new ClusterError("INVALID_ARGUMENT", "say whose logs are wanted");
    let finish: () => void = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const subscription: Subscription = {
      id: newId(random),
      request,
      deliver,
      publishing: new Set(),
      told: new Set(),
      missing: new Set(),
      finish,
      silence: undefined,
    };
    this.#subscriptions.set(subscription.id, subscription);
    signal.addEventListener("abort", finish);
    const unsubscribe = store.subscribe((events) => {
      if (request.options?.follow !== true) return;
      for (const event of events) {
        if (event.table !== "task" || event.kind === "remove") continue;
        if (isSelected(event.object, selector)) this.#tell(subscription, event.object.nodeId);
      }
    });
    try {
      for (const nodeId of selectedNodes(store.view(), selector)) this.#tell(subscription, nodeId);
      this.#settle(subscription);
      if (!signal.aborted && !this.#stopping.signal.aborted) await finished;
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", finish);
      this.#close(subscription);
    }
    if (this.#stopping.signal.aborted) {
      throw new ClusterError("UNAVAILABLE", "the leader changed; ask for the logs again");
    }
    if (!signal.aborted && subscription.missing.size > 0) throw incomplete(subscription.missing);
  }

  /** Tells a node what to publish, for as long as its stream lives. */
  async listen(
    nodeId: string,
    write: (message: SubscriptionMessageInput) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const queue = new BoundedQueue<SubscriptionMessageInput>({
      itemsMax: commandsMax,
      onFull: "refuse",
    });
    this.#listeners.get(nodeId)?.close();
    this.#listeners.set(nodeId, queue);
    const onAbort = (): void => queue.close();
    signal.addEventListener("abort", onAbort);
    for (const subscription of this.#subscriptions.values()) {
      const isFollowing = subscription.request.options?.follow === true;
      if (isFollowing && subscription.missing.delete(nodeId)) this.#tell(subscription, nodeId);
    }
    try {
      for await (const message of queue) await write(message);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (this.#listeners.get(nodeId) === queue) {
        this.#listeners.delete(nodeId);
        for (const subscription of this.#subscriptions.values()) {
          if (subscription.publishing.has(nodeId)) this.#done(subscription, nodeId, false);
        }
      }
    }
  }

  /** Takes what a node publishes. NOT_FOUND when nobody reads it any more. */
  async publish(nodeId: string, messages: AsyncIterable<PublishLogsMessage>): Promise<void> {
    let current: Subscription | undefined;
    let isComplete = false;
    try {
      for await (const { subscriptionId, messages: lines, close } of messages) {
        current = this.#subscriptions.get(subscriptionId);
        if (current === undefined || !current.told.has(nodeId)) {
          throw new ClusterError("NOT_FOUND", `log subscription ${subscriptionId} has ended`);
        }
        this.#heard(current);
        const own = lines.filter(({ context }) => context?.nodeId === nodeId);
        if (own.length > 0) await current.deliver(own);
        if (close) isComplete = true;
      }
    } finally {
      if (current !== undefined && this.#subscriptions.has(current.id)) {
        this.#done(current, nodeId, isComplete);
      }
    }
  }

  #tell(subscription: Subscription, nodeId: string): void {
    if (subscription.publishing.has(nodeId) || subscription.missing.has(nodeId)) return;
    const isFollowing = subscription.request.options?.follow === true;
    if (subscription.told.has(nodeId) && !isFollowing) return;
    const queue = this.#listeners.get(nodeId);
    const { id, request } = subscription;
    if (queue?.push({ id, selector: request.selector, options: request.options }) === true) {
      subscription.told.add(nodeId);
      subscription.publishing.add(nodeId);
      this.#heard(subscription);
    } else {
      subscription.missing.add(nodeId);
    }
  }

  #done(subscription: Subscription, nodeId: string, isComplete: boolean): void {
    subscription.publishing.delete(nodeId);
    if (!isComplete) subscription.missing.add(nodeId);
    this.#settle(subscription);
  }

  /** Without following, the end is when every node has finished. */
  #settle({ request, publishing, finish }: Subscription): void {
    if (request.options?.follow !== true && publishing.size === 0) finish();
  }

  #heard(subscription: Subscription): void {
    subscription.silence?.cancel();
    if (subscription.request.options?.follow === true) return;
    subscription.silence = this.#deps.clock.setTimer(silenceMaxMs, () => {
      for (const nodeId of subscription.publishing) subscription.missing.add(nodeId);
      subscription.finish();
    });
  }

  #close(subscription: Subscription): void {
    subscription.silence?.cancel();
    this.#subscriptions.delete(subscription.id);
    for (const nodeId of subscription.told) {
      this.#listeners.get(nodeId)?.push({ id: subscription.id, close: true });
    }
  }
}

function incomplete(missing: ReadonlySet<string>): ClusterError {
  const reasons = [...missing].map((nodeId) => `node ${nodeId} is not available`).join(", ");
  return new ClusterError(
    "UNAVAILABLE",
    `warning: incomplete log stream. some logs could not be retrieved for the following reasons: ${reasons}`,
  );
}
