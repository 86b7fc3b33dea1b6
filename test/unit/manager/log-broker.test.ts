import assert from "node:assert/strict";
import type { LogMessage } from "../../../src/gen/skep/LogMessage.ts";
import type { PublishLogsMessage } from "../../../src/gen/skep/PublishLogsMessage.ts";
import type {
  SubscribeLogsRequest,
  SubscribeLogsRequestInput,
} from "../../../src/gen/skep/SubscribeLogsRequest.ts";
import type { SubscriptionMessageInput } from "../../../src/gen/skep/SubscriptionMessage.ts";
import { Handoff } from "../../../src/manager/handoff.ts";
import { LogBroker } from "../../../src/manager/log-broker.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import { aTask } from "../../support/builders.ts";
import { settle } from "../../support/fake-clock.ts";
import { createMemoryStore, type MemoryStore } from "../../support/memory-proposer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const codec = messageCodec<SubscribeLogsRequestInput, SubscribeLogsRequest>("SubscribeLogsRequest");
const request = (follow: boolean) =>
  codec.decode(
    codec.encode({ selector: { serviceIds: ["service1"] }, options: { follow, tail: -1 } }),
  );
const line = (nodeId: string, text: string): LogMessage => ({
  context: { serviceId: "service1", nodeId, taskId: "task1" },
  timestamp: null,
  stream: "STDOUT",
  data: Buffer.from(text),
});

describe("manager: log broker", () => {
  let memory: MemoryStore;
  let broker: LogBroker;
  let aborts: AbortController[];

  beforeEach(() => {
    memory = createMemoryStore();
    memory.seed("task", aTask(), aTask({ id: "task2", nodeId: "node2" }));
    broker = new LogBroker({ store: memory.store, clock: memory.clock, random: seededRandom(3) });
    aborts = [];
  });
  afterEach(() => {
    broker.stop();
    for (const abort of aborts) abort.abort();
  });

  function listen(nodeId: string): { told: SubscriptionMessageInput[]; abort: AbortController } {
    const told: SubscriptionMessageInput[] = [];
    const abort = new AbortController();
    aborts.push(abort);
    void broker.listen(nodeId, async (message) => void told.push(message), abort.signal);
    return { told, abort };
  }

  function subscribe(follow: boolean) {
    const lines: string[] = [];
    const abort = new AbortController();
    aborts.push(abort);
    const result: { end?: unknown } = {};
    void broker
      .subscribe(
        request(follow),
        async (messages) => void lines.push(...messages.map(({ data }) => data.toString())),
        abort.signal,
      )
      .then(
        () => {
          result.end = "ended";
        },
        (error: unknown) => {
          result.end = error;
        },
      );
    return { lines, abort, result };
  }

  async function* messages(
    id: string | undefined,
    nodeId: string,
    ...texts: string[]
  ): AsyncGenerator<PublishLogsMessage> {
    yield {
      subscriptionId: id ?? "",
      messages: texts.map((text) => line(nodeId, text)),
      close: false,
    };
    yield { subscriptionId: id ?? "", messages: [], close: true };
  }

  it("merges what the nodes publish and ends when all have finished", async () => {
    const [one, two] = [listen("node1"), listen("node2")];
    const reader = subscribe(false);
    await settle();
    await broker.publish("node1", messages(one.told[0]?.id, "node1", "a", "b"));
    assert.equal(reader.result.end, undefined);
    await broker.publish("node2", messages(two.told[0]?.id, "node2", "c"));
    await settle();
    assert.deepEqual(reader.lines, ["a", "b", "c"]);
    assert.equal(reader.result.end, "ended");
    assert.equal(one.told[1]?.close, true);
  });

  it("warns of nodes that are not there, after the lines of the others", async () => {
    const one = listen("node1");
    const reader = subscribe(false);
    await settle();
    await broker.publish("node1", messages(one.told[0]?.id, "node1", "a"));
    await settle();
    assert.deepEqual(reader.lines, ["a"]);
    assert.match(
      String(reader.result.end),
      /warning: incomplete log stream. some logs could not be retrieved for the following reasons: node node2 is not available/,
    );
  });

  it("a node that goes in the middle, or is silent, is missing", async () => {
    const [one] = [listen("node1"), listen("node2")];
    const reader = subscribe(false);
    await settle();
    one.abort.abort();
    await memory.clock.run(10_001);
    assert.match(
      String(reader.result.end),
      /node node1 is not available, node node2 is not available/,
    );
  });

  it("following, new tasks on other nodes are added, and it ends only when told", async () => {
    const [one, three] = [listen("node1"), listen("node3")];
    const reader = subscribe(true);
    await settle();
    await broker.publish("node1", messages(one.told[0]?.id, "node1", "a"));
    memory.seed("task", aTask({ id: "task3", nodeId: "node3" }));
    await settle();
    await broker.publish("node3", messages(three.told[0]?.id, "node3", "z"));
    const two = listen("node2"); // it was missing and comes back
    await settle();
    assert.equal(two.told.length, 1);
    assert.deepEqual(reader.lines, ["a", "z"]);
    assert.equal(reader.result.end, undefined);
    reader.abort.abort();
    await settle();
    assert.equal(reader.result.end, "ended");
    await assert.rejects(
      broker.publish("node1", messages(one.told[0]?.id, "node1", "late")),
      /has ended/,
    );
  });

  it("a node speaks only for itself", async () => {
    const one = listen("node1");
    listen("node2");
    const reader = subscribe(false);
    await settle();
    await broker.publish("node1", messages(one.told[0]?.id, "node2", "forged"));
    assert.deepEqual(reader.lines, []);
  });

  it("a hand-off makes a fast writer wait", async () => {
    const handoff = new Handoff<number>();
    let written = 0;
    const writer = (async () => {
      for (let item = 1; item <= 40; item += 1) {
        await handoff.push(item);
        written = item;
      }
      handoff.close();
    })();
    await settle();
    assert.equal(written, 16);
    const read: number[] = [];
    for await (const item of handoff) read.push(item);
    await writer;
    assert.equal(read.length, 40);
    await assert.rejects(handoff.push(1), /nobody reads/);
  });
});
