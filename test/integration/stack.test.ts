import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { CommandResult } from "../../src/base/command.ts";
import { composeFolder } from "../support/compose-files.ts";
import { docker, failed, skep, sorted, TestCluster, tasksOf } from "../support/test-cluster.ts";
import { binaries } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const dockerTitle = hasDocker ? "" : " (skipped: no docker binary on this machine)";

const first = `
services:
  web:
    image: skep-web:1
    ports: ["8090:80"]
    networks: [front]
    secrets: [key]
    configs: [{source: page, target: /page}]
    environment: {COLOUR: "\${COLOUR:-red}"}
    depends_on:
      setup: {condition: service_completed_successfully}
    deploy: {replicas: 2, update_config: {monitor: 1s, parallelism: 2}}
  setup:
    image: skep-web:1
    entrypoint: /bin/busybox
    command: "true"
    healthcheck: {disable: true}
    deploy: {mode: replicated-job}
  old:
    image: skep-web:1
networks:
  front: {}
secrets:
  key: {file: key.txt}
configs:
  page: {file: page.txt}
`;

describe("skep stack on a real cluster", function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let folder: string;

  before(async () => {
    cluster = await TestCluster.create({
      managers: 1,
      workers: 1,
      images: [webImage("1"), webImage("2")],
    });
    folder = join(cluster.first.host.stateDir, "stack");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "key.txt"), "a key");
    writeFileSync(join(folder, "page.txt"), "a page");
    writeFileSync(join(folder, "first.yml"), first);
    const { old: _, ...services } = (parse(first) as { services: Record<string, object> }).services;
    const web = { ...services["web"], image: "skep-web:2", environment: { COLOUR: "blue" } };
    const second = { ...(parse(first) as object), services: { ...services, web } };
    writeFileSync(join(folder, "second.yml"), JSON.stringify(second));
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  const stack = (...args: string[]): Promise<string> => skep(cluster.first, "stack", ...args);
  const files = (name: string): string[] => ["-c", join(folder, name), "--resolve-image", "never"];
  const code = async (call: Promise<CommandResult>): Promise<[number | null, string]> => {
    const { exitCode, stdout } = await call;
    return [exitCode, stdout];
  };
  const diff = (name: string, ...more: string[]): Promise<[number | null, string]> =>
    code(cluster.first.skep("stack", "diff", ...files(name), ...more, "shop"));

  it("shows what a deploy would do, and where, before anything is there", async () => {
    const [exitCode, text] = await diff("first.yml");
    assert.equal(exitCode, 2, text);
    assert.match(text, /\+ network shop_front \(overlay\)/);
    assert.match(text, /\+ secret shop_key/);
    assert.match(text, /\+ service shop_web\n/);
    const run = cluster.first.skep("stack", "deploy", "--dry-run", ...files("first.yml"), "shop");
    const [dryCode, dry] = await code(run);
    assert.equal(dryCode, 2, dry);
    assert.match(dry, /Placement:[\s\S]*service shop_web\n +\S+: 1 new task\n +\S+: 1 new task/);
    assert.match(await stack("ls"), /^NAME +SERVICES\n?$/);
  });

  it("deploys in the order of dependencies and waits", async () => {
    const text = await stack("deploy", "--detach=false", ...files("first.yml"), "shop");
    assert.match(
      text,
      /Creating service shop_setup[\s\S]*Waiting for service shop_setup[\s\S]*Creating service shop_web/,
    );
    assert.equal((await cluster.converged("shop_web", 2)).length, 2);
    const setup = await tasksOf(cluster.first, "shop_setup");
    assert.deepEqual(
      setup.map(({ Status }) => Status.State),
      ["complete"],
    );
    assert.match(await stack("ls"), /shop +3/);
    assert.match(await stack("services", "shop"), /shop_web +replicated +2\/2 +skep-web:1/);
    assert.match(await stack("ps", "shop"), /shop_web\.2 +skep-web:1 .*Running/);
    assert.match(await stack("services", "-q", "--filter", "name=shop_web", "shop"), /^\w{12}\n$/);
  });

  it("changes nothing when nothing has changed", async () => {
    const [exitCode, text] = await diff("first.yml");
    assert.equal(text, "no changes\n");
    assert.equal(exitCode, 0);
    const before = await tasksOf(cluster.first, "shop_web");
    assert.match(
      await stack("deploy", ...files("first.yml"), "shop"),
      /shop_web is as it should be/,
    );
    const after = await tasksOf(cluster.first, "shop_web");
    assert.deepEqual(sorted(after.map(({ ID }) => ID)), sorted(before.map(({ ID }) => ID)));
  });

  it("is seen by the docker CLI, and sees a stack of docker's", async function () {
    if (!hasDocker) this.skip();
    assert.match(await docker(cluster.first, "stack", "ls"), /shop +3/);
    assert.match(
      await docker(cluster.first, "stack", "services", "shop"),
      /shop_web +replicated +2\/2/,
    );
    assert.match(await docker(cluster.first, "stack", "ps", "shop"), /shop_web\.1/);
    const other = join(folder, "other.yml");
    writeFileSync(
      other,
      `version: "3.8"\n${first.slice(0, first.indexOf("    depends_on")).replace("8090", "8091")}\n${first.slice(first.indexOf("networks:\n  front"))}`,
    );
    await docker(
      cluster.first,
      "stack",
      "deploy",
      "--resolve-image",
      "never",
      "-c",
      other,
      "theirs",
    );
    await cluster.converged("theirs_web", 1);
    assert.match(await stack("ls"), /theirs +1/);
    const run = cluster.first.skep("stack", "diff", ...files("other.yml"), "theirs");
    assert.deepEqual(await code(run), [0, "no changes\n"]);
    await stack("rm", "theirs");
    assert.match(await docker(cluster.first, "stack", "ls"), /^NAME +SERVICES\s+shop +3/);
  });

  it("updates what changed and prunes what went away", async () => {
    const [exitCode, text] = await diff("second.yml", "--prune");
    assert.equal(exitCode, 2, text);
    assert.match(text, /~ service shop_web\n/);
    assert.match(text, /ContainerSpec\.Env\[COLOUR\]: "red" -> "blue"/);
    assert.match(text, /ContainerSpec\.Image: "skep-web:1" -> "skep-web:2"/);
    assert.match(text, /- service shop_old/);
    assert.doesNotMatch(text, /service shop_setup/);
    await stack("deploy", "--detach=false", "--prune", ...files("second.yml"), "shop");
    assert.match(await stack("services", "shop"), /shop_web +replicated +2\/2 +skep-web:2/);
    assert.match(await stack("ls"), /shop +2/);
    assert.equal((await diff("second.yml", "--prune"))[0], 0);
  });

  it("says how to change a secret or config, whose data never change", async () => {
    for (const [file, noun] of [
      ["key.txt", "secret"],
      ["page.txt", "config"],
    ] as const) {
      const path = join(folder, file);
      const before = readFileSync(path);
      writeFileSync(path, "other");
      const run = cluster.first.skep("stack", "deploy", ...files("second.yml"), "shop");
      const text = failed("stack deploy", await run);
      assert.match(text, /only updates to Labels are allowed/);
      assert.match(text, new RegExp(`failed to update ${noun} shop_[\\s\\S]*new name`));
      const [exitCode, shown] = await diff("second.yml");
      assert.equal(exitCode, 2);
      assert.match(shown, new RegExp(`! ${noun} shop_\\w+ has other data`));
      writeFileSync(path, before);
    }
  });

  it("says what cannot be placed, and why", async () => {
    const big = `
services:
  big:
    image: skep-web:1
    deploy: {replicas: 2, resources: {reservations: {memory: 900000g}}}
  taken:
    image: skep-web:1
    ports: ["8090:80"]
`;
    writeFileSync(join(folder, "big.yml"), big);
    const run = cluster.first.skep("stack", "deploy", "--dry-run", ...files("big.yml"), "big");
    const [exitCode, text] = await code(run);
    assert.equal(exitCode, 2);
    assert.match(
      text,
      /! 2 tasks could not be placed: no suitable node \(insufficient memory on 2 nodes\)/,
    );
    assert.match(text, /service big_taken would be refused: port '8090' is already in use/);
    assert.doesNotMatch(await stack("ls"), /big/);
  });

  it("waits for health, and says what it waited for in vain", async () => {
    const waiting = `
services:
  db:
    image: skep-web:1
    healthcheck: {test: "false", interval: 1s, retries: 1000}
  web:
    image: skep-web:1
    depends_on: {db: {condition: service_healthy}}
`;
    writeFileSync(join(folder, "waiting.yml"), waiting);
    const flags = [...files("waiting.yml"), "--wait-timeout", "2s"];
    const run = await cluster.first.skep("stack", "deploy", ...flags, "waiting");
    assert.match(
      failed("stack deploy", run),
      /service waiting_web waited 2 s for waiting_db \(service_healthy\)/,
    );
    writeFileSync(join(folder, "waiting.yml"), waiting.replace('"false"', '"true"'));
    const text = await stack("deploy", ...files("waiting.yml"), "waiting");
    assert.match(text, /Updating service waiting_db[\s\S]*Creating service waiting_web/);
    await stack("rm", "waiting");
  });

  it("removes a stack with all it has", async () => {
    const text = await stack("rm", "--detach=false", "shop");
    assert.match(
      text,
      /Removing service shop_web[\s\S]*Removing secret shop_key[\s\S]*Removing network shop_front/,
    );
    assert.match(await stack("ls"), /^NAME +SERVICES\n?$/);
    for (const noun of ["secret", "config", "network"]) {
      assert.doesNotMatch(await skep(cluster.first, noun, "ls"), /shop_/);
    }
    await until("no containers", 20_000, async () => {
      return (await cluster.containersOf("shop_web")).length === 0;
    });
    const gone = failed("stack ps", await cluster.first.skep("stack", "ps", "shop"));
    assert.match(gone, /nothing found in stack: shop/);
  });

  it("tells every mistake of a file with its place", async () => {
    writeFileSync(join(folder, "bad.yml"), "services:\n  a:\n    imge: x\n    ports: [x]\n");
    const run = await cluster.first.skep("stack", "deploy", ...files("bad.yml"), "bad");
    assert.equal(run.exitCode, 1);
    assert.match(run.stderr, /bad\.yml:3:5: services\.a has no key imge; did you mean image\?/);
    assert.match(run.stderr, /bad\.yml:4:13: "x" must be/);
  });
});

