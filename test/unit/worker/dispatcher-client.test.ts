import assert from "node:assert/strict";
import { ClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type {
  AssignmentsMessage,
  AssignmentsMessageInput,
} from "../../../src/gen/skep/AssignmentsMessage.ts";
import type { NodeDescription } from "../../../src/gen/skep/NodeDescription.ts";
import type { SessionMessage } from "../../../src/gen/skep/SessionMessage.ts";
import type { TaskStatusUpdateInput } from "../../../src/gen/skep/TaskStatusUpdate.ts";
import type { ChannelPool, StreamOptions } from "../../../src/rpc/channel-pool.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import {
  DispatcherClient,
  type SessionListener,
} from "../../../src/worker/agent/dispatcher-client.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const assignmentsCodec = messageCodec<AssignmentsMessageInput, AssignmentsMessage>(
  "AssignmentsMessage",
);
const sessionCodec = messageCodec<Partial<SessionMessage>, SessionMessage>("SessionMessage");
const descriptions = messageCodec<Partial<NodeDescription>, NodeDescription>("NodeDescription");

/** Managers by address: one leads, the others name it, those that are down do not answer. */
class FakeManagers implements Pick<ChannelPool, "unary" | "serverStream"> {
  leader = "";
  down = new Set<string>();
  /** Says where the leader is; else just that it is not it. */
  hints = true;
  readonly calls: string[] = [];
  heartbeatFails = false;
  #streams = new Map<string, { push(message: unknown): void; fail(error: Error): void }>();

  async unary<Request, Response>(
    address: string,
    _service: string,
    method: string,
    request: Request,
  ): Promise<Response> {
    const isTold = method === "AckAssignments" || Object(request).leaving === true;
    const detail = isTold ? ` ${JSON.stringify(request)}` : "";
    this.calls.push(`${address} ${method}${detail}`);
    if (method === "Heartbeat" && this.heartbeatFails) {
      throw new ClusterError("NOT_FOUND", "no such session");
    }
    return { period: { seconds: 5, nanos: 0 } } as Response;
  }

  async *serverStream<Request, Response>(
    address: string,
    _service: string,
    method: string,
    _request: Request,
    options: StreamOptions = {},
  ): AsyncGenerator<Response> {
    this.calls.push(`${address} ${method}`);
    if (this.down.has(address)) throw new ClusterError("UNAVAILABLE", `${address} is away`);
    if (address !== this.leader) {
      const details = this.hints ? { leaderAddress: this.leader } : {};
      throw new ClusterError("NOT_LEADER", "not the leader", { details });
    }
    const queue: unknown[] = [];
    let wake: () => void = () => {};
    let failure: Error | undefined;
    this.#streams.set(method, {
      push: (message) => {
        queue.push(message);
        wake();
      },
      fail: (error) => {
        failure = error;
        wake();
      },
    });
    options.signal?.addEventListener("abort", () => wake(), { once: true });
    for (;;) {
      while (queue.length > 0) yield queue.shift() as Response;
      options.signal?.throwIfAborted();
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  async openSession(): Promise<void> {
    this.#push("Session", sessionCodec.decode(sessionCodec.encode({ sessionId: "session1" })));
    await settle();
  }

  async assign(
    type: AssignmentsMessage["type"],
    appliesTo: string,
    resultsIn: string,
  ): Promise<void> {
    const message = { type, appliesTo, resultsIn, changes: [] };
    this.#push("Assignments", assignmentsCodec.decode(assignmentsCodec.encode(message)));
    await settle();
  }

  async breakSession(error: Error): Promise<void> {
    this.#streams.get("Session")?.fail(error);
    await settle();
  }

  #push(method: string, message: unknown): void {
    const stream = this.#streams.get(method);
    assert.ok(stream, `the agent has no ${method} stream`);
    stream.push(message);
  }
}

class Listener implements SessionListener {
  readonly events: string[] = [];
  applied: Promise<void> = Promise.resolve();
  send: (updates: TaskStatusUpdateInput[]) => Promise<void> = async () => {};

  connected(address: string, send: Listener["send"]): void {
    this.events.push(`connected ${address}`);
    this.send = send;
  }

  disconnected(): void {
    this.events.push("disconnected");
  }

  refused(reason: string): void {
    this.events.push(`refused: ${reason}`);
  }

  message(): void {
    this.events.push("message");
  }

  assignments({ resultsIn }: AssignmentsMessage): Promise<void> {
    this.events.push(`assignments ${resultsIn}`);
    return this.applied;
  }
}

