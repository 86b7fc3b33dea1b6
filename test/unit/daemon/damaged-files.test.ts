import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  chmodSync,
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
import { join } from "node:path";
import { must } from "../../../src/base/assert.ts";
import { isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { KeyFile } from "../../../src/ca/key-file.ts";
import { newUnlockKey } from "../../../src/ca/unlock-key.ts";
import { KeyVault } from "../../../src/daemon/key-vault.ts";
import { openRaftDisk } from "../../../src/daemon/raft-disk.ts";
import { StateDir } from "../../../src/daemon/state-dir.ts";
import { boot } from "../../../src/raft/node/boot.ts";
import type { TlsIdentity } from "../../../src/rpc/credentials.ts";
import { AssignmentStore } from "../../../src/worker/agent/assignment-store.ts";
import { CaFixture } from "../../support/ca-fixtures.ts";

const unlockKey = newUnlockKey(systemRandom);
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
};

/**
 * Files below the swarm folder; `harmless` says which damage may go unnoticed, because what is read is the same all the same. All other
 * damage must be told.
 */
const files: readonly { path: string; harmless: RegExp }[] = [
  // White space and the like; its checksum covers what it says.
  { path: "member.json", harmless: /^(bit|without its end|readable)/ },
  { path: "certificates/swarm-node.crt", harmless: /^(bit|without its end|readable)/ },
  { path: "certificates/swarm-root-ca.crt", harmless: /^(bit|without its end|readable)/ },
  { path: "certificates/swarm-node.key", harmless: /^(bit|without its end)/ },
  { path: "certificates/swarm-data-keys.json", harmless: /^(bit|without its end)/ },
  // A bit makes it format 2, which is read as well.
  { path: "raft/log/format", harmless: /^(bit 0|removed|another|readable)/ },
  // Not synced, so that it may not have reached the disk; another's may be of fewer writes.
  { path: "raft/log/high-water", harmless: /^(empty|removed|another|readable)/ },
  { path: "raft/log/log/CURRENT", harmless: /^(another|readable)/ },
  { path: "raft/log/log/MANIFEST", harmless: /^(bit|without its end|another|readable)/ },
  // The segments have what is in it, and more.
  { path: "raft/log/log/WAL", harmless: /^(bit|cut|without its end|empty|removed|readable)/ },
  // The database has what is in it: the daemon ended in order.
  { path: "raft/log/segment-0", harmless: /^(?!a folder)/ },
  { path: "raft/log/segment-1", harmless: /^(?!a folder)/ },
  // A part of it is of entries that are not needed any more.
  { path: "raft/log/log/TABLE", harmless: /^(bit|readable)/ },
  { path: "raft/snapshots/SNAPSHOT", harmless: /^readable/ },
  // Tasks that are lost here are told again by the managers.
  { path: "worker/tasks/CURRENT", harmless: /./ },
  { path: "worker/tasks/WAL", harmless: /./ },
];

