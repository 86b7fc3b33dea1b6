import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { must } from "../../src/base/assert.ts";
import { swarmFiles } from "../support/state-files.ts";
import { failed, getJson, pidsOf, skep, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

type Damage = (swarm: string, other: string) => void;

/** Every file and kind of damage is in the unit test of the same name; here are some of each that reach the daemon by other ways. */
const cases: readonly { name: string; damage: Damage; want: RegExp }[] = [
  {
    name: "a bit of the raft log",
    damage: (swarm) => flipBit(join(swarm, "raft/log/segment-0"), 100),
    want: /raft log of this manager is damaged.*demote and remove/,
  },
  {
    name: "another cluster's raft log",
    damage: (swarm, other) => {
      rmSync(join(swarm, "raft"), { recursive: true });
      cpSync(join(other, "raft"), join(swarm, "raft"), { recursive: true });
    },
    want: /is not among this manager's keys/,
  },
  {
    name: "another cluster's certificates",
    damage: (swarm, other) => {
      rmSync(join(swarm, "certificates"), { recursive: true });
      cpSync(join(other, "certificates"), join(swarm, "certificates"), { recursive: true });
    },
    want: /of node \w+ of cluster \w+, not of this one; put back/,
  },
  {
    name: "a private key that others can read",
    damage: (swarm) => chmodSync(join(swarm, "certificates/swarm-node.key"), 0o644),
    want: /mode 0644 lets others at it.*chmod 600/,
  },
  {
    name: "data keys that another user owns",
    damage: (swarm) => chownSync(join(swarm, "certificates/swarm-data-keys.json"), 12_345, 12_345),
    want: /user 12345 owns it.*chown 0:0/,
  },
  {
    name: "a table of the log's database, in a key",
    damage: (swarm) => {
      const folder = join(swarm, "raft/log/log");
      const table = readdirSync(folder).find((name) => name.endsWith(".ldb"));
      flipBit(join(folder, must(table, "a table")), 4);
    },
    want: /\.ldb: its block at 0 is damaged/,
  },
  {
    name: "the data keys gone",
    damage: (swarm) => rmSync(join(swarm, "certificates/swarm-data-keys.json")),
    want: /swarm-data-keys.json is missing.*put it back/,
  },
  {
    name: "a member.json of a later version",
    damage: (swarm) => {
      const path = join(swarm, "member.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('Version": 1', 'Version": 7'));
    },
    want: /has format 7, which a newer version of this program wrote/,
  },
  {
    name: "a folder for the worker's tasks that is none",
    damage: (swarm) => {
      rmSync(join(swarm, "worker/tasks"), { recursive: true });
      writeFileSync(join(swarm, "worker/tasks"), "x");
    },
    want: /task store .* move it away/,
  },
];

describe("damaged files of a daemon", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let daemon: TestDaemon;
  let other: TestDaemon;
  let pids: ReadonlyMap<string, number>;

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, spares: 1, images: [webImage("1")] });
    daemon = cluster.first;
    other = must(cluster.spares[0], "another daemon");
    await skep(other, "swarm", "init", "--advertise-addr", other.host.ip);
    const create = "service create -d --name web --replicas 2 --no-healthcheck skep-web:1";
    await skep(daemon, ...create.split(" "));
    await cluster.converged("web", 2);
    pids = pidsOf(await cluster.containersOf("web"));
    await other.stop();
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("consists of files that the unit test damages, all of them", async () => {
    await daemon.stop();
    const root = join(daemon.host.stateDir, "d");
    const found = readdirSync(join(root, "swarm"), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
    await daemon.start();
    assert.ok(found.length > 10);
    const unknown = found.filter((path) => !swarmFiles.some(({ form }) => form.test(path)));
    assert.deepEqual(unknown, [], "say in test/support/state-files.ts what damage to it may do");
  });

  for (const { name, damage, want } of cases) {
    it(`${name}: the daemon stays up and says what to do, its containers run on, and with the good file it goes on`, async () => {
      await daemon.stop("SIGKILL");
      const kept = `${swarmOf(daemon)}.kept`;
      cpSync(swarmOf(daemon), kept, { recursive: true });
      damage(swarmOf(daemon), swarmOf(other));
      await daemon.start();
      const { LocalNodeState, Error: text } = await swarmInfo(daemon);
      assert.equal(LocalNodeState, "error");
      assert.match(text, want);
      assert.match(failed("node ls", await daemon.skep("node", "ls")), /not a swarm manager/);
      assert.match(failed("init", await daemon.skep("swarm", "init")), /already part of a swarm/);
      for (const pid of pids.values()) process.kill(pid, 0);
      await daemon.stop();
      rmSync(swarmOf(daemon), { recursive: true });
      mkdirSync(swarmOf(daemon), { mode: 0o700 });
      cpSync(kept, swarmOf(daemon), { recursive: true });
      rmSync(kept, { recursive: true });
      await daemon.start();
      await until("the manager leads again", 10_000, async () => {
        return (await daemon.skep("node", "ls")).exitCode === 0;
      });
      await cluster.converged("web", 2);
      assert.deepEqual(pidsOf(await cluster.containersOf("web")), pids);
    });
  }

  it("leaves by force where nothing else helps, and the same daemon makes a new swarm", async () => {
    await daemon.stop("SIGKILL");
    flipBit(join(swarmOf(daemon), "raft/log/segment-0"), 100);
    await daemon.start();
    assert.equal((await swarmInfo(daemon)).LocalNodeState, "error");
    await skep(daemon, "swarm", "leave", "--force");
    assert.equal((await swarmInfo(daemon)).LocalNodeState, "inactive");
    await skep(daemon, "swarm", "init", "--advertise-addr", daemon.host.ip);
    assert.equal((await swarmInfo(daemon)).LocalNodeState, "active");
  });
});

async function swarmInfo(daemon: TestDaemon): Promise<{ LocalNodeState: string; Error: string }> {
  const info = await getJson<{ Swarm: { LocalNodeState: string; Error: string } }>(daemon, "/info");
  return info.Swarm;
}

function swarmOf(daemon: TestDaemon): string {
  return join(daemon.host.stateDir, "d", "swarm");
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}
