import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { must } from "../../src/base/assert.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { type StateFile, swarmFiles } from "../support/state-files.ts";
import {
  buildStateFolder,
  openStateFolder,
  unlockKeyOfFolder,
  wanted,
} from "../support/state-folder.ts";

/** Damage that is expected to be told names what to do in one of these ways. */
const advice =
  /put back|put it back|leave (the swarm|the cluster|with force)|demote and remove|remove that file|write that line|chmod 600|start that version|move it away|invalid key/;

type Damage = (path: string, other: string) => void;

const flip =
  (part: number, bit: number): Damage =>
  (path) => {
    const bytes = readFileSync(path);
    const at = Math.min(bytes.length - 1, Math.floor(bytes.length * part));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    writeFileSync(path, bytes);
  };

const flips: Readonly<Record<string, Damage>> = Object.fromEntries(
  [0.1, 0.35, 0.7, 0.97].map((part, at) => [`bit ${2 * at} at ${part}`, flip(part, 2 * at)]),
);
const truncate =
  (part: number): Damage =>
  (path) =>
    writeFileSync(path, readFileSync(path).subarray(0, readFileSync(path).length * part));
const damages: Readonly<Record<string, Damage>> = {
  ...flips,
  "cut in half": truncate(0.5),
  "without its end": (path) => writeFileSync(path, readFileSync(path).subarray(0, -1)),
  empty: truncate(0),
  removed: (path) => rmSync(path),
  "a folder": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  "another cluster's": (path, other) => cpSync(other, path),
  "readable by others": (path) => chmodSync(path, 0o644),
  "owned by another": (path) => chownSync(path, 12_345, 12_345),
};

