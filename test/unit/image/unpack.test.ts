import assert from "node:assert/strict";
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { isClusterError } from "../../../src/base/errors.ts";
import { ContentStore } from "../../../src/image/content-store.ts";
import { decompress } from "../../../src/image/decompress.ts";
import { classifyEntry, parseEntryPath } from "../../../src/image/entry-path.ts";
import { LayerStore } from "../../../src/image/layer-store.ts";
import { SharedWork } from "../../../src/image/shared-work.ts";
import { unpackLayer } from "../../../src/image/unpack.ts";
import { packTar, sha256, type TarEntry } from "../../support/test-image.ts";

const isRoot = process.getuid?.() === 0;

describe("unpacking layers", () => {
  let folder = "";
  let root = "";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-unpack-"));
    root = join(folder, "layer");
    await mkdir(root);
    await writeFile(join(folder, "outside"), "untouched");
  });

  afterEach(async () => {
    assert.equal(await readFile(join(folder, "outside"), "utf8"), "untouched");
    assert.deepEqual((await readdir(folder)).sort(), ["layer", "outside"]);
    await rm(folder, { recursive: true, force: true });
  });

  const unpack = async (entries: readonly TarEntry[], bytesMax = 1e9) =>
    unpackLayer(Readable.from([await packTar(entries)]), root, { entriesMax: 100, bytesMax });

  it("writes files, folders, links, owners, modes and times", async function () {
    if (!isRoot) this.skip();
    await unpack([
      { name: "./", type: "directory", mode: 0o711 },
      { name: "/a/b/file", content: "text", mode: 0o4755, uid: 5, gid: 6 },
      { name: "a/b/hard", type: "link", linkname: "/a/b/file" },
      { name: "a/soft", type: "symlink", linkname: "/outside", uid: 7 },
      { name: "a/pipe", type: "fifo", mode: 0o600 },
      { name: "a/null", type: "character-device", devmajor: 1, devminor: 3, mode: 0o666 },
    ]);
    const file = await lstat(join(root, "a/b/file"));
    assert.deepEqual([file.mode & 0o7777, file.uid, file.gid, file.nlink], [0o4755, 5, 6, 2]);
    assert.equal(file.mtimeMs, Date.UTC(2026, 0, 1));
    assert.equal((await lstat(root)).mode & 0o777, 0o711);
    assert.equal(await readlink(join(root, "a/soft")), "/outside");
    assert.equal((await lstat(join(root, "a/soft"))).uid, 7);
    assert.ok((await lstat(join(root, "a/pipe"))).isFIFO());
    assert.equal((await lstat(join(root, "a/null"))).rdev, 0x103);
  });

  it("turns whiteouts into overlayfs' form", async function () {
    if (!isRoot) this.skip();
    await unpack([
      { name: "etc/.wh.gone" },
      { name: "opt/.wh..wh..opq" },
      { name: "etc/.wh.back" },
      { name: "etc/back/", type: "directory" },
      { name: ".wh..wh.plnk/x" },
    ]);
    const gone = await lstat(join(root, "etc/gone"));
    assert.ok(gone.isCharacterDevice() && gone.rdev === 0);
    assert.ok((await lstat(join(root, "etc/back"))).isDirectory());
    assert.ok((await lstat(join(root, "opt"))).isDirectory());
  });

  it("lets a later entry replace an earlier one", async function () {
    if (!isRoot) this.skip();
    await unpack([
      { name: "x/inner", content: "1" },
      { name: "x", content: "now a file" },
      { name: "y", type: "symlink", linkname: "../../outside" },
      { name: "y", content: "a file, not through the link" },
    ]);
    assert.equal(await readFile(join(root, "x"), "utf8"), "now a file");
    assert.ok((await lstat(join(root, "y"))).isFile());
  });

  const attacks: { name: string; entries: readonly TarEntry[]; code?: "RESOURCE_EXHAUSTED" }[] = [
    { name: "a path with ..", entries: [{ name: "a/../../outside", content: "x" }] },
    {
      name: "a file through a symbolic link",
      entries: [
        { name: "l", type: "symlink", linkname: ".." },
        { name: "l/outside", content: "x" },
      ],
    },
    {
      name: "a file through an absolute link",
      entries: [
        { name: "l", type: "symlink", linkname: "/tmp" },
        { name: "l/skep-evil", content: "x" },
      ],
    },
    {
      name: "a folder replaced by a link",
      entries: [
        { name: "d/", type: "directory" },
        { name: "d", type: "symlink", linkname: ".." },
        { name: "d/outside", content: "x" },
      ],
    },
    {
      name: "a hard link through a link",
      entries: [
        { name: "l", type: "symlink", linkname: ".." },
        { name: "h", type: "link", linkname: "l/outside" },
      ],
    },
    { name: "a hard link with ..", entries: [{ name: "h", type: "link", linkname: "../outside" }] },
    {
      name: "a hard link to nothing",
      entries: [{ name: "h", type: "link", linkname: "etc/absent" }],
    },
    {
      name: "a whiteout through a link",
      entries: [{ name: "l", type: "symlink", linkname: ".." }, { name: "l/.wh.outside" }],
    },
    {
      name: "an opaque mark through a link",
      entries: [{ name: "l", type: "symlink", linkname: ".." }, { name: "l/.wh..wh..opq" }],
    },
    { name: "a whiteout of ..", entries: [{ name: "a/.wh..." }] },
    {
      name: "a whiteout made as a device",
      entries: [{ name: "d", type: "character-device", devmajor: 0, devminor: 0 }],
    },
    { name: "a root that is a file", entries: [{ name: "./", type: "symlink", linkname: ".." }] },
    {
      name: "too many entries",
      entries: Array.from({ length: 101 }, (_, n) => ({ name: `f${n}` })),
      code: "RESOURCE_EXHAUSTED",
    },
  ];
  for (const { name, entries, code } of attacks) {
    it(`refuses ${name}`, async function () {
      if (!isRoot) this.skip();
      await assert.rejects(unpack(entries), (error) => isClusterError(error, code ?? "DATA_LOSS"));
    });
  }

  it("refuses too many bytes, junk and cut-off archives", async function () {
    if (!isRoot) this.skip();
    await assert.rejects(unpack([{ name: "f", content: "12345" }], 4), (error) =>
      isClusterError(error, "RESOURCE_EXHAUSTED"),
    );
    const whole = await packTar([{ name: "f", content: "x".repeat(5000) }]);
    for (const bytes of [Buffer.alloc(1024, "junk"), whole.subarray(0, 2000)]) {
      await assert.rejects(unpackLayer(Readable.from([bytes]), root), (error) =>
        isClusterError(error, "DATA_LOSS"),
      );
    }
  });
});