describe("daemon: damaged files of the swarm folder", function () {
  this.timeout(60_000);
  let folder: string;
  const root = (name: string): string => join(folder, name);

  before(async () => {
    // Hundreds of folders that are synced: in memory where that can be had.
    const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    folder = mkdtempSync(join(base, "skep-damaged-"));
    await build(root("plain"), "node1", "");
    await build(root("locked"), "node1", unlockKey);
    await build(root("other"), "node2", "");
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const kind of ["plain", "locked"] as const) {
    it(`are none in a ${kind} folder as it was written`, async () => {
      cpSync(root(kind), root("copy"), { recursive: true });
      assert.deepEqual(await opened(root("copy")), wanted(root(kind)));
      rmSync(root("copy"), { recursive: true });
    });
  }

  for (const { path, harmless } of files) {
    it(`${path}: every damage is told or harmless, and nothing else is lost by it`, async () => {
      const kinds = /key/.test(path) ? ["plain", "locked"] : ["plain"];
      for (const kind of kinds) {
        for (const [name, damage] of Object.entries(damages)) {
          await check(kind, path, { name, damage, harmless });
        }
      }
    });
  }

  async function check(
    kind: string,
    path: string,
    { name, damage, harmless }: { name: string; damage: Damage; harmless: RegExp },
  ): Promise<void> {
    const copy = root("copy");
    cpSync(root(kind), copy, { recursive: true });
    const what = `${kind} ${path}, ${name}`;
    try {
      const file = inFolder(copy, path);
      const good = readFileSync(file);
      damage(file, inFolder(root("other"), path));
      const result = await opened(copy);
      if (result instanceof Error) {
        assert.ok(isClusterError(result), `${what}: ${result.stack}`);
        assert.match(result.message, advice, `${what}: ${result.message}`);
        if (!/half|removed|another/.test(name)) return;
        // All else is as it was: with the file put back the node goes on.
        rmSync(file, { recursive: true, force: true });
        writeFileSync(file, good, { mode: 0o600 });
        assert.deepEqual(await opened(copy), wanted(root(kind)), `${what}, put back`);
      } else {
        assert.match(name, harmless, `${what} went unnoticed`);
        assert.deepEqual({ ...result, tasks: 0 }, { ...wanted(root(kind)), tasks: 0 }, what);
      }
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  const later = [
    { path: "member.json", change: (text: string) => text.replace('Version": 1', 'Version": 9') },
    {
      path: "certificates/swarm-data-keys.json",
      change: (text: string) => text.replace('Version": 1', 'Version": 9'),
    },
    { path: "raft/log/format", change: () => "4\n" },
    {
      path: "raft/snapshots/SNAPSHOT",
      change: (text: string) => text.replace("SKSNAP02", "SKSNAP03"),
    },
  ];
  for (const { path, change } of later) {
    it(`${path} of a later version is left alone`, async () => {
      const copy = root("copy");
      cpSync(root("plain"), copy, { recursive: true });
      try {
        const file = inFolder(copy, path);
        writeFileSync(file, change(readFileSync(file, "latin1")), "latin1");
        const before = readFileSync(file);
        const result = await opened(copy);
        assert.ok(isClusterError(result, "FAILED_PRECONDITION", "DATA_LOSS"), String(result));
        assert.match(result.message, /newer version|no snapshot holds/);
        assert.deepEqual(readFileSync(file), before);
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
      const result = await opened(copy);
      assert.ok(isClusterError(result, "DATA_LOSS"), `${parts}: ${String(result)}`);
      assert.match(result.message, /not among this manager's keys|not of this one/);
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

interface Opened {
  readonly identity: object;
  readonly raftId: number;
  readonly entries: string[];
  readonly state: string;
  readonly tasks: number;
}

/** What was written into a folder. */
const written = new Map<string, Opened>();

function wanted(root: string): Opened {
  return must(written.get(root), "a folder that was built");
}

// As a daemon makes and leaves it: 40 entries, a snapshot of the first 20, the log compacted to 15.
async function build(root: string, nodeId: string, lockedBy: string): Promise<void> {
  const dir = new StateDir(root);
  await dir.prepare();
  const clusterId = "cluster1";
  const [listenAddress, advertiseAddress] = ["0.0.0.0:2377", "10.0.0.1:2377"];
  await dir.writeMember({
    ...{ formatVersion: 1, nodeId, clusterId, listenAddress, advertiseAddress },
    ...{ dataPathAddress: "10.0.0.1", raftId: 77, managers: ["10.0.0.1:2377"] },
  });
  const identity = new CaFixture(Date.now()).identity(nodeId, "manager");
  await new KeyFile(dir.certificates).save(identity);
  const vault = vaultOf(dir);
  await vault.open({ nodeId, clusterId });
  let { storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger });
  const data = (index: number): Buffer => Buffer.from(`${nodeId} entry ${index}`);
  for (let index = 1; index <= 40; index += 1) {
    if (index === 30) {
      // What is there by now goes from LevelDB's log to a table.
      await storage.close();
      ({ storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger }));
    }
    const hardState = { term: 2, vote: 77, commit: index };
    const entry = { index, term: 2, type: "normal" as const, data: data(index) };
    await storage.write({ entries: [entry], hardState, sync: true });
  }
  const confState = { voters: [77], learners: [], votersOutgoing: [], learnersNext: [] };
  const members = [{ raftId: 77, nodeId, address: advertiseAddress }];
  const info = { index: 20, term: 2, confState: { ...confState, autoLeave: false }, members };
  const state = `state of ${nodeId} `.repeat(50);
  await snapshots.save(
    info,
    (async function* () {
      yield Buffer.from(state);
    })(),
  );
  await storage.compact(15);
  await storage.close();
  if (lockedBy !== "") await vault.setUnlockKey(lockedBy, 3);
  const tasks = await AssignmentStore.open(join(dir.worker, "tasks"));
  await tasks.saveStatus("task1", { state: "RUNNING" } as never);
  await tasks.close();
  const entries = Array.from({ length: 25 }, (_, at) => data(16 + at).toString());
  written.set(root, { identity: plainOf(identity), raftId: 77, entries, state, tasks: 1 });
}

function vaultOf(dir: StateDir): KeyVault {
  return new KeyVault({ certificates: dir.certificates, raftLog: dir.raftLog }, systemRandom);
}

// What a daemon reads when it starts, in its order.
async function opened(root: string): Promise<Opened | Error> {
  const dir = new StateDir(root);
  try {
    const member = must(await dir.readMember(), "a member");
    const vault = vaultOf(dir);
    await vault.open(member);
    if (vault.isLocked) await vault.unlock(unlockKey);
    const identity = await vault.loadIdentity();
    const { storage, snapshots } = await openRaftDisk(dir.raft, { vault, log: silentLogger });
    let state = "";
    try {
      const stateMachine = {
        apply: () => undefined,
        snapshot: () => (async function* () {})(),
        async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
          for await (const chunk of chunks) state += Buffer.from(chunk).toString();
        },
      };
      const self = { raftId: 77, nodeId: "node1", address: "10.0.0.1:2377" };
      const { mirror } = await boot(
        { self, bootstrap: false, forceNewCluster: false },
        { storage, snapshots, stateMachine, log: silentLogger },
      );
      const found = mirror.entries(mirror.firstIndex(), mirror.lastIndex() + 1, 1e9) ?? [];
      const entries = found.map((entry) => Buffer.from(entry.data).toString());
      const tasks = await AssignmentStore.open(join(dir.worker, "tasks"));
      const { statuses } = await tasks.load();
      await tasks.close();
      return {
        identity: plainOf(identity),
        raftId: member.raftId,
        entries,
        state,
        tasks: statuses.size,
      };
    } finally {
      await storage.close();
    }
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** What its PEM texts say: white space in them does not matter. */
function plainOf({ certificatePem, rootCaPem, privateKeyPem, ...rest }: TlsIdentity): object {
  return {
    ...rest,
    certificate: new X509Certificate(certificatePem).fingerprint256,
    root: new X509Certificate(rootCaPem).fingerprint256,
    key: createPrivateKey(privateKeyPem).export({ type: "pkcs8", format: "pem" }),
  };
}

/** The path of a file, where LevelDB's and the snapshot's numbers are left open. */
function inFolder(root: string, path: string): string {
  const parts = path.split("/");
  const name = must(parts.pop(), "a name");
  const folder = join(root, "swarm", ...parts);
  const forms: Readonly<Record<string, RegExp>> = {
    MANIFEST: /^MANIFEST-/,
    WAL: /^\d+\.log$/,
    TABLE: /\.ldb$/,
    SNAPSHOT: /\.snapshot$/,
  };
  const form = forms[name];
  if (form === undefined) return join(folder, name);
  assert.ok(existsSync(folder));
  return join(
    folder,
    must(
      readdirSync(folder)
        .filter((found) => form.test(found))
        .at(-1),
      path,
    ),
  );
}
