import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { must } from "../../../src/base/assert.ts";
import { crc32c } from "../../../src/base/crc32c.ts";
import { checkTable, findDamagedTable } from "../../../src/base/leveldb-tables.ts";

describe("tables of LevelDB", () => {
  let folder: string;
  let tables: string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "skep-tables-"));
    for (let turn = 0; turn < 3; turn += 1) {
      const db = new Level<string, Buffer>(folder, { valueEncoding: "buffer", compression: false });
      await db.open();
      const batch = Array.from({ length: 300 }, (_, at) => ({
        type: "put" as const,
        key: `key ${turn} ${at}`,
        value: Buffer.alloc(50, at),
      }));
      await db.batch(batch);
      await db.close();
    }
    tables = readdirSync(folder).filter((name) => name.endsWith(".ldb"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("knows the checksum of RFC 3720", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  });

  it("finds nothing in good ones, in no database, and in a new one", async () => {
    assert.ok(tables.length > 0);
    assert.equal(await findDamagedTable(folder), undefined);
    assert.equal(await findDamagedTable(join(folder, "none")), undefined);
  });

  it("finds each flipped bit that LevelDB would read, and each cut", () => {
    const bytes = readFileSync(join(folder, must(tables[0], "a table")));
    checkTable(bytes);
    // The end of the footer is padding and the magic number.
    const unread = { from: bytes.length - 48, to: bytes.length - 8 };
    for (let at = 0; at < bytes.length; at += 7) {
      const isPadding = at >= unread.from && at < unread.to;
      if (isPadding) continue;
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      assert.throws(() => checkTable(damaged), /damaged|beyond|cut off/, `byte ${at}`);
    }
    for (const length of [0, 10, 48, bytes.length / 2, bytes.length - 1]) {
      assert.throws(() => checkTable(bytes.subarray(0, length)), /cut off|damaged/, `${length}`);
    }
  });

  it("names the damaged one, and overlooks one that the manifest does not name", async () => {
    const name = must(tables.at(-1), "a table");
    const good = readFileSync(join(folder, name));
    const bad = Buffer.from(good);
    bad[10] = (bad[10] ?? 0) ^ 4;
    writeFileSync(join(folder, "000999.ldb"), bad.subarray(0, 100));
    assert.equal(await findDamagedTable(folder), undefined, "left half by a crash");
    writeFileSync(join(folder, name), bad);
    assert.equal(
      await findDamagedTable(folder),
      `${join(folder, name)}: its block at 0 is damaged`,
    );
    writeFileSync(join(folder, name), good);
  });
});
