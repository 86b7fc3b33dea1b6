import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { parseMountTable } from "../../src/base/mount-table.ts";
import {
  failed,
  getJson,
  skep,
  type TaskContainer,
  TestCluster,
  tasksOf,
} from "../support/test-cluster.ts";
import type { TestImageOptions } from "../support/test-image.ts";
import { until } from "../support/until.ts";

/** Content at /data of two layers, and at /cache, which it wants a volume at. */
const image: TestImageOptions = {
  tag: "skep-volumes:1",
  files: { "data/base": "base\n", "cache/warm": "warm\n" },
  volumes: ["/cache"],
  upper: [
    { name: "data/", type: "directory", mode: 0o2770, uid: 1000, gid: 2000 },
    { name: "data/own", content: "own\n", mode: 0o640, uid: 1000, gid: 2000 },
    { name: "data/link", type: "symlink", linkname: "own" },
    { name: "data/sub/deep", content: "deep\n" },
  ],
};

interface VolumeRow {
  readonly Name: string;
  readonly Mountpoint: string;
  readonly Labels: Record<string, string> | null;
}

describe("volumes and mounts of services", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let hostFolder = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, images: [image] });
    hostFolder = join(cluster.first.host.stateDir, "on-host");
    mkdirSync(join(hostFolder, "deep"), { recursive: true });
    writeFileSync(join(hostFolder, "file"), "of the host\n");
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  async function create(name: string, mounts: readonly string[], ...flags: string[]) {
    await skep(
      cluster.first,
      ...["service", "create", "-d", "--name", name, "--restart-condition", "none"],
      ...["--stop-grace-period", "100ms"],
      ...mounts.flatMap((mount) => ["--mount", mount]),
      ...flags,
      ...["skep-volumes:1", "sleep", "1000"],
    );
  }

  async function start(name: string, ...mounts: string[]): Promise<TaskContainer> {
    await create(name, mounts);
    await cluster.converged(name, 1);
    return must((await cluster.containersOf(name))[0], "the container");
  }

  /** What the cluster says of a service whose task cannot be. */
  async function refusal(name: string, ...mounts: string[]): Promise<string> {
    await create(name, mounts);
    const task = await until("a rejected task", 10_000, async () =>
      (await tasksOf(cluster.first, name)).find(({ Status }) => Status.State === "rejected"),
    );
    await remove(name);
    return task.Status.Err ?? "";
  }

  const inside = async ({ daemon, id }: TaskContainer, command: string): Promise<string> =>
    await skep(daemon, "exec", id, "sh", "-c", command);

  const remove = async (...names: string[]): Promise<void> => {
    await skep(cluster.first, "service", "rm", ...names);
    await until("no container of it", 15_000, async () => {
      for (const name of names) if ((await cluster.containersOf(name)).length > 0) return false;
      return true;
    });
  };

  const volumes = async (): Promise<VolumeRow[]> =>
    (await getJson<{ Volumes: VolumeRow[] }>(cluster.first, "/volumes")).Volumes;

  const volume = async (name: string): Promise<VolumeRow> =>
    await getJson<VolumeRow>(cluster.first, `/volumes/${name}`);

  const removeVolume = async (name: string): Promise<void> => {
    await until(`volume ${name} removed`, 15_000, async () => {
      return (await cluster.first.api("DELETE", `/volumes/${name}`)).status === 204;
    });
  };

  const mountPoints = (): string[] =>
    parseMountTable(readFileSync("/proc/self/mountinfo", "utf8")).map(
      ({ mountPoint }) => mountPoint,
    );

  it("fills a new volume with what the image has there, and no other", async () => {
    const plain = "type=volume,source=plain,target=/data,volume-nocopy=true";
    const one = await start("filled", "type=volume,source=filled,target=/data");
    const two = await start("plain", plain);
    const listing = "cd /data; cat base own sub/deep link; stat -c '%u %g %a %n' . own base";
    assert.equal(
      await inside(one, listing),
      "base\nown\ndeep\nown\n1000 2000 2770 .\n1000 2000 640 own\n0 0 644 base\n",
    );
    assert.equal(await inside(two, "ls /data"), "");
    await inside(one, "rm -r /data/* && touch /data/mine");
    await remove("filled", "plain");
    const again = await start("filled", "type=volume,source=filled,target=/data");
    assert.equal(await inside(again, "ls /data"), "mine\n");
    await remove("filled");
  });

  it("makes the volumes that the image wants, and removes them with the task", async () => {
    const one = await start("wanted");
    assert.equal(await inside(one, "cat /cache/warm"), "warm\n");
    const made = (await volumes()).find(
      ({ Labels }) => "com.docker.volume.anonymous" in (Labels ?? {}),
    );
    assert.match(must(made, "the volume").Name, /^[0-9a-f]{64}$/);
    const busy = await cluster.first.api("DELETE", `/volumes/${made?.Name}`);
    assert.equal(busy.status, 409);
    const { message } = busy.body as { message: string };
    assert.match(message, new RegExp(`volume is in use - \\[${one.id}\\]$`));
    await remove("wanted");
    await until("no volume without a name", 5000, async () =>
      (await volumes()).every(({ Name }) => !/^[0-9a-f]{64}$/.test(Name)),
    );
    const other = await start("other", "type=tmpfs,target=/cache");
    assert.equal(await inside(other, "ls /cache"), "");
    assert.ok((await volumes()).every(({ Name }) => !/^[0-9a-f]{64}$/.test(Name)));
    await remove("other");
  });

  it("mounts what a volume's options say while somebody uses it, over a restart of the daemon", async () => {
    const mount =
      "type=volume,source=memory,target=/m,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m";
    const one = await start("one", mount);
    const two = await start("two", mount);
    await inside(one, "echo shared > /m/file");
    assert.equal(
      await inside(two, "cat /m/file; df -m /m | tail -1 | awk '{print $2}'"),
      "shared\n1\n",
    );
    const { Mountpoint } = await volume("memory");
    await cluster.first.stop("SIGKILL");
    await cluster.first.start();
    assert.ok(mountPoints().includes(Mountpoint));
    await remove("one");
    const three = await until("a leader again", 10_000, () => start("three", mount));
    assert.equal(await inside(three, "cat /m/file"), "shared\n");
    await remove("two", "three");
    await until("it to be unmounted", 5000, async () => !mountPoints().includes(Mountpoint));
    await removeVolume("memory");
  });

  it("never deletes what a volume's options have mounted", async () => {
    const options = { type: "none", o: "bind", device: hostFolder };
    const given = { Name: "host", DriverOpts: options };
    assert.equal((await cluster.first.api("POST", "/volumes/create", given)).status, 201);
    const one = await start("host", "type=volume,source=host,target=/h");
    assert.equal(await inside(one, "cat /h/file"), "of the host\n");
    await remove("host");
    await removeVolume("host");
    assert.deepEqual(readdirSync(hostFolder).sort(), ["deep", "file"]);
    const missing = await refusal(
      "nowhere",
      "type=volume,source=nowhere,target=/h,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/no/such",
    );
    assert.match(missing, /failed to mount local volume: mount \/no\/such:.*does not exist/);
  });

  it("mounts a part of a volume, and nothing outside of it", async () => {
    const whole = "type=volume,source=parts,target=/all";
    const one = await start("whole", whole);
    await inside(
      one,
      "mkdir -p /all/a/b && echo b > /all/a/b/file && ln -s / /all/root && ln -s a/b /all/link",
    );
    const part = (subpath: string, source = "parts") =>
      `type=volume,source=${source},target=/part,volume-subpath=${subpath}`;
    const two = await start("part", part("a/b"));
    const three = await start("link", part("link"));
    assert.equal(await inside(two, "cat /part/file"), "b\n");
    assert.equal(await inside(three, "cat /part/file"), "b\n");
    assert.match(
      await refusal("no", part("none")),
      /volume parts: cannot access path .*\/none: no such file/,
    );
    assert.match(
      await refusal("out", part("root/etc")),
      /cannot access path .*\/root\/etc: no such file/,
    );
    const up = await cluster.first.skep(
      ...["service", "create", "-d", "--mount", part("../x"), "skep-volumes:1"],
    );
    assert.match(
      failed("service create", up),
      /volume-subpath: use a relative path within the volume/,
    );
    // A program of the volume cannot lead a running one elsewhere.
    await inside(one, "mv /all/a /all/moved && ln -s /etc /all/a");
    assert.equal(await inside(two, "cat /part/file"), "b\n");
    await remove("whole", "part", "link");
    const parts = join(cluster.first.host.stateDir, "x/v/");
    await until("nothing of it is mounted any more", 10_000, async () => {
      return mountPoints().every((path) => !path.startsWith(parts));
    });
  });

  it("binds folders of the host: missing, made, without what is mounted below, spreading", async () => {
    const missing = join(hostFolder, "missing");
    const want = `invalid mount config for type "bind": bind source path does not exist: ${missing}`;
    assert.equal(await refusal("missing", `type=bind,source=${missing},target=/b`), want);
    assert.ok(!existsSync(missing));
    const made = await start("made", `type=bind,source=${missing},target=/b,bind-create-src=true`);
    await inside(made, "touch /b/new");
    assert.ok(existsSync(join(missing, "new")));
    await remove("made");
    const notShared = join(hostFolder, "deep");
    const spread = `type=bind,source=${notShared},target=/b,bind-propagation=rshared`;
    await cluster.first.host.exec(["mount", "-t", "tmpfs", "tmpfs", notShared]);
    await cluster.first.host.exec(["mount", "--make-private", notShared]);
    try {
      assert.match(
        await refusal("spread", spread),
        /is mounted on .* but it is not a shared mount/,
      );
      writeFileSync(join(notShared, "below"), "");
      const all = await start("all", `type=bind,source=${hostFolder},target=/b,readonly`);
      const flat = await start(
        "flat",
        `type=bind,source=${hostFolder},target=/b,bind-recursive=disabled`,
      );
      assert.equal(
        await inside(all, "ls /b/deep; touch /b/x 2>/dev/null || echo no"),
        "below\nno\n",
      );
      assert.equal(await inside(flat, "ls /b/deep"), "");
      await remove("all", "flat");
      await cluster.first.host.exec(["mount", "--make-shared", notShared]);
      const slave = await start("slave", spread.replace("rshared", "rslave"));
      await cluster.first.host.exec(["mkdir", join(notShared, "later")]);
      await cluster.first.host.exec(["mount", "-t", "tmpfs", "tmpfs", join(notShared, "later")]);
      assert.match(await inside(slave, "mount"), / \/b\/later /);
      await remove("slave");
    } finally {
      await cluster.first.host.exec(["umount", "-R", notShared]);
    }
  });

  it("gives memory with a size and a mode", async () => {
    const one = await start("memory", "type=tmpfs,target=/t,tmpfs-size=1048576,tmpfs-mode=1770");
    assert.equal(
      await inside(
        one,
        "stat -c %a /t; df -m /t | tail -1 | awk '{print $2}'; grep -o ' /t tmpfs [^ ]*' /proc/mounts | grep -o noexec",
      ),
      "1770\n1\nnoexec\n",
    );
    await remove("memory");
  });
});
