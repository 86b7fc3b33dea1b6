import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { isClusterError } from "../../../../src/base/errors.ts";
import { type Random, randomInteger } from "../../../../src/base/random.ts";
import { catchUp } from "../../../../src/raft/storage/catch-up.ts";
import { segmentPaths } from "../../../../src/raft/storage/segment.ts";
import type { Operation } from "../../../../src/raft/storage/segment-record.ts";
import { WriteAhead, type WriteAheadDatabase } from "../../../../src/raft/storage/write-ahead.ts";
import { change, LossyDisk } from "../../../support/lossy-disk.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const folder = "/log";
const segmentBytes = 8 * 1024;
const numberKey = "h";
/** Few, so that the power goes between two batches of what belongs together too. */
const batchMax = 3;

describe("writes ahead of the log's database", () => {
  it("are there after a power loss at any time, whole and in order, if they were acknowledged", async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seededRandom(seed);
      const disk = new LossyDisk(random);
      const history: Map<string, Buffer>[] = [new Map()];
      for (let life = 0; life < 4; life += 1) {
        const acknowledged = history.length - 1;
        const ahead = await open(disk);
        const found = numberOf(disk.database);
        assert.equal(found, acknowledged, `seed ${seed}: ends at ${found}`);
        assert.deepEqual(disk.database, history[found], `seed ${seed}: is another state`);
        const count = randomInteger(random, 0, 120);
        if (random.float() < 0.5) disk.batchesLeft = randomInteger(random, 0, 60);
        for (let done = 0; done < count && !disk.isFailing; done += 1) {
          const written = write(ahead, history, random);
          await Promise.race([written, setImmediate()]); // or it never ends
        }
        if (!disk.isFailing) {
          disk.isFailing = true;
          void write(ahead, history, random);
        }
        await setImmediate();
        disk.powerLost();
        if (random.float() < 0.5) {
          disk.batchesLeft = randomInteger(random, 0, 5);
          void bringUp(disk);
          await setImmediate();
          disk.powerLost();
        }
        // Of the last one either is right: all of it or nothing.
        await bringUp(disk);
        history.length = Math.max(history.length - 1, numberOf(disk.database) + 1);
      }
    }
  });

  it("reach the database in the end when the log is closed", async () => {
    const random = seededRandom(1);
    const disk = new LossyDisk(random);
    const history: Map<string, Buffer>[] = [new Map()];
    const ahead = await open(disk);
    for (let done = 0; done < 10; done += 1) await write(ahead, history, random);
    assert.equal(disk.batches, 0);
    await ahead.close();
    assert.deepEqual(disk.database, history.at(-1));
  });

  it("reach it together, and not only when a segment is full", async () => {
    const disk = new LossyDisk(seededRandom(1));
    const ahead = await open(disk, 1024 * 1024);
    for (let number = 1; number <= 1_600; number += 1) {
      await ahead.batch([put("k", 10), numbered(number)], number);
      await setImmediate();
    }
    assert.ok(disk.batches >= 3 && disk.batches <= 6, `${disk.batches} batches`);
    assert.ok(numberOf(disk.database) > 1_100);
  });

  it("may be larger than a segment, which does not stay so large", async () => {
    const disk = new LossyDisk(seededRandom(1));
    const ahead = await open(disk);
    const sizes = async () =>
      await Promise.all(
        segmentPaths(folder).map(async (path) => (await disk.files.read(path))?.length ?? 0),
      );
    await ahead.batch([put("k", 3 * segmentBytes), numbered(1)], 1);
    assert.ok(Math.max(...(await sizes())) > 3 * segmentBytes);
    for (let number = 2; number <= 6; number += 1) {
      await ahead.batch([put("k", segmentBytes / 2), numbered(number)], number);
    }
    assert.deepEqual(await sizes(), [segmentBytes, segmentBytes]);
    disk.powerLost();
    await open(disk);
    assert.equal(numberOf(disk.database), 6);
    assert.equal(disk.database.get("k")?.length, segmentBytes / 2);
  });

  for (const { what, writes, at } of [
    { what: "a record before others", writes: 5, at: 30 },
    { what: "one before those of the next segment", writes: 9, at: 30 },
    { what: "the last one before the next segment", writes: 9, at: segmentBytes - 1024 },
  ]) {
    it(`are refused when ${what} is damaged`, async () => {
      const disk = new LossyDisk(seededRandom(1));
      const ahead = await open(disk);
      for (let number = 1; number <= writes; number += 1) {
        await ahead.batch([put("k", 900), numbered(number)], number);
      }
      const behind = new LossyDisk(seededRandom(1)).openDatabase();
      disk.flip(segmentPaths(folder)[0], at);
      await assert.rejects(catchUp(folder, behind, 0, disk.files), (error) => {
        assert.ok(isClusterError(error, "DATA_LOSS"), String(error));
        assert.match(error.message, /write \d is missing or altered, but write \d is there/);
        return true;
      });
    });
  }

  it("are refused once the database has failed", async () => {
    const disk = new LossyDisk(seededRandom(1));
    const broken: WriteAheadDatabase = {
      batch: async () => {
        throw new Error("no space left on device");
      },
      close: async () => {},
    };
    const ahead = await WriteAhead.open(folder, broken, { segmentBytes, files: disk.files });
    const writes = async () => {
      for (let number = 1; number <= 600; number += 1) {
        await ahead.batch([numbered(number)], number);
        await setImmediate();
      }
    };
    await assert.rejects(writes(), /no space left/);
    await assert.rejects(ahead.batch([numbered(201)], 201), /no space left/);
    await ahead.close();
  });
});

async function open(disk: LossyDisk, bytes = segmentBytes): Promise<WriteAhead> {
  await bringUp(disk);
  const options = { segmentBytes: bytes, files: disk.files, batchMax };
  return await WriteAhead.open(folder, disk.openDatabase(), options);
}

async function bringUp(disk: LossyDisk): Promise<void> {
  await catchUp(folder, disk.openDatabase(), numberOf(disk.database), disk.files, batchMax);
}

/** A random write, which ends with its number; the history has the state after each. */
async function write(
  ahead: WriteAhead,
  history: Map<string, Buffer>[],
  random: Random,
): Promise<void> {
  const number = history.length;
  const operations: Operation[] = [];
  const count = randomInteger(random, 0, 5);
  for (let at = 0; at < count; at += 1) {
    const key = `k${randomInteger(random, 0, 9)}`;
    const isLarge = random.float() < 0.02;
    const length = randomInteger(random, 0, isLarge ? 2 * segmentBytes : 300);
    operations.push(
      random.float() < 0.3 ? { type: "del", key: Buffer.from(key) } : put(key, length, number),
    );
  }
  operations.push(numbered(number));
  const state = new Map(history.at(-1));
  change(state, operations);
  history.push(state);
  await ahead.batch(operations, number);
}

function put(key: string, length: number, fill = 0): Operation {
  return { type: "put", key: Buffer.from(key), value: Buffer.alloc(length, fill) };
}

function numbered(number: number): Operation {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(number);
  return { type: "put", key: Buffer.from(numberKey), value };
}

function numberOf(database: ReadonlyMap<string, Buffer>): number {
  return database.get(numberKey)?.readUInt32BE(0) ?? 0;
}
