import { anySignal } from "../base/any-signal.ts";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { ListenSubscriptionsRequestInput } from "../gen/skep/ListenSubscriptionsRequest.ts";
import type { LogMessageInput } from "../gen/skep/LogMessage.ts";
import type { LogSelector } from "../gen/skep/LogSelector.ts";
import type { PublishLogsMessageInput } from "../gen/skep/PublishLogsMessage.ts";
import type { PublishLogsResponse } from "../gen/skep/PublishLogsResponse.ts";
import type { SubscriptionMessage } from "../gen/skep/SubscriptionMessage.ts";
import type { Task } from "../gen/skep/Task.ts";
import { timestampMs } from "../model/time.ts";
import type { ChannelPool, UploadCall } from "../rpc/channel-pool.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { containerIdOf } from "./executor/plan-container.ts";

const retryMs = 500;
const newTaskPollMs = 250;
const messagesPerPushMax = 100;

export interface LogPublisherDeps {
  readonly nodeId: string;
  readonly channels: ChannelPool;
  readonly runtime: ContainerRuntime;
  readonly tasks: () => readonly Task[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sends the logs of this node's tasks to the leader for as long as somebody there asks for them. */
export class LogPublisher {
  readonly #deps: LogPublisherDeps;
  #session: AbortController | undefined;

  constructor(deps: LogPublisherDeps) {
    this.#deps = deps;
  }

  /** A session with the leader at `address` began. */
  connected(address: string): void {
    this.disconnected();
    const session = new AbortController();
    this.#session = session;
    void this.#listen(address, session.signal);
  }

  disconnected(): void {
    this.#session?.abort();
    this.#session = undefined;
  }

  async stop(): Promise<void> {
    this.disconnected();
  }

  async #listen(address: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const open = new Map<string, AbortController>();
      try {
        const subscriptions = this.#deps.channels.serverStream<
          ListenSubscriptionsRequestInput,
          SubscriptionMessage
        >(address, "LogBroker", "ListenSubscriptions", {}, { signal });
        for await (const message of subscriptions) {
          open.get(message.id)?.abort();
          open.delete(message.id);
          if (message.close) continue;
          const stop = new AbortController();
          open.set(message.id, stop);
          void this.#publish(address, message, anySignal(signal, stop.signal));
        }
      } catch (error) {
        if (signal.aborted) break;
        this.#deps.log.debug({ err: errorMessage(error) }, "log subscriptions interrupted");
      } finally {
        for (const stop of open.values()) stop.abort();
      }
      await sleep(this.#deps.clock, retryMs, signal).catch(() => {});
    }
  }

  async #publish(
    address: string,
    subscription: SubscriptionMessage,
    signal: AbortSignal,
  ): Promise<void> {
    const upload = this.#deps.channels.upload<PublishLogsMessageInput, PublishLogsResponse>(
      address,
      "LogBroker",
      "PublishLogs",
      { signal },
    );
    upload.response.catch(() => {}); // told by the writes
    try {
      await this.#readAll(subscription, upload, signal);
      await upload.write({ subscriptionId: subscription.id, messages: [], close: true });
      upload.end();
      await upload.response;
    } catch (error) {
      upload.cancel();
      if (signal.aborted) return;
      this.#deps.log.debug({ err: errorMessage(error) }, "logs not published to the end");
    }
  }

  /** Reads the logs of the tasks there are; when following, also of those that come. */
  async #readAll(
    subscription: SubscriptionMessage,
    upload: UploadCall<PublishLogsMessageInput, PublishLogsResponse>,
    signal: AbortSignal,
  ): Promise<void> {
    const readers = new Map<string, Promise<void>>();
    const { clock, nodeId } = this.#deps;
    for (;;) {
      for (const task of this.#deps.tasks()) {
        if (readers.has(task.id) || !isSelected(task, nodeId, subscription.selector)) continue;
        if (this.#deps.runtime.find(containerIdOf(task.id)) === undefined) continue;
        readers.set(task.id, this.#readTask(task, subscription, upload, signal));
      }
      if (subscription.options?.follow !== true) break;
      await sleep(clock, newTaskPollMs, signal);
    }
    await Promise.all(readers.values());
  }

  async #readTask(
    task: Task,
    { id, options }: SubscriptionMessage,
    upload: UploadCall<PublishLogsMessageInput, PublishLogsResponse>,
    signal: AbortSignal,
  ): Promise<void> {
    const streams = options?.streams ?? [];
    const entries = this.#deps.runtime.logs(containerIdOf(task.id), {
      follow: options?.follow ?? false,
      ...(options !== null && options.tail >= 0 ? { tail: options.tail } : {}),
      ...(options?.since ? { sinceMs: timestampMs(options.since) } : {}),
      ...(options?.until ? { untilMs: timestampMs(options.until) } : {}),
      stdout: streams.length === 0 || streams.includes("STDOUT"),
      stderr: streams.length === 0 || streams.includes("STDERR"),
      signal,
    });
    const context = { serviceId: task.serviceId, nodeId: this.#deps.nodeId, taskId: task.id };
    let batch: LogMessageInput[] = [];
    const flush = async (): Promise<void> => {
      const messages = batch;
      batch = [];
      if (messages.length > 0) await upload.write({ subscriptionId: id, messages });
    };
    for await (const { atMs, nanos, stream, data } of entries) {
      batch.push({
        context,
        timestamp: { seconds: Math.floor(atMs / 1000), nanos },
        stream: stream === "stdout" ? "STDOUT" : "STDERR",
        data: Buffer.from(data),
      });
      if (batch.length >= messagesPerPushMax || options?.follow === true) await flush();
    }
    await flush();
  }
}

function isSelected(task: Task, nodeId: string, selector: LogSelector | null): boolean {
  if (selector === null) return false;
  return (
    selector.taskIds.includes(task.id) ||
    selector.serviceIds.includes(task.serviceId) ||
    selector.nodeIds.includes(nodeId)
  );
}
