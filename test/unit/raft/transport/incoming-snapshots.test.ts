import { strict as assert } from "node:assert";
import { ClusterError, isClusterError } from "../../../../src/base/errors.ts";
import { type Message, makeMessage } from "../../../../src/raft/core/types.ts";
import {
  IncomingSnapshots,
  type SnapshotPart,
} from "../../../../src/raft/transport/incoming-snapshots.ts";
import type { TransportHandler } from "../../../../src/raft/transport/raft-transport.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";
import { aConfState } from "../../../support/raft-memory-storage.ts";

const text = "0123456789";
const snapshot = {
  ...{ index: 7, term: 2, confState: aConfState([1, 2]), members: [] },
  sizeBytes: text.length,
};
const message: Message = { ...makeMessage("MsgSnap", 2, { from: 1, term: 3 }), from: 1 };

/** Remembers what was stored; a transfer that ends early is not stored, as on a disk. */
class Stored implements TransportHandler {
  readonly whole: string[] = [];
  readonly failures: string[] = [];
  started = 0;
  failAfterBytes = Number.POSITIVE_INFINITY;

  receive(): void {}
  unreachable(): void {}

  async receiveSnapshot(_: Message, __: unknown, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.started += 1;
    let stored = "";
    try {
      for await (const chunk of chunks) {
        stored += Buffer.from(chunk).toString();
        if (stored.length > this.failAfterBytes) {
          throw new ClusterError("RESOURCE_EXHAUSTED", "the disk is full");
        }
      }
      this.whole.push(stored);
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : "");
      throw error;
    }
  }
}

describe("snapshots that come in", () => {
  let clock: FakeClock;
  let incoming: IncomingSnapshots;
  let stored: Stored;

  beforeEach(() => {
    clock = new FakeClock();
    incoming = new IncomingSnapshots({ staleMs: 1_000 }, { clock });
    stored = new Stored();
  });

  const receive = (parts: AsyncIterator<SnapshotPart>, changes: Partial<Message> = {}) =>
    incoming.receive(stored, { ...message, ...changes }, snapshot, parts);
  const question = () => receive(partsOf(0, 0));

  it("are stored once they are whole", async () => {
    assert.equal(await question(), 0);
    assert.equal(await receive(partsOf(0, 10)), 10);
    assert.deepEqual([stored.whole, stored.started], [[text], 1]);
    assert.equal(clock.pending, 0, "no timer is left");
  });

  it("go on where a stream broke", async () => {
    await assert.rejects(receive(partsOf(0, 4, new Error("reset"))), /reset/);
    assert.equal(await question(), 4);
    assert.equal(await receive(partsOf(4, 7)), 7, "a stream that ended too early looks well");
    assert.equal(await receive(partsOf(7, 10)), 10);
    assert.deepEqual([stored.whole, stored.started], [[text], 1]);
  });

  it("are not taken twice when only the answer was lost", async () => {
    await receive(partsOf(0, 10));
    assert.equal(await question(), 10);
    assert.equal(await receive(partsOf(0, 0), { term: 4 }), 0, "in a later term they are");
  });

  it("are given up when nobody goes on with them", async () => {
    await receive(partsOf(0, 4));
    clock.advance(999);
    assert.equal(await question(), 4);
    clock.advance(1);
    await settle();
    assert.equal(await question(), 0);
    assert.match(stored.failures[0] ?? "", /did not go on/);
    assert.deepEqual(stored.whole, []);
  });

  it("start over when the parts do not follow on each other", async () => {
    await receive(partsOf(0, 4));
    await assert.rejects(receive(partsOf(6, 10)), (error) => isClusterError(error, "ABORTED"));
    assert.equal(await question(), 0);
    assert.equal(await receive(partsOf(0, 10)), 10);
    assert.deepEqual([stored.whole, stored.started], [[text], 2]);
  });

  it("make room for another one of the same sender", async () => {
    await receive(partsOf(0, 4));
    assert.equal(await receive(partsOf(0, 10), { term: 4 }), 10);
    assert.match(stored.failures[0] ?? "", /has a newer one/);
  });

  it("are refused with the reason of who stores them", async () => {
    stored.failAfterBytes = 3;
    await assert.rejects(receive(partsOf(0, 10)), /the disk is full/);
    assert.equal(await question(), 0);
  });

  it("are taken over by the next stream when the one before hangs", async () => {
    let resume: () => void = () => {};
    const hanging = (async function* () {
      yield* toParts(0, 3);
      await new Promise<void>((resolve) => {
        resume = resolve;
      });
      yield* toParts(3, 10);
    })();
    const first = receive(hanging);
    await settle();
    assert.equal(await question(), 3);
    assert.equal(await receive(partsOf(3, 10)), 10);
    resume();
    await assert.rejects(first, /another stream/);
    assert.deepEqual(stored.whole, [text]);
  });

  it("end when the transport stops", async () => {
    await receive(partsOf(0, 4));
    incoming.stop();
    await settle();
    assert.match(stored.failures[0] ?? "", /stopping/);
    assert.equal(clock.pending, 0);
  });

  it("may be empty", async () => {
    const empty = { ...snapshot, sizeBytes: 0 };
    assert.equal(await incoming.receive(stored, message, empty, partsOf(0, 0)), 0);
    assert.deepEqual(stored.whole, [""]);
  });
});

/** The bytes from `start` to before `end` by twos, and then the failure. */
async function* partsOf(start: number, end: number, failure?: Error): AsyncGenerator<SnapshotPart> {
  yield* toParts(start, end);
  if (failure !== undefined) throw failure;
}

function* toParts(start: number, end: number): Generator<SnapshotPart> {
  for (let at = start; at < end; at += 2) {
    yield { offset: at, data: Buffer.from(text.slice(at, Math.min(end, at + 2))) };
  }
}