describe(`skep stack config and docker stack config${dockerTitle}`, () => {
  const cases: { name: string; files: string[]; env?: Record<string, string> }[] = [
    { name: "web, database and cache", files: ["web/compose.yml"], env: { WEB_TAG: "2" } },
    { name: "voting", files: ["voting/compose.yml"] },
    { name: "monitoring", files: ["monitoring/compose.yml"] },
    { name: "short forms", files: ["short/compose.yml"] },
    { name: "two files", files: ["two/compose.yml", "two/override.yml"] },
  ];
  for (const { name, files, env } of cases) {
    it(`say the same of ${name}`, function () {
      if (!hasDocker) this.skip();
      const args = files.flatMap((file) => ["-c", join(composeFolder, file)]);
      const ours = run("skep", [...args], env);
      const theirs = run("docker", [...args], env);
      assert.deepEqual(comparable(ours), comparable(theirs));
    });
  }

  function run(
    program: "skep" | "docker",
    args: string[],
    env: Record<string, string> = {},
  ): string {
    const command =
      program === "docker"
        ? ["docker", "stack", "config", ...args]
        : [process.execPath, binaries.skep, "stack", "config", ...args];
    const [file = "", ...rest] = command;
    const result = spawnSync(file, rest, { encoding: "utf8", env: { ...process.env, ...env } });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout;
  }

  // Docker prints what it ignores too, and extensions.
  function comparable(text: string): object {
    const { services, ...rest } = parse(text) as { services: Record<string, object> };
    const ignored = ["env_file", "container_name", "build", "links", "expose"];
    const without = (fields: object, drop: (key: string) => boolean): object =>
      Object.fromEntries(Object.entries(fields).filter(([key]) => !drop(key)));
    return {
      ...without(rest, (key) => key.startsWith("x-")),
      services: Object.fromEntries(
        Object.entries(services).map(([name, fields]) => [
          name,
          without(fields, (key) => ignored.includes(key)),
        ]),
      ),
    };
  }
});
