import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandResult } from "../../src/base/command.ts";
import { TestDaemon } from "../support/test-daemon.ts";
import { createHosts, type TestNetwork } from "../support/test-hosts.ts";
import { buildTestImage } from "../support/test-image.ts";
import { until } from "../support/until.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";
const image = "skep-test";

describe(`docker run and its relatives, by the stock docker CLI${title}`, function () {
  this.timeout(60_000);
  let network: TestNetwork;
  let daemon: TestDaemon;
  let folder: string;

  before(async function () {
    if (!hasDocker) this.skip();
    folder = await mkdtemp(join(tmpdir(), "skep-run-"));
    network = await createHosts(1);
    const [host] = network.hosts;
    assert.ok(host !== undefined);
    daemon = new TestDaemon(host);
    await daemon.start();
    const tar = join(folder, "image.tar");
    await writeFile(
      tar,
      await buildTestImage({ labels: { from: "image" }, env: ["PATH=/bin", "A=1"] }),
    );
    await run("load", "-i", tar);
  });

  after(async function () {
    this.timeout(30_000);
    await network?.destroy();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** Its output; fails when the command does. */
  async function run(...args: string[]): Promise<string> {
    const result = await daemon.docker(...args);
    assert.equal(result.exitCode, 0, `docker ${args.join(" ")}: ${result.stderr}${result.stdout}`);
    return result.stdout.trim();
  }

  const failing = (...args: string[]): Promise<CommandResult> => daemon.docker(...args);
  const statusOf = (name: string): Promise<string> =>
    run("inspect", "-f", "{{.State.Status}}", name);
  const names = async (...filters: string[]): Promise<string[]> => {
    const flags = filters.flatMap((filter) => ["--filter", filter]);
    const text = await run("ps", "-a", "--format", "{{.Names}}", ...flags);
    return text
      .split("\n")
      .filter((name) => name !== "")
      .sort();
  };

  /** Runs docker with something typed in. */
  function typed(input: string, ...args: string[]): Promise<{ code: number | null; out: string }> {
    const child = spawn("docker", ["-H", `unix://${daemon.socket}`, ...args]);
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stdin.end(input);
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, out })));
  }

  it("runs a command, and gives its output and exit code", async () => {
    const both = await failing("run", "--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7");
    assert.deepEqual([both.exitCode, both.stdout, both.stderr], [7, "out\n", "err\n"]);
    const table: [string[], number, RegExp][] = [
      [["nosuch"], 127, /executable file not found/],
      [["/etc/passwd"], 126, /permission denied/],
    ];
    for (const [command, code, text] of table) {
      const result = await failing("run", "--rm", image, ...command);
      assert.equal(result.exitCode, code, result.stderr);
      assert.match(result.stderr, text);
    }
    const noImage = await failing("run", "--pull", "never", "nosuchimage");
    assert.equal(noImage.exitCode, 125);
    assert.match(noImage.stderr, /No such image: nosuchimage:latest/);
    assert.deepEqual(await names(), []);
  });

  it("passes input and its end on, with and without a terminal", async () => {
    const piped = await typed("one\ntwo\n", "run", "--rm", "-i", image, "wc", "-l");
    assert.deepEqual(piped, { code: 0, out: "2\n" });
    const tty = await run("run", "--rm", "-t", image, "sh", "-c", "test -t 0 && test -t 1 && tty");
    assert.match(tty, /^\/dev\/pts\/0/);
  });

  it("takes the image's part, and what is asked for instead", async () => {
    const flags = [
      "-e",
      "A=2",
      "-e",
      "B=3",
      "-w",
      "/tmp",
      "-u",
      "web",
      "-h",
      "box",
      "--label",
      "x=y",
    ];
    const more = [
      "--add-host",
      "db:10.1.2.3",
      "--dns",
      "10.9.9.9",
      "--tmpfs",
      "/t:size=1m",
      "--read-only",
    ];
    const limits = [
      "--memory",
      "32m",
      "--cpus",
      "0.5",
      "--pids-limit",
      "50",
      "--ulimit",
      "nofile=100:200",
    ];
    const script =
      "echo $A $B $(pwd) $(whoami) $(hostname); grep db /etc/hosts; grep nameserver /etc/resolv.conf; " +
      "grep ' /t ' /proc/mounts | cut -d' ' -f3; touch /x 2>/dev/null || echo readonly; ulimit -n; ulimit -Hn";
    const out = await run(
      "run",
      "--name",
      "full",
      ...flags,
      ...more,
      ...limits,
      image,
      "sh",
      "-c",
      script,
    );
    assert.deepEqual(out.split("\n"), [
      "2 3 /tmp web box",
      "10.1.2.3\tdb",
      "nameserver 10.9.9.9",
      "tmpfs",
      "readonly",
      "100",
      "200",
    ]);
    const format =
      "{{.Config.Labels.from}} {{.Config.Labels.x}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.State.ExitCode}}";
    assert.equal(await run("inspect", "-f", format, "full"), "image y 33554432 500000000 0");
    await run("rm", "full");
  });

  it("gives what is the host's: devices, processes, memory, name, and everything", async () => {
    const out = (...args: string[]) => run("run", "--rm", ...args);
    assert.match(
      await out("--device", "/dev/loop0:/dev/mine:r", image, "ls", "-l", "/dev/mine"),
      /^br\S+ +1 root +\S+ +7, +0 .*\/dev\/mine$/,
    );
    const self = String(process.pid);
    assert.equal(await out("--pid", "host", image, "ls", "-d", `/proc/${self}`), `/proc/${self}`);
    assert.equal(
      await out("--uts", "host", "--ipc", "host", image, "readlink", "/proc/self/ns/ipc"),
      readlinkSync("/proc/self/ns/ipc"),
    );
    const caps = (text: string): bigint => BigInt(`0x${/CapEff:\s*(\w+)/.exec(text)?.[1] ?? 0}`);
    const plain = caps(await out(image, "cat", "/proc/self/status"));
    assert.ok(caps(await out("--privileged", image, "cat", "/proc/self/status")) > plain);
    assert.match(await out("--privileged", image, "ls", "/dev"), /loop0/);
  });

  it("refuses by name what it cannot do", async () => {
    const table: [string[], RegExp][] = [
      [["--device", "/etc/passwd"], /"\/etc\/passwd": not a device node/],
      [["--pid", "container:x"], /--pid container:x/],
      [["--security-opt", "seccomp=unconfined"], /seccomp=unconfined/],
      [["--log-driver", "syslog"], /log driver syslog/],
      [["--memory", "1m"], /Minimum memory limit/],
      [["--network", "nosuch"], /network nosuch not found/],
      [["--restart", "always"], /[Cc]onflict|AutoRemove/],
      [["-v", "/:/"], /destination can't be '\/'/],
      [["--name", "-bad"], /Invalid container name/],
    ];
    for (const [flags, text] of table) {
      const result = await failing("run", "--rm", ...flags, image, "true");
      assert.equal(result.exitCode, 125, flags.join(" "));
      assert.match(result.stderr, text);
    }
    assert.deepEqual(await names(), []);
  });

  it("stops, starts, pauses, renames and removes", async () => {
    const id = await run(
      "run",
      "-d",
      "--name",
      "life",
      image,
      "sh",
      "-c",
      "echo up; trap 'exit 3' TERM; while :; do sleep 0.1; done",
    );
    await until("it is up", 5000, async () => (await run("logs", "life")) === "up");
    const taken = await failing("create", "--name", "life", image);
    assert.match(taken.stderr, new RegExp(`name "/life" is already in use by container "${id}"`));
    await run("pause", "life");
    assert.equal(await statusOf("life"), "paused");
    await run("unpause", "life");
    await run("stop", "life");
    assert.equal(
      await run("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life"),
      "exited 3",
    );
    await run("start", "life");
    await until("it is up again", 5000, async () => (await run("logs", "life")) === "up\nup");
    await run("restart", "-t", "0", "life");
    assert.equal(await run("exec", "life", "sh", "-c", "echo in; exit 0"), "in");
    assert.equal((await failing("exec", "life", "sh", "-c", "exit 9")).exitCode, 9);
    await run("rename", "life", "afterlife");
    const running = await failing("rm", "afterlife");
    assert.match(running.stderr, /container is running: stop the container/);
    const waiting = run("wait", "afterlife");
    await run("kill", "afterlife");
    assert.equal(await waiting, "137");
    await run("rm", "afterlife");
    assert.deepEqual(await names(), []);
  });

  it("restarts by policy, and tells its events", async () => {
    const sinceMs = Date.now();
    await run(
      "run",
      "-d",
      "--name",
      "again",
      "--restart",
      "on-failure:2",
      image,
      "sh",
      "-c",
      "echo run; exit 4",
    );
    await until("it gave up", 10_000, async () => (await statusOf("again")) === "exited");
    await until("three runs", 10_000, async () => (await run("logs", "again")) === "run\nrun\nrun");
    assert.equal(await run("inspect", "-f", "{{.RestartCount}}", "again"), "2");
    await run("update", "--restart", "no", "again");
    await run("rm", "again");
    const range = ["--since", String(sinceMs / 1000), "--until", String(Date.now() / 1000)];
    const events = await run(
      "events",
      ...range,
      "--filter",
      "type=container",
      "--format",
      "{{.Action}}",
    );
    assert.deepEqual(events.split("\n"), [
      "create",
      "start",
      "die",
      "start",
      "die",
      "start",
      "die",
      "update",
      "destroy",
    ]);
  });

  it("joins networks, keeps volumes, and copies files", async () => {
    await run("network", "create", "net1");
    await run(
      "run",
      "-d",
      "--name",
      "server",
      "--network",
      "net1",
      "--network-alias",
      "srv",
      "-v",
      "vol1:/data",
      image,
      "sh",
      "-c",
      "echo kept > /data/f; exec httpd -f -p 80 -h /data",
    );
    const ask = (host: string): string =>
      `printf 'GET /f HTTP/1.0\\r\\n\\r\\n' | nc ${host} 80 | tail -n 1`;
    const script = `${ask("srv")}; ${ask("server")}`;
    const asked = await run("run", "--rm", "--network", "net1", image, "sh", "-c", script);
    assert.equal(asked, "kept\nkept");
    assert.equal(await run("run", "--rm", "-v", "vol1:/v:ro", image, "cat", "/v/f"), "kept");
    assert.equal(
      await run(
        "run",
        "--rm",
        "--network",
        "none",
        image,
        "sh",
        "-c",
        "ip -o a | grep -vc ' lo '; true",
      ),
      "0",
    );
    const shared = await run(
      "run",
      "--rm",
      "--network",
      "container:server",
      image,
      "sh",
      "-c",
      ask("127.0.0.1"),
    );
    assert.equal(shared, "kept");
    const file = join(folder, "in.txt");
    await writeFile(file, "copied\n");
    await run("cp", file, "server:/tmp/in.txt");
    assert.equal(await run("exec", "server", "cat", "/tmp/in.txt"), "copied");
    assert.match(await run("diff", "server"), /^A \/tmp\/in\.txt$/m);
    await run("stop", "-t", "0", "server");
    const archive = join(folder, "all.tar");
    await run("export", "-o", archive, "server");
    const exported = spawnSync("tar", ["tf", archive], { encoding: "utf8" }).stdout;
    assert.match(exported, /^\.\/tmp\/in\.txt$/m);
    assert.doesNotMatch(exported, /^\.\/(?:proc\/.|data\/f)/m);
    await run("cp", "server:/data/f", join(folder, "out.txt"));
    assert.equal(await readFile(join(folder, "out.txt"), "utf8"), "kept\n");
    await run("rm", "-v", "server");
    await run("run", "--rm", "-v", "/anonymous", image, "touch", "/anonymous/x");
    assert.equal(await run("volume", "ls", "-q"), "vol1");
  });

  it("goes on over a kill of the daemon, and honours restart policies", async () => {
    const sleeper = ["sh", "-c", "echo up; sleep 1000"];
    await run("run", "-d", "--name", "on", "--network", "net1", image, ...sleeper);
    await run("run", "-d", "--name", "always", "--restart", "always", image, ...sleeper);
    await run("run", "-d", "--name", "unless", "--restart", "unless-stopped", image, ...sleeper);
    await run("stop", "-t", "0", "always", "unless");
    await run("run", "-d", "--name", "gone", "--rm", image, ...sleeper);
    await run("create", "--name", "made", image, "echo", "made");
    const pid = Number(await run("inspect", "-f", "{{.State.Pid}}", "gone"));
    const onPid = await run("inspect", "-f", "{{.State.Pid}}", "on");
    await daemon.stop("SIGKILL");
    process.kill(pid, "SIGKILL");
    await daemon.start();
    await until("always runs again", 10_000, async () => (await statusOf("always")) === "running");
    assert.equal(await run("inspect", "-f", "{{.State.Pid}}", "on"), onPid);
    assert.deepEqual(await names("status=running"), ["always", "on"]);
    assert.deepEqual(await names("status=created"), ["made"]);
    assert.deepEqual(await names("status=exited"), ["unless"]);
    assert.deepEqual(await names("network=net1"), ["on"]);
    assert.equal(
      await run("run", "--rm", "--network", "net1", image, "nslookup", "-type=a", "on").then(
        (text) => /Name:\s+on/.test(text),
      ),
      true,
    );
    assert.equal(await run("start", "-a", "made"), "made");
    await run("rm", "-f", "on", "always");
    assert.match(await run("container", "prune", "-f"), /Deleted Containers:/);
    assert.deepEqual(await names(), []);
  });

  it("attaches to what a task of the swarm writes", async () => {
    await run("swarm", "init", "--advertise-addr", daemon.host.ip);
    const script = "sleep 5; echo last";
    const flags = ["-d", "-q", "--no-resolve-image", "--restart-condition", "none"];
    await run("service", "create", ...flags, "--name", "t", image, "sh", "-c", script);
    const id = await until("the task's container", 20_000, async () => {
      return (
        (await run("ps", "-q", "--filter", "status=running", "--filter", "is-task=true")) ||
        undefined
      );
    });
    assert.equal(await run("attach", "--no-stdin", id), "last");
    await run("swarm", "leave", "--force");
  });
});
