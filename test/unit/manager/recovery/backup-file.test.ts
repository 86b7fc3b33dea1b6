import assert from "node:assert/strict";
import fc from "fast-check";
import type { ErrorCode } from "../../../../src/base/errors.ts";
import { systemRandom } from "../../../../src/base/random.ts";
import { openBackup, sealBackup } from "../../../../src/manager/backup-file.ts";
import { newBackupKey, parseBackupKey } from "../../../../src/manager/backup-key.ts";

const mebibyte = 1024 * 1024;
const headerBytes = 42;

async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function sealed(key: string, ...chunks: readonly Uint8Array[]): Promise<Buffer> {
  return await bytesOf(sealBackup(streamOf(...chunks), key, systemRandom));
}

describe("recovery: backup files", () => {
  const key = newBackupKey(systemRandom);

  it("gives back what was sealed, however the file is cut into chunks", async () => {
    const chunkLists = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(chunkLists, fc.integer({ min: 1, max: 97 }), async (chunks, size) => {
        const file = await sealed(key, ...chunks);
        const cut = Array.from({ length: Math.ceil(file.length / size) }, (_, at) =>
          file.subarray(at * size, (at + 1) * size),
        );
        const opened = await bytesOf(openBackup(streamOf(...cut), key));
        assert.deepEqual(opened, Buffer.concat(chunks));
      }),
      { numRuns: 60 },
    );
  });

  it("seals long chunks in pieces of at most 1 MiB", async () => {
    const long = Buffer.alloc(2 * mebibyte + 5, 7);
    const sizes: number[] = [];
    for await (const piece of openBackup(streamOf(await sealed(key, long)), key)) {
      sizes.push(piece.length);
    }
    assert.deepEqual(sizes, [mebibyte, mebibyte, 5]);
  });

  it("shows nothing of what is in it, and never the same bytes twice", async () => {
    const secret = Buffer.from("the key of the CA, many times over. ".repeat(20));
    const file = await sealed(key, secret);
    assert.equal(file.includes("the key of the CA"), false);
    assert.notDeepEqual(await sealed(key, secret), file);
  });

  const parts = [Buffer.from("first"), Buffer.from("second"), Buffer.from("third")];
  const frame = (text: string): number => 4 + text.length + 16;
  const [first, second] = [frame("first"), frame("second")];
  const cases: {
    name: string;
    change: (file: Buffer) => Buffer;
    key?: string;
    code?: ErrorCode;
    want: RegExp;
  }[] = [
    { name: "an empty file", change: () => Buffer.alloc(0), want: /is no backup made by/ },
    {
      name: "a foreign file",
      change: () =>
        Buffer.from("PK\u0003\u0004 some archive of another program entirely, of no use"),
      want: /is no backup made by/,
    },
    {
      name: "another key",
      change: (file) => file,
      key: newBackupKey(systemRandom),
      want: /the key is not this backup's/,
    },
    {
      name: "a later format",
      change: (file) =>
        Buffer.concat([file.subarray(0, 8), Buffer.from([0, 2]), file.subarray(10)]),
      code: "FAILED_PRECONDITION",
      want: /has format 2 and this version of skep knows format 1/,
    },
    {
      name: "a header alone",
      change: (file) => file.subarray(0, headerBytes),
      want: /is cut short/,
    },
    {
      name: "without its last byte",
      change: (file) => file.subarray(0, -1),
      want: /is cut short/,
    },
    {
      name: "cut between two parts",
      change: (file) => file.subarray(0, headerBytes + first),
      want: /is cut short/,
    },
    {
      name: "a part left out",
      change: (file) =>
        Buffer.concat([
          file.subarray(0, headerBytes + first),
          file.subarray(headerBytes + first + second),
        ]),
      want: /part 1 of the backup is damaged/,
    },
    {
      name: "two parts that changed places",
      change: (file) =>
        Buffer.concat([
          file.subarray(0, headerBytes),
          file.subarray(headerBytes + first, headerBytes + first + second),
          file.subarray(headerBytes, headerBytes + first),
          file.subarray(headerBytes + first + second),
        ]),
      want: /part 0 of the backup is damaged/,
    },
    {
      name: "a middle part marked as the last one",
      change: (file) => {
        const copy = Buffer.from(file.subarray(0, headerBytes + first));
        copy.writeUInt32BE((0x8000_0000 | 5) >>> 0, headerBytes);
        return copy;
      },
      want: /part 0 of the backup is damaged/,
    },
    {
      name: "a length beyond any part's",
      change: (file) => {
        const copy = Buffer.from(file);
        copy.writeUInt32BE(0x7fff_ffff, headerBytes);
        return copy;
      },
      want: /part 0 of the backup is damaged/,
    },
    {
      name: "bytes after the end",
      change: (file) => Buffer.concat([file, Buffer.from([0])]),
      want: /goes on after its end/,
    },
  ];
  for (const { name, change, key: other = key, code = "INVALID_ARGUMENT", want } of cases) {
    it(`refuses ${name}`, async () => {
      const file = change(await sealed(key, ...parts));
      await assert.rejects(bytesOf(openBackup(streamOf(file), other)), { code, message: want });
    });
  }

  it("refuses a file with any one bit changed", async () => {
    const file = await sealed(key, ...parts);
    for (let at = 0; at < file.length; at += 1) {
      const copy = Buffer.from(file);
      copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at);
      await assert.rejects(bytesOf(openBackup(streamOf(copy), key)), `byte ${at}`);
    }
  });

  it("reads keys as people copy them, and nothing else", () => {
    assert.equal(parseBackupKey(` ${key}\n`).length, 32);
    const wrong = ["", "SKBAK-1-", key.slice(0, -1), `${key}A`, key.toLowerCase(), "SWMKEY-1-x"];
    for (const text of wrong) {
      assert.throws(() => parseBackupKey(text), { code: "INVALID_ARGUMENT" }, text);
    }
  });
});