describe("layers and content", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-layers-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("keeps content only under its own digest", async () => {
    const store = new ContentStore(folder);
    await store.open();
    const digest = sha256(Buffer.from("hello"));
    assert.equal(await store.writeBytes(Buffer.from("hello"), { digest, size: 5 }), digest);
    for (const expected of [{ digest: sha256(Buffer.from("x")) }, { size: 4 }, { size: 6 }]) {
      await assert.rejects(store.writeBytes(Buffer.from("hello"), expected), (error) =>
        isClusterError(error, "DATA_LOSS"),
      );
    }
    assert.deepEqual(await readdir(join(folder, "blobs")), [digest.slice(7)]);
    assert.deepEqual(await readdir(join(folder, "tmp")), []);
  });

  it("makes a layer only when its diff id is right", async function () {
    if (!isRoot) this.skip();
    const content = new ContentStore(folder);
    const layers = new LayerStore(folder, content);
    await content.open();
    await layers.open();
    const tar = await packTar([{ name: "f", content: "x" }]);
    const blob = await content.writeBytes(gzipSync(tar));
    const wrong = sha256(Buffer.from("other"));
    await assert.rejects(layers.ensure(wrong, blob), (error) => isClusterError(error, "DATA_LOSS"));
    assert.deepEqual(await readdir(join(folder, "l")), []);
    await Promise.all([layers.ensure(sha256(tar), blob), layers.ensure(sha256(tar), blob)]);
    assert.equal(await readFile(join(layers.path(sha256(tar)), "f"), "utf8"), "x");
    await layers.removeExcept(new Set(), new Set([layers.path(sha256(tar))]));
    assert.ok(await layers.has(sha256(tar)));
    await layers.removeExcept(new Set(), new Set());
    assert.ok(!(await layers.has(sha256(tar))));
  });

  it("decompresses by content, and tells of damage", async () => {
    const text = Buffer.from("text ".repeat(1000));
    const read = async (bytes: Buffer) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of decompress(Readable.from([bytes]))) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    assert.deepEqual(await read(text), text);
    assert.deepEqual(await read(gzipSync(text)), text);
    await assert.rejects(read(gzipSync(text).subarray(0, 40)), (error) =>
      isClusterError(error, "DATA_LOSS"),
    );
  });

  it("sorts entries by their names", () => {
    const kind = (name: string) => classifyEntry(parseEntryPath(name)).kind;
    const names = ["a/b", "a/.wh.b", "a/.wh..wh..opq", ".wh..wh.aufs", "a/.whale"];
    assert.deepEqual(names.map(kind), ["plain", "whiteout", "opaque", "ignored", "plain"]);
    assert.deepEqual(parseEntryPath("/./a//b/"), ["a", "b"]);
    assert.throws(() => parseEntryPath("a/".repeat(300)));
  });

  it("shares work, and gives it up when nobody waits any more", async () => {
    const shared = new SharedWork<string, string>();
    let begun = 0;
    let givenUp = false;
    const work = (report: (step: string) => void, signal: AbortSignal) => {
      begun += 1;
      return new Promise<string>((resolve) => {
        signal.addEventListener("abort", () => {
          givenUp = true;
        });
        setImmediate(() => report("step"));
        setImmediate(() => resolve("done"));
      });
    };
    const steps: string[] = [];
    const gone = new AbortController();
    const first = shared.run("k", { onProgress: (step) => steps.push(step) }, work);
    const second = shared.run("k", { onProgress: () => {}, signal: gone.signal }, work);
    gone.abort(new Error("gone"));
    await assert.rejects(second, /gone/);
    assert.deepEqual([await first, begun, givenUp, steps], ["done", 1, true, ["step"]]);
  });
});
