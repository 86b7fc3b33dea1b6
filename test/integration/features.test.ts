import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import {
  docker,
  getJson,
  httpGet,
  nodeIdOf,
  serviceOf,
  skep,
  type TaskContainer,
  TestCluster,
  tasksOf,
} from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

describe("what a service can ask for", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let workerId = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, workers: 1, images: [webImage("1")] });
    workerId = await nodeIdOf(must(cluster.workers[0], "the worker"));
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  /** Creates a service of `sleep` containers and gives those once they run. */
  async function start(name: string, count: number, ...flags: string[]): Promise<TaskContainer[]> {
    const create = ["service", "create", "-d", "--name", name, "--no-healthcheck", ...flags];
    await skep(cluster.first, ...create, "skep-web:1", "sleep", "1000");
    await cluster.converged(name, count);
    return await cluster.containersOf(name);
  }

  const inside = async ({ daemon, id }: TaskContainer, command: string): Promise<string> =>
    await skep(daemon, "exec", id, "sh", "-c", command);

  const remove = async (...names: string[]): Promise<void> =>
    void (await skep(cluster.first, "service", "rm", ...names));

  it("secrets and configs as files", async () => {
    const file = join(cluster.first.host.stateDir, "content");
    writeFileSync(file, "hush\n");
    await skep(cluster.first, "secret", "create", "token", file);
    await skep(cluster.first, "config", "create", "site", file);
    const flags =
      "--secret source=token,target=key,uid=1000,mode=0400 --config source=site,target=/etc/site.conf";
    const [container] = await start("files", 1, ...flags.split(" "));
    const output = await inside(
      must(container, "the container"),
      "cat /run/secrets/key /etc/site.conf; stat -c '%u %a' /run/secrets/key; mount | grep ' /run/secrets'",
    );
    assert.match(output, /^hush\nhush\n1000 400\n.*tmpfs/);
    const busy = await cluster.first.skep("secret", "rm", "token");
    assert.match(busy.stderr, /secret 'token' is in use by the following service: files/);
    await remove("files");
    await skep(cluster.first, "secret", "rm", "token");
    await skep(cluster.first, "config", "rm", "site");
  });

  it("environment, user, host name and labels, with templates", async () => {
    const flags =
      "--env SLOT={{.Task.Slot}} --env AT={{.Node.Hostname}} --hostname {{.Service.Name}}-{{.Task.Slot}} -u web -w /tmp";
    const [container] = await start("named", 1, ...flags.split(" "));
    const { daemon } = must(container, "the container");
    const output = await inside(must(container, "it"), "echo $SLOT $AT; hostname; id -u; pwd");
    const hostname = (await getJson<{ Name: string }>(daemon, "/info")).Name;
    assert.equal(output, `1 ${hostname}\nnamed-1\n1000\n/tmp\n`);
    await remove("named");
  });

  it("mounts: a volume that outlives its containers, and a tmpfs", async () => {
    const flags = "--mount type=volume,source=data,target=/data --mount type=tmpfs,target=/scratch";
    const place = ["--constraint", "node.role==worker"];
    const [one] = await start("first", 1, ...flags.split(" "), ...place);
    await inside(
      must(one, "the container"),
      "echo kept > /data/file && mount | grep -q 'tmpfs on /scratch'",
    );
    await remove("first");
    const [two] = await start("second", 1, ...flags.split(" "), ...place);
    assert.equal(await inside(must(two, "the container"), "cat /data/file"), "kept\n");
    await remove("second");
  });

  it("limits of memory and processes", async () => {
    const [container] = await start("small", 1, "--limit-memory", "32m", "--limit-pids", "20");
    const { pid } = must(container, "the container");
    assert.equal(
      cgroupValue(pid, "memory", "memory.limit_in_bytes", "memory.max"),
      String(32 << 20),
    );
    assert.equal(cgroupValue(pid, "pids", "pids.max", "pids.max"), "20");
    await remove("small");
  });

  it("places: constraints, global mode, and reasons why not", async () => {
    await skep(cluster.first, "node", "update", "--label-add", "zone=b", workerId);
    const placed = await start(
      "placed",
      3,
      "--replicas",
      "3",
      "--constraint",
      "node.labels.zone==b",
    );
    assert.deepEqual(new Set(placed.map(({ daemon }) => daemon)), new Set(cluster.workers));
    const everywhere = await start("everywhere", 2, "--mode", "global");
    assert.equal(new Set(everywhere.map(({ daemon }) => daemon)).size, 2);
    const impossible =
      "service create -d --name nowhere --constraint node.labels.zone==c skep-web:1";
    await skep(cluster.first, ...impossible.split(" "));
    const task = await until("an explanation", 5000, async () => {
      return (await tasksOf(cluster.first, "nowhere")).find(({ Status }) => Status.Err);
    });
    assert.equal(task.Status.State, "pending");
    assert.match(
      task.Status.Err ?? "",
      /no suitable node \(scheduling constraints not satisfied on 2 nodes\)/,
    );
    await skep(cluster.first, "node", "update", "--label-add", "zone=c", workerId);
    await cluster.converged("nowhere", 1);
    await until("no task of placed on a node that fits no more", 20_000, async () => {
      const tasks = await tasksOf(cluster.first, "placed");
      return tasks.every(({ Status }) => Status.State !== "running");
    });
    await remove("placed", "everywhere", "nowhere");
  });

  it("jobs that run to completion", async () => {
    const job =
      "service create -d --name job --mode replicated-job --replicas 4 --max-concurrent 2";
    await skep(
      cluster.first,
      ...job.split(" "),
      "--no-healthcheck",
      "skep-web:1",
      "sh",
      "-c",
      "sleep 0.2",
    );
    await until("four completed tasks", 20_000, async () => {
      const tasks = await tasksOf(cluster.first, "job");
      return tasks.filter(({ Status }) => Status.State === "complete").length === 4;
    });
    assert.match(
      await skep(cluster.first, "service", "ls"),
      /job +replicated job +0\/2 \(4\/4 completed\)/,
    );
    await remove("job");
  });

  it("a new task where one died or became unhealthy", async () => {
    const health =
      "--health-cmd test\u00a0!\u00a0-e\u00a0/sick --health-interval 300ms --health-retries 2 --restart-delay 200ms";
    const flags = health.split(" ").map((word) => word.replaceAll("\u00a0", " "));
    const create = ["service", "create", "-d", "--name", "fragile", ...flags];
    await skep(cluster.first, ...create, "skep-web:1", "sleep", "1000");
    await cluster.converged("fragile", 1);
    for (const way of ["killed", "sick"]) {
      const [container] = await cluster.containersOf("fragile");
      const old = must(container, "the container");
      if (way === "killed") process.kill(old.pid, "SIGKILL");
      else await inside(old, "touch /sick");
      await until(`a task in place of the ${way} one`, 15_000, async () => {
        const [next] = await cluster.containersOf("fragile");
        return next !== undefined && next.taskId !== old.taskId;
      });
      const [task] = await cluster.converged("fragile", 1);
      assert.equal(task?.Slot, 1);
      const failed = (await tasksOf(cluster.first, "fragile")).find(({ ID }) => ID === old.taskId);
      assert.equal(failed?.Status.State, "failed");
      assert.match(
        failed?.Status.Err ?? "",
        way === "killed" ? /non-zero exit \(137\)/ : /unhealthy/,
      );
    }
    await remove("fragile");
  });

  it("ports on the task's own node, and names without a virtual IP", async () => {
    await skep(cluster.first, "network", "create", "-d", "overlay", "plain");
    const create =
      "service create -d --name direct --replicas 2 --endpoint-mode dnsrr --network plain";
    const publish = "--publish published=8095,target=80,mode=host --no-healthcheck skep-web:1";
    await skep(cluster.first, ...create.split(" "), ...publish.split(" "));
    await cluster.converged("direct", 2);
    for (const { host } of cluster.members) {
      await until("an answer", 5000, () =>
        httpGet(host, `http://${host.ip}:8095/`).catch(() => ""),
      );
    }
    const [container] = await cluster.containersOf("direct");
    await until("two addresses", 5000, async () => {
      const output = await inside(must(container, "a container"), "nslookup direct || true");
      return (output.match(/Address(?: \d+)?: *10\./g)?.length ?? 0) >= 2;
    });
    assert.equal((await serviceOf(cluster.first, "direct")).Endpoint.VirtualIPs, undefined);
    await remove("direct");
  });

  const hasDocker = existsSync("/usr/local/bin/docker") || existsSync("/usr/bin/docker");
  const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";
  it(`a stack, by the stock docker CLI${title}`, async function () {
    if (!hasDocker) this.skip();
    const file = join(cluster.first.host.stateDir, "stack.yml");
    writeFileSync(
      file,
      `version: "3.8"
services:
  web: {image: "skep-web:1", networks: [back], ports: ["8099:80"], deploy: {replicas: 2}}
  eye: {image: "skep-web:1", command: [sleep, "1000"], networks: [back], healthcheck: {disable: true}}
networks: {back: {}}
`,
    );
    await docker(cluster.first, "stack", "deploy", "--resolve-image", "never", "-c", file, "st");
    await cluster.converged("st_web", 2);
    await cluster.converged("st_eye", 1);
    const [eye] = await cluster.containersOf("st_eye");
    for (const name of ["web", "st_web"]) {
      await inside(must(eye, "the container"), `nslookup ${name}`);
    }
    assert.equal(await httpGet(cluster.first.host, `http://${cluster.first.host.ip}:8099/`), "1\n");
    assert.match(
      await docker(cluster.first, "stack", "services", "st"),
      /st_web +replicated +2\/2/,
    );
    await docker(cluster.first, "stack", "rm", "st");
    await until("no network of the stack", 20_000, async () => {
      const networks = await getJson<{ Name: string }[]>(cluster.first, "/networks");
      return networks.every(({ Name }) => Name !== "st_back");
    });
  });
});

/** The value of a process's cgroup setting, under version 1 or 2. */
function cgroupValue(pid: number, controller: string, file1: string, file2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
  for (const line of lines) {
    const [, names = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (names.split(",").includes(controller)) {
      return readFileSync(join("/sys/fs/cgroup", names, path, file1), "utf8").trim();
    }
  }
  const [, path = ""] = /^0::(.*)$/m.exec(lines.join("\n")) ?? [];
  return readFileSync(join("/sys/fs/cgroup", path, file2), "utf8").trim();
}