describe("DispatcherClient", () => {
  let managers: FakeManagers;
  let listener: Listener;
  let clock: FakeClock;
  let client: DispatcherClient;

  beforeEach(() => {
    managers = new FakeManagers();
    listener = new Listener();
    clock = new FakeClock();
    client = new DispatcherClient({
      channels: managers,
      managers: () => ["m1", "m2", "m3"],
      describe: () => descriptions.decode(descriptions.encode({ hostname: "h" })),
      listener,
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
  });

  afterEach(async () => {
    const stopped = client.stop();
    await clock.run(0);
    await stopped;
  });

  async function start(leader: string): Promise<void> {
    managers.leader = leader;
    client.start();
    await settle();
  }

  it("goes where a manager says that the leader is, at once", async () => {
    await start("m3");
    await managers.openSession();
    assert.deepEqual(managers.calls.slice(0, 2), ["m2 Session", "m3 Session"]);
    assert.deepEqual(listener.events, ["message", "connected m3"]);
    assert.equal(clock.monotonic(), 0);
  });

  it("does not run between managers that name each other", async () => {
    await start("m3");
    managers.leader = "nobody";
    managers.hints = true;
    await managers.breakSession(new ClusterError("UNAVAILABLE", "gone"));
    managers.calls.length = 0;
    await clock.run(1_000);
    assert.ok(managers.calls.length < 30, `${managers.calls.length} calls in a second`);
  });

  it("asks one manager after the other when none knows", async () => {
    managers.hints = false;
    managers.down = new Set(["m2", "m3"]);
    await start("m1");
    await clock.run(3_000);
    await managers.openSession();
    assert.deepEqual(listener.events.at(-1), "connected m1");
  });

  it("gives up a manager that accepts and says nothing", async () => {
    await start("m2");
    managers.leader = "m3";
    await clock.run(5_500);
    assert.equal(managers.calls.at(-1), "m3 Session");
  });

  it("tells when a manager does not take the node any more, and nothing of other refusals", async () => {
    await start("m2");
    await managers.openSession();
    await managers.breakSession(new ClusterError("PERMISSION_DENIED", "not for workers"));
    await clock.run(2_000);
    await managers.openSession();
    const details = { refused: "node" };
    await managers.breakSession(new ClusterError("PERMISSION_DENIED", "removed", { details }));
    const refusals = listener.events.filter((event) => event.startsWith("refused"));
    assert.deepEqual(refusals, ["refused: removed"]);
    await clock.run(2_000);
    await managers.openSession();
    assert.equal(listener.events.at(-1), "connected m2", "it goes on asking");
  });

  it("sends a heartbeat each period", async () => {
    await start("m2");
    await managers.openSession();
    await clock.run(10_000);
    assert.equal(managers.calls.filter((call) => call === "m2 Heartbeat").length, 3);
  });

  it("looks for the leader anew when its heartbeat is refused", async () => {
    await start("m2");
    await managers.openSession();
    managers.heartbeatFails = true;
    managers.leader = "m3";
    await clock.run(6_000);
    assert.ok(listener.events.includes("disconnected"));
    assert.equal(managers.calls.at(-1), "m3 Session");
  });

  it("acknowledges assignments only once they show", async () => {
    await start("m2");
    await managers.openSession();
    let show: () => void = () => {};
    listener.applied = new Promise((resolve) => {
      show = resolve;
    });
    await managers.assign("COMPLETE_SET", "", "v1");
    const acks = (): string[] => managers.calls.filter((call) => call.includes("AckAssignments"));
    assert.deepEqual(acks(), []);
    show();
    await settle();
    assert.deepEqual(acks(), ['m2 AckAssignments {"sessionId":"session1","resultsIn":"v1"}']);
  });

  it("begins a new session when a change was missed", async () => {
    await start("m2");
    await managers.openSession();
    await managers.assign("COMPLETE_SET", "", "v1");
    await managers.assign("INCREMENTAL", "v1", "v2");
    await managers.assign("INCREMENTAL", "v3", "v4");
    assert.deepEqual(listener.events.slice(2), [
      "assignments v1",
      "assignments v2",
      "disconnected",
    ]);
  });

  it("tells of the end of a session, and sends nothing more in it", async () => {
    await start("m2");
    await managers.openSession();
    await listener.send([{ taskId: "t1" }]);
    assert.equal(managers.calls.at(-1), "m2 UpdateTaskStatus");
    await managers.breakSession(new ClusterError("UNAVAILABLE", "gone"));
    assert.equal(listener.events.at(-1), "disconnected");
    const before = managers.calls.filter((call) => call.endsWith("Heartbeat")).length;
    managers.down = new Set(["m1", "m2", "m3"]);
    await clock.run(20_000);
    assert.equal(managers.calls.filter((call) => call.endsWith("Heartbeat")).length, before);
  });

  it("tells the leader of the session that the node has left, and does not mind if it cannot", async () => {
    await start("m2");
    await managers.openSession();
    await client.stop();
    await client.leave();
    assert.equal(managers.calls.at(-1), 'm2 Heartbeat {"sessionId":"session1","leaving":true}');
    managers.heartbeatFails = true;
    await client.leave();
  });

  it("tells nobody that the node has left where there was no session", async () => {
    managers.down = new Set(["m1", "m2", "m3"]);
    await start("m2");
    await client.stop();
    await client.leave();
    assert.deepEqual(
      managers.calls.filter((call) => call.includes("Heartbeat")),
      [],
    );
  });
});
