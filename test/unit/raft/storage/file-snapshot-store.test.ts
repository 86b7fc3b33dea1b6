import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import { DataKeys } from "../../../../src/raft/storage/data-keys.ts";
import { FileSnapshotStore } from "../../../../src/raft/storage/file-snapshot-store.ts";
import type { SnapshotInfo } from "../../../../src/raft/storage/snapshot-store.ts";

const seal = DataKeys.create(systemRandom);

describe("snapshot files", () => {
  let folder: string;
  let store: FileSnapshotStore;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-snapshots-"));
    store = await FileSnapshotStore.open(folder, { seal, log: silentLogger });
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("give back what they were given, also after opening anew", async () => {
    const big = Buffer.alloc(3 * 1024 * 1024, 7);
    const saved = await store.save(infoAt(12), chunksOf("ab", "", big));
    assert.equal(saved.sizeBytes, 2 + big.length);
    store = await FileSnapshotStore.open(folder, { seal, log: silentLogger });
    const [found] = await store.list();
    assert.deepEqual(found, saved);
    assert.deepEqual(await bytesOf(store.read(saved)), Buffer.concat([Buffer.from("ab"), big]));
  });

  it("hold many small chunks in few frames, in order", async () => {
    const parts = Array.from({ length: 3_000 }, (_, at) => Buffer.alloc(1_000, at));
    const saved = await store.save(infoAt(12), chunksOf(...parts));
    const frames: number[] = [];
    for await (const frame of store.read(saved)) frames.push(frame.length);
    assert.ok(frames.length <= 12, `${frames.length} frames`);
    assert.deepEqual(await bytesOf(store.read(saved)), Buffer.concat(parts));
  });

  it("are listed newest first and pruned from the oldest, sparing those ahead", async () => {
    for (const index of [5, 20, 300, 1000]) await store.save(infoAt(index), chunksOf("x"));
    await store.prune(300, 2);
    assert.deepEqual(
      (await store.list()).map(({ index }) => index),
      [1000, 300, 20],
    );
  });

  it("are not there when writing failed, nor after a crash", async () => {
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("connection lost");
    };
    await assert.rejects(store.save(infoAt(9), failing()), /connection lost/);
    assert.deepEqual(await readdir(folder), []);
    await writeFile(join(folder, "left.1.tmp"), "half");
    await FileSnapshotStore.open(folder, { seal, log: silentLogger });
    assert.deepEqual(await readdir(folder), []);
  });

  it("show every flipped byte and every cut", async () => {
    const saved = await store.save(infoAt(7), chunksOf("hello", "world"));
    const [name = ""] = await readdir(folder);
    const path = join(folder, name);
    const bytes = await readFile(path);
    const readable = async (): Promise<string> => {
      const [found] = await store.list();
      return found === undefined ? "not listed" : (await bytesOf(store.read(saved))).toString();
    };
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(path, changed);
      const result = await readable().catch((error: unknown) => error);
      assert.ok(
        result === "not listed" || isClusterError(result, "DATA_LOSS"),
        `byte ${at}: ${String(result)}`,
      );
    }
    await writeFile(path, bytes);
    assert.equal(await readable(), "helloworld");
    await truncate(path, bytes.length - 1);
    assert.equal(await readable(), "not listed");
  });
});

function infoAt(index: number): SnapshotInfo {
  const none = { votersOutgoing: [], learnersNext: [], autoLeave: false };
  return {
    index,
    term: 2,
    confState: { voters: [1, 281474976710655], learners: [3], ...none },
    members: [{ raftId: 1, nodeId: "n1", address: "127.0.0.1:1" }],
  };
}

async function* chunksOf(...parts: (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
