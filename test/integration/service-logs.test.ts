import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { must } from "../../src/base/assert.ts";
import { skep, sorted, TestCluster, tasksOf } from "../support/test-cluster.ts";
import { binaries, type TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

// Five lines 200 ms apart, numbered and with the host's name; then it stays.
const script =
  'i=1; while [ $i -le 5 ]; do echo "line $i"; i=$((i+1)); sleep 0.2; done; echo "oops" >&2; exec sleep 1000';

describe("skep service logs on three nodes", function () {
  this.timeout(90_000);
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, workers: 2, images: [webImage("1")] });
    const flags =
      "-d --mode global --name chatty --no-resolve-image --no-healthcheck --stop-grace-period 1s skep-web:1 sh -c";
    await skep(cluster.first, "service", "create", ...flags.split(" "), script);
    await cluster.converged("chatty", 3);
    await until("all the lines", 20_000, async () => {
      return (await logs()).filter((line) => line.includes("oops")).length === 3;
    });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  async function logs(...flags: string[]): Promise<string[]> {
    const { stdout, stderr } = await cluster.first.skep("service", "logs", ...flags, "chatty");
    return (stdout + stderr).split("\n").filter((line) => line !== "");
  }

  it("shows the lines of all tasks in the order of their times", async () => {
    const { stdout } = await cluster.first.skep("service", "logs", "-t", "chatty");
    const times = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "");
    assert.equal(times.length, 15);
    assert.match(times[0] ?? "", /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z$/);
    assert.deepEqual(times, sorted(times));
    const plain = await skep(cluster.first, "service", "logs", "chatty");
    assert.match(plain, /^chatty\.\w+\.\w+@h\d +\| line 1$/m);
    assert.equal(new Set([...plain.matchAll(/@(h\d)/g)].map(([, host]) => host)).size, 3);
  });

  it("takes the flags of docker", async () => {
    assert.equal((await logs("--tail", "1")).length, 3);
    assert.ok((await logs("--raw")).every((line) => /^(line \d|oops)$/.test(line)));
    const [task] = await tasksOf(cluster.first, "chatty");
    const { ID } = must(task, "a task");
    assert.ok((await logs("--no-trunc")).some((line) => line.includes(ID)));
    assert.ok((await logs("--no-task-ids")).every((line) => !line.includes(ID.slice(0, 12))));
    assert.ok((await logs("--no-resolve")).every((line) => !/chatty|@h\d /.test(line)));
    assert.equal((await logs("--details")).length, 18);
    assert.deepEqual(await logs("--until", "10m"), []);
    assert.deepEqual(await logs("--since", "0s"), []);
    const timed = (await logs("-t")).filter((line) => line.includes("line"));
    const middle = sorted(timed.map((line) => line.split(" ")[0] ?? ""))[7] ?? "";
    const [early, late] = [
      await logs("-t", "--until", middle),
      await logs("-t", "--since", middle),
    ];
    assert.ok(early.length > 0 && early.every((line) => line.slice(0, 20) <= middle.slice(0, 20)));
    assert.ok(late.length > 0 && late.every((line) => line.slice(0, 20) >= middle.slice(0, 20)));
    assert.ok(early.length < 18 && late.length < 18);
  });

  it("shows one task by its id, and ended tasks with those that run", async () => {
    const before = await tasksOf(cluster.first, "chatty");
    const { ID } = must(before[0], "a task");
    const one = await skep(cluster.first, "service", "logs", ID);
    assert.equal(one.trim().split("\n").length, 5);
    await skep(cluster.first, "service", "update", "-d", "--force", "chatty");
    await until("lines of old and new tasks", 30_000, async () => {
      return (await logs()).filter((line) => line.includes("oops")).length === 6;
    });
    assert.ok(
      (await logs("--no-trunc")).some((line) => line.includes(ID)),
      "of the ended task",
    );
  });

  it("follows, and takes in a task that comes later", async () => {
    const first =
      "service create -d --name late --no-resolve-image --no-healthcheck --stop-grace-period 1s skep-web:1 sh -c";
    await skep(cluster.first, ...first.split(" "), script);
    await cluster.converged("late", 1);
    const follow = follower(cluster.first, "late");
    try {
      await until("the first task", 10_000, async () => /late\.1\..*line 5/.test(follow.said()));
      await skep(cluster.first, "service", "scale", "-d", "late=3");
      await until(
        "the later tasks",
        20_000,
        async () =>
          /late\.2\..*line 5/.test(follow.said()) && /late\.3\..*line 5/.test(follow.said()),
      );
      assert.ok(follow.isRunning());
    } finally {
      await follow.end();
    }
    await skep(cluster.first, "service", "rm", "late");
  });

  it("shows the rest and says what is missing when a node is down", async () => {
    const away = must(cluster.workers[1], "a worker");
    await away.stop("SIGKILL");
    await until("the node down", 30_000, async () =>
      (await skep(cluster.first, "node", "ls")).includes("Down"),
    );
    const { exitCode, stdout, stderr } = await cluster.first.skep("service", "logs", "chatty");
    assert.match(stderr, /incomplete log stream.*node \w+ is not available/);
    const hosts = new Set([...stdout.matchAll(/@(h\d)/g)].map(([, host]) => host));
    assert.equal(hosts.size, 2);
    assert.equal(exitCode, 1);
    await away.start();
  });
});

function follower(daemon: TestDaemon, service: string) {
  const args = [binaries.skep, "-H", `unix://${daemon.socket}`, "service", "logs", "-f", service];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let isRunning = true;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => {
    child.on("exit", () => {
      isRunning = false;
      resolve();
    });
  });
  return {
    said: () => text,
    isRunning: () => isRunning,
    end: async () => {
      child.kill();
      await ended;
    },
  };
}
