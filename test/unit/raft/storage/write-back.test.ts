import assert from "node:assert/strict";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WriteBack } from "../../../../src/raft/storage/write-back.ts";

const mebibyte = 1024 * 1024;

describe("writing a file back while it grows", () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-write-back-"));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** The handle, and how often it was synced. */
  function counting(file: FileHandle): { readonly file: FileHandle; syncs: number } {
    const counted = { file, syncs: 0 };
    const datasync = file.datasync.bind(file);
    file.datasync = async () => {
      counted.syncs += 1;
      await datasync();
    };
    return counted;
  }

  for (const { name, pieces } of [
    { name: "nothing", pieces: [] },
    { name: "less than is told at a time", pieces: [1_000] },
    { name: "more than may be under way", pieces: Array<number>(24).fill(mebibyte / 4) },
    { name: "much at once", pieces: [7 * mebibyte + 1] },
  ]) {
    it(`leaves the file as it is, ${name}, and syncs nothing`, async () => {
      const counted = counting(await open(join(folder, "grows"), "w+"));
      const writeBack = new WriteBack(counted.file);
      for (const [at, length] of pieces.entries()) {
        await counted.file.write(Buffer.alloc(length, at + 1));
        await writeBack.grew(length);
      }
      const { size } = await counted.file.stat();
      const want = pieces.reduce((sum, length) => sum + length, 0);
      assert.deepEqual({ size, syncs: counted.syncs }, { size: want, syncs: 0 });
      await counted.file.close();
    });
  }

  it("syncs what the system call is not for", async () => {
    const counted = counting(await open("/dev/null", "w"));
    counted.file.datasync = async () => {
      counted.syncs += 1; // nor is a sync
    };
    await new WriteBack(counted.file).grew(mebibyte);
    assert.equal(counted.syncs, 2);
    await counted.file.close();
  });
});
