import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type ErrorCode, isClusterError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { ContainerRuntime } from "../../src/runtime/container-runtime.ts";
import type { ContainerSpec, ExecSpec } from "../../src/runtime/container-spec.ts";
import { writeTestRootfs } from "../support/test-image.ts";

describe("container runtime with runc and conmon", function () {
  this.timeout(60_000);
  let root = "";
  let runtime: ContainerRuntime;

  const openRuntime = () =>
    ContainerRuntime.open({
      dataRoot: join(root, "data"),
      execRoot: join(root, "exec"),
      cgroupParent: `/skep-test-${process.pid}`,
      clock: systemClock,
      log: silentLogger,
      random: systemRandom,
    });

  const aSpec = (id: string, script: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    id,
    name: id,
    layerPaths: [join(root, "layer")],
    args: ["/bin/sh", "-c", script],
    env: ["PATH=/bin", "COLOUR=blue"],
    cwd: "/",
    user: "",
    groups: [],
    hostname: "box",
    tty: false,
    openStdin: false,
    readOnly: false,
    init: false,
    mounts: [],
    files: [],
    resources: { memoryBytes: 32 * 2 ** 20, pids: 50 },
    capabilities: { add: [], drop: [] },
    sysctls: {},
    ulimits: [],
    etcFiles: {
      hosts: "127.0.0.1 localhost\n",
      resolvConf: "nameserver 127.0.0.11\n",
      hostname: "box\n",
    },
    labels: { task: id },
    stopSignal: "SIGTERM",
    ...more,
  });

  /** Runs a script to its end; its exit code and output. */
  const run = async (id: string, script: string, more: Partial<ContainerSpec> = {}) => {
    await runtime.create(aSpec(id, script, more));
    await runtime.start(id);
    const exit = await runtime.wait(id);
    const output = await outputOf(id);
    await runtime.remove(id);
    return { ...exit, output };
  };

  const outputOf = async (id: string): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const entry of runtime.logs(id, { follow: true })) chunks.push(entry.data);
    return Buffer.concat(chunks).toString();
  };

  before(async () => {
    root = await mkdtemp(join(tmpdir(), "skep-rt-"));
    await writeTestRootfs(join(root, "layer"));
    runtime = await openRuntime();
  });

  after(async () => {
    await runtime.removeAll();
    await rm(root, { recursive: true, force: true });
  });

  it("runs a program with its user, environment, files and limits, and gives its exit code", async () => {
    const secret = {
      path: "/run/secrets/key",
      content: Buffer.from("hidden\n"),
      mode: 0o400,
      uid: 1000,
      gid: 1000,
    };
    const script =
      "id; echo $COLOUR $HOME; hostname; cat /run/secrets/key /etc/resolv.conf; ulimit -n; exit 7";
    const ulimits = [{ name: "nofile", soft: 100, hard: 200 }];
    const got = await run("basic", script, { user: "web", files: [secret], ulimits });
    assert.equal(got.exitCode, 7);
    assert.equal(got.oomKilled, false);
    assert.deepEqual(got.output.trim().split("\n"), [
      "uid=1000(web) gid=1000(web) groups=2000(extra)",
      "blue /home/web",
      "box",
      "hidden",
      "nameserver 127.0.0.11",
      "100",
    ]);
    assert.equal(existsSync(join(root, "exec/secrets/basic")), false);
    assert.equal(existsSync(join(root, "data/containers/basic")), false);
  });

  it("keeps a container in: capabilities, seccomp, descriptors, read-only system paths", async () => {
    const script = `grep -E 'CapBnd|Seccomp:' /proc/self/status; mount -t tmpfs x /mnt 2>&1
      (echo 1 > /proc/sys/kernel/panic) 2>&1; ls /proc/self/fd | wc -l`;
    const { output } = await run("kept", script);
    assert.match(output, /CapBnd:\t00000000a80425fb/);
    assert.match(output, /Seccomp:\t2/);
    assert.match(output, /mount: .*(denied|permitted)/);
    assert.match(output, /Read-only file system/);
    assert.match(output, /\n4\n$/); // 0, 1, 2 and ls' own
  });

  it("tells of the out-of-memory killer", async () => {
    const got = await run("oom", "x=$(yes | head -c 100000000); echo $x");
    assert.equal(got.exitCode, 137);
    assert.equal(got.oomKilled, true);
  });

  it("refuses what is dangerous or missing, and leaves nothing behind", async () => {
    await mkdir(join(root, "evil"), { recursive: true });
    await symlink("/tmp", join(root, "evil/dev")).catch(() => {});
    const layers = [join(root, "evil"), join(root, "layer")];
    await rejects(
      runtime.create(aSpec("evil", "true", { layerPaths: layers })),
      "FAILED_PRECONDITION",
    );
    await rejects(
      runtime.create(aSpec("cwd", "true", { cwd: "/proc/self/fd/8" })),
      "INVALID_ARGUMENT",
    );
    await rejects(runtime.create(aSpec("user", "true", { user: "ghost" })), "INVALID_ARGUMENT");
    await rejects(
      runtime.create(aSpec("prog", "", { args: ["/bin/ghost"] })),
      "FAILED_PRECONDITION",
    );
    await rejects(runtime.create(aSpec("../x", "true")), "INVALID_ARGUMENT");
    assert.deepEqual(runtime.list(), []);
    const mounts = await readFile("/proc/self/mountinfo", "utf8");
    assert.equal(mounts.includes(join(root, "exec/containers")), false);
  });

  it("stops by the stop signal, and kills after the grace", async () => {
    await runtime.create(aSpec("polite", "trap 'exit 3' TERM; while :; do sleep 0.05; done"));
    await runtime.create(aSpec("deaf", "trap '' TERM; while :; do sleep 0.05; done"));
    await Promise.all([runtime.start("polite"), runtime.start("deaf")]);
    await rejects(runtime.remove("deaf"), "FAILED_PRECONDITION");
    await Promise.all(["polite", "deaf"].map((id) => ready(id)));
    const polite = await runtime.stop("polite", { graceMs: 5000 });
    const deaf = await runtime.stop("deaf", { graceMs: 200 });
    assert.deepEqual([polite.exitCode, deaf.exitCode], [3, 137]);
    await Promise.all([runtime.remove("polite"), runtime.remove("deaf")]);
  });

  it("runs further commands, with pipes and with a terminal", async () => {
    await runtime.create(aSpec("box", "sleep 1000"));
    await runtime.start("box");
    const piped = await exec(
      "box",
      { args: ["/bin/sh", "-c", "cat; echo err >&2; id -u; exit 5"], user: "web" },
      "in\n",
    );
    assert.deepEqual(piped, { exitCode: 5, stdout: "in\n1000\n", stderr: "err\n" });
    // runc copies the size of its terminal when the command runs already.
    const sized = 'until [ "$(stty size 2>/dev/null)" = "33 101" ]; do sleep 0.01; done';
    const script = `read line; ${sized}; echo got $line; exit 6`;
    const session = await runtime.exec(
      "box",
      anExec({ args: ["/bin/sh", "-c", script], tty: true }),
    );
    session.resize(33, 101);
    session.stdin.write("hello\n");
    const output = await readText(session.stdout);
    assert.equal(await session.wait(), 6);
    assert.match(output, /got hello\r\n/);
    for (const tty of [false, true]) {
      assert.equal((await exec("box", { args: ["nosuch"], tty }, "")).exitCode, 127);
      assert.equal((await exec("box", { args: ["/"], tty }, "")).exitCode, 126);
    }
    const stats = await runtime.stats("box");
    assert.ok(stats.memoryBytes > 0 && stats.cpuNanos > 0);
    assert.equal(stats.pidsLimit, 50);
    assert.deepEqual(
      (await runtime.top("box")).map((row) => row.command),
      ["sleep 1000"],
    );
    await runtime.remove("box", { force: true });
  });

  it("takes input for a container, and follows its log", async () => {
    await runtime.create(aSpec("cat", "cat; echo done >&2", { openStdin: true }));
    await runtime.start("cat");
    const input = runtime.attachInput("cat");
    input.write("one\n");
    input.end("two\n");
    assert.equal(await outputOf("cat"), "one\ntwo\ndone\n");
    const tail: string[] = [];
    for await (const entry of runtime.logs("cat", { tail: 1, stdout: true })) {
      tail.push(Buffer.from(entry.data).toString());
    }
    assert.deepEqual(tail, ["two\n"]);
    await runtime.remove("cat");
  });

  it("finds its containers again after a restart, whatever became of them", async () => {
    for (const id of ["runs", "waits", "ends", "lost"]) {
      const script = id === "ends" ? "sleep 0.3; exit 9" : "sleep 1000";
      await runtime.create(aSpec(id, script));
      if (id !== "waits") await runtime.start(id);
    }
    await runtime.close();
    const lost = JSON.parse(await readFile(join(root, "data/containers/lost/state.json"), "utf8"));
    process.kill(lost.conmon.pid, "SIGKILL");
    process.kill(lost.process.pid, "SIGKILL");
    await mkdir(join(root, "data/containers/torn"));
    await writeFile(join(root, "data/containers/torn/state.json"), "{");
    await until(
      () => existsSync(join(root, "exec/exits/ends")) && !existsSync(`/proc/${lost.process.pid}`),
    );
    runtime = await openRuntime();
    const states = runtime.list().map(({ id, state, exit }) => [id, state, exit?.exitCode]);
    assert.deepEqual(states.sort(), [
      ["ends", "exited", 9],
      ["lost", "exited", 137],
      ["runs", "running", undefined],
      ["waits", "created", undefined],
    ]);
    assert.match(runtime.info("lost").exit?.reason ?? "", /nothing watched/);
    assert.equal(existsSync(join(root, "data/containers/torn")), false);
    await runtime.start("waits");
    for (const id of ["runs", "waits"]) {
      assert.equal((await runtime.stop(id, { graceMs: 0 })).exitCode, 137);
    }
    for (const id of ["ends", "lost", "runs", "waits"]) await runtime.remove(id);
  });

  const anExec = (more: Partial<ExecSpec>): ExecSpec => ({
    args: [],
    env: [],
    cwd: "",
    user: "",
    tty: false,
    openStdin: true,
    ...more,
  });

  const exec = async (id: string, more: Partial<ExecSpec>, input: string) => {
    const session = await runtime.exec(id, anExec(more));
    session.stdin.end(input);
    const [stdout, stderr, exitCode] = await Promise.all([
      readText(session.stdout),
      readText(session.stderr),
      session.wait(),
    ]);
    return { exitCode, stdout, stderr };
  };

  /** Until the shell has set its trap and begun its loop. */
  const ready = (id: string) => until(async () => (await runtime.top(id)).length > 1);
});

async function readText(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    assert.ok(tries < 500, "it did not happen within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function rejects(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(isClusterError(error, code), String(error));
    return true;
  });
}