describe("daemon: damaged files of the swarm folder", function () {
  this.timeout(240_000);
  let folder: string;
  const root = (name: string): string => join(folder, name);

  before(async () => {
    // Hundreds of folders that are synced: in memory where that can be had.
    const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    folder = mkdtempSync(join(base, "skep-damaged-"));
    await buildStateFolder(root("plain"), "node1", "");
    await buildStateFolder(root("locked"), "node1", unlockKeyOfFolder);
    await buildStateFolder(root("other"), "node2", "");
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const kind of ["plain", "locked"] as const) {
    it(`are none in a ${kind} folder as it was written`, async () => {
      cpSync(root(kind), root("copy"), { recursive: true });
      assert.deepEqual(await openStateFolder(root("copy")), wanted(root(kind)));
      rmSync(root("copy"), { recursive: true });
    });
  }

  it("has a row for every file that is there, and a file for every row", () => {
    const found = [...filesIn(root("plain")), ...filesIn(root("locked"))];
    for (const path of found) {
      const rows = swarmFiles.filter(({ form }) => form.test(path));
      assert.equal(rows.length, 1, `${path}: say in state-files.ts what damage to it may do`);
    }
    const unused = swarmFiles.filter(({ form }) => !found.some((path) => form.test(path)));
    assert.deepEqual(unused, []);
  });

  for (const row of swarmFiles) {
    it(`${row.form.source}: every damage is told or harmless, and nothing else is lost by it`, async () => {
      const kinds = row.isSecret === true ? ["plain", "locked"] : ["plain"];
      for (const kind of kinds) {
        for (const path of filesIn(root(kind)).filter((each) => row.form.test(each))) {
          for (const [name, damage] of Object.entries(damages)) {
            if (row.isDisposable === true && !/0.35|half|empty|folder/.test(name)) continue;
            await check({ kind, path, name, damage }, row);
          }
        }
      }
    });
  }

  async function check(
    { kind, path, name, damage }: { kind: string; path: string; name: string; damage: Damage },
    { form, harmless }: StateFile,
  ): Promise<void> {
    // Of its own: a test that came to its time limit goes on for a while beside the next one.
    const copy = mkdtempSync(root("copy-"));
    cpSync(root(kind), copy, { recursive: true });
    const what = `${kind} ${path}, ${name}`;
    try {
      const file = join(copy, path);
      const good = readFileSync(file);
      const others = filesIn(root("other")).filter((each) => form.test(each));
      const other = others.includes(path) ? path : others.at(-1);
      damage(file, join(root("other"), must(other, `another cluster's ${path}`)));
      const found = contentsOf(copy, path);
      const result = await openStateFolder(copy);
      if (!(result instanceof Error)) {
        assert.match(name, harmless, `${what} went unnoticed`);
        assert.deepEqual({ ...result, tasks: 0 }, { ...wanted(root(kind)), tasks: 0 }, what);
        return;
      }
      assert.ok(isClusterError(result), `${what}: ${result.stack}`);
      assert.match(result.message, advice, `${what}: ${result.message}`);
      const left = contentsOf(copy, path);
      const changed = [...found].filter(([each, content]) => left.get(each) !== content);
      assert.deepEqual(
        changed.map(([each]) => each),
        [],
        `${what}: overwritten`,
      );
      if (!/half|removed|another|folder/.test(name)) return;
      // All else is as it was: with the file put back the node goes on.
      rmSync(file, { recursive: true, force: true });
      writeFileSync(file, good, { mode: 0o600 });
      assert.deepEqual(await openStateFolder(copy), wanted(root(kind)), `${what}, put back`);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  const later = [
    { path: /member\.json$/, change: (text: string) => text.replace('Version": 1', 'Version": 9') },
    {
      path: /swarm-data-keys\.json$/,
      change: (text: string) => text.replace('Version": 1', 'Version": 9'),
    },
    { path: /log\/format$/, change: () => "4\n" },
    {
      path: /\.snapshot$/,
      change: (text: string) => text.replace("SKSNAP02", "SKSNAP03"),
    },
  ];
  for (const { path, change } of later) {
    it(`${path.source} of a later version is left alone`, async () => {
      const copy = root("copy");
      cpSync(root("plain"), copy, { recursive: true });
      try {
        const file = must(
          filesIn(copy).find((each) => path.test(each)),
          `a file ${path}`,
        );
        writeFileSync(join(copy, file), change(readFileSync(join(copy, file), "latin1")), "latin1");
        const before = readFileSync(join(copy, file), "latin1");
        const result = await openStateFolder(copy);
        assert.ok(isClusterError(result, "FAILED_PRECONDITION", "DATA_LOSS"), String(result));
        assert.match(result.message, /newer version|no snapshot holds/);
        assert.equal(readFileSync(join(copy, file), "latin1"), before);
      } finally {
        rmSync(copy, { recursive: true, force: true });
      }
    });
  }

  it("another node's raft folder is refused, with its keys or without", async () => {
    const copy = root("copy");
    for (const parts of [["raft"], ["raft", "certificates/swarm-data-keys.json"]]) {
      cpSync(root("plain"), copy, { recursive: true });
      rmSync(join(copy, "swarm/raft"), { recursive: true });
      for (const part of parts) {
        cpSync(join(root("other"), "swarm", part), join(copy, "swarm", part), { recursive: true });
      }
      const result = await openStateFolder(copy);
      assert.ok(isClusterError(result, "DATA_LOSS"), `${parts}: ${String(result)}`);
      assert.match(result.message, /not among this manager's keys|not of this one/);
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

/** Paths of the files below a data root; LevelDB's newest of a kind last. */
function filesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/**
 * What the files hold that must stay as they are when `damaged` is: not what LevelDB says of its own work, nor databases that are whole and
 * so are opened, nor that of the tasks, which the managers tell again.
 */
function contentsOf(root: string, damaged: string): Map<string, string> {
  const isLog = damaged.startsWith("swarm/raft/log/");
  const opened = isLog ? /\/(LOG|LOG\.old|LOCK)$|\/tasks\// : /\/raft\/log\/|\/tasks\//;
  const kept = filesIn(root).filter((path) => !opened.test(path));
  return new Map(kept.map((path) => [path, readFileSync(join(root, path), "latin1")]));
}
