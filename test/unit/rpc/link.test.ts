import { strict as assert } from "node:assert";
import { Duplex } from "node:stream";
import { ClusterError } from "../../../src/base/errors.ts";
import { encodeFrame, FrameReader } from "../../../src/rpc/frames.ts";
import { Link } from "../../../src/rpc/link.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

/** The part of a TLS connection that a link uses; keeps what was written. */
class FakeSocket extends Duplex {
  readonly written: string[] = [];
  readonly #frames = new FrameReader();
  isStuck = false;

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#frames.take(chunk, (kind, payload) => this.written.push(`${kind} ${payload}`));
    if (!this.isStuck) done();
  }

  setNoDelay(): void {}

  destroySoon(): void {
    if (this.writableLength === 0) this.destroy();
  }
}

describe("a link", () => {
  let clock: FakeClock;
  let socket: FakeSocket;
  let told: string[];

  beforeEach(() => {
    clock = new FakeClock();
    socket = new FakeSocket({ writableHighWaterMark: 64 });
    told = [];
  });

  function open(asks: boolean, onMessage = (bytes: Buffer) => void told.push(`message ${bytes}`)) {
    return new Link(
      { socket, address: "10.0.0.2:2377", asks, clock },
      {
        onOpen: () => told.push("open"),
        onDrain: () => told.push("drain"),
        onEnd: ({ code, message }) => told.push(`${code} ${message}`),
        onMessage,
      },
    );
  }

  const hear = async (...frames: Parameters<typeof encodeFrame>[]): Promise<void> => {
    for (const frame of frames) socket.push(encodeFrame(...frame));
    await settle();
  };
  const nothing = Buffer.alloc(0);

  it("carries messages both ways once the other side has taken it", async () => {
    const link = open(true);
    link.send(Buffer.from("first"));
    await hear(["pong", nothing], ["message", Buffer.from("an answer")], ["pong", nothing]);
    assert.deepEqual(socket.written, ["message first"]);
    assert.deepEqual(told, ["open", "message an answer"]);
    link.close();
    await settle();
    assert.equal(clock.pending, 0, "no timer is left");
  });

  it("asks every 2 s whether the other side is there, and gives it up after 6", async () => {
    open(true);
    await clock.run(2_000);
    await hear(["pong", nothing]);
    await clock.run(5_999);
    assert.deepEqual(told, ["open"]);
    await clock.run(1);
    assert.deepEqual(told.slice(1), ["UNAVAILABLE 10.0.0.2:2377: nothing was heard for too long"]);
    assert.deepEqual(socket.written, ["ping ", "ping ", "ping "]);
    assert.equal(socket.destroyed, true);
  });

  it("answers who asks, and is more patient than that side", async () => {
    open(false).open();
    await clock.run(10_000);
    await hear(["ping", nothing]);
    assert.deepEqual(socket.written, ["pong ", "pong "]);
    await clock.run(12_000);
    assert.equal(socket.destroyed, true);
  });

  it("tells the other side why it is closed, but nothing internal", async () => {
    const [mine, other] = [open(false), socket];
    mine.close(new ClusterError("PERMISSION_DENIED", "node x was removed"));
    await settle();
    assert.match(other.written[0] ?? "", /^end .*PERMISSION_DENIED.*node x was removed/);
    assert.equal(other.destroyed, true);
    socket = new FakeSocket();
    open(false).close(new TypeError("secret inner text"));
    await settle();
    assert.match(socket.written[0] ?? "", /^end .*"INTERNAL"/);
    assert.doesNotMatch(socket.written[0] ?? "", /secret/);
    assert.deepEqual(told, [], "who closes knows why");
  });

  it("ends with the reason that the other side gives", async () => {
    open(true);
    const reason = { code: "PERMISSION_DENIED", message: "go", details: { refused: "node" } };
    await hear(["end", Buffer.from(JSON.stringify(reason))], ["message", nothing]);
    assert.deepEqual(told, ["PERMISSION_DENIED go"]);
    socket = new FakeSocket();
    open(true);
    await hear(["end", Buffer.from("{")]);
    assert.match(told[1] ?? "", /^UNKNOWN/);
  });

  it("ends with the connection, once", async () => {
    open(true);
    socket.destroy(new Error("connect ECONNREFUSED 10.0.0.2:2377"));
    await settle();
    assert.deepEqual(told, ["UNAVAILABLE 10.0.0.2:2377: connect ECONNREFUSED 10.0.0.2:2377"]);
    assert.equal(clock.pending, 0);
  });

  it("ends on both sides when a message is refused, or no frame", async () => {
    open(false, () => {
      throw new ClusterError("NOT_FOUND", "raft member 9 is not here");
    });
    await hear(["message", nothing]);
    assert.match(socket.written[0] ?? "", /^end .*NOT_FOUND/);
    assert.deepEqual(told, ["open", "NOT_FOUND raft member 9 is not here"]);
    socket = new FakeSocket();
    open(false);
    socket.push(Buffer.alloc(8));
    await settle();
    assert.match(told[2] ?? "", /^INVALID_ARGUMENT/);
  });

  it("says when it is full, and when there is room again", async () => {
    const link = open(true);
    socket.isStuck = true;
    assert.equal(link.isFull, false);
    link.send(Buffer.alloc(100));
    assert.equal(link.isFull, true);
    link.close(new ClusterError("UNAVAILABLE", "stopping"));
    assert.equal(socket.destroyed, false, "what is under way may still leave");
    await clock.run(1_000);
    assert.equal(socket.destroyed, true);
  });
});
