import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { docker, failed, nodeIdOf, TestCluster } from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";

describe(`the stock docker CLI drives a real cluster${title}`, function () {
  this.timeout(60_000);
  let cluster: TestCluster;

  before(async function () {
    if (!hasDocker) this.skip();
    const images = [webImage("1"), webImage("2")];
    cluster = await TestCluster.create({ managers: 1, workers: 1, images });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  const run = (command: string): Promise<string> => docker(cluster.first, ...command.split(" "));

  it("shows the daemon, its images and nodes", async () => {
    const id = await nodeIdOf(cluster.first);
    assert.match(await run("version"), /API version: +1\.\d+/);
    assert.match(await run("info"), /Swarm: active[\s\S]*Nodes: 2/);
    assert.match(await run("node ls"), /Ready +Active +Leader/);
    assert.match(await run(`node inspect ${id} --pretty`), /Raft Status:\s+Reachable/);
    assert.match(await run("node ps self"), /ID/);
    assert.match(await run("swarm join-token worker"), /SWMTKN-1-/);
    assert.match(await run("swarm join-token -q manager"), /^SWMTKN-1-/);
    assert.match(await run("image ls"), /skep-web +2/);
    const tar = join(cluster.first.host.stateDir, "image0.tar");
    assert.match(await run(`image load -i ${tar}`), /Loaded image: skep-web:1/);
    await run("image tag skep-web:1 skep-web:extra");
    assert.match(await run("image rm skep-web:extra"), /Untagged: skep-web:extra/);
  });

  it("creates a service and waits until it has converged", async () => {
    assert.match(await run("network create -d overlay --attachable net1"), /^\w{25}/);
    assert.match(await run("network ls"), /net1 +overlay +swarm/);
    assert.match(await run("network inspect net1"), /"Attachable": true/);
    const flags = "--name web --replicas 3 --network net1 -p 8081:80 --update-monitor 1s";
    const output = await run(`service create --no-resolve-image ${flags} skep-web:1`);
    assert.match(output, /converged/);
    assert.match(await run("service ls"), /web +replicated +3\/3 +skep-web:1 +\*:8081->80\/tcp/);
    assert.match(await run("service ps web"), /web\.3 +skep-web:1 .*Running/);
    assert.match(await run("service inspect --pretty web"), /Replicas:\s+3/);
    assert.match(await run("ps"), /skep-web:1.*healthy/);
    const logs = await until("logs of three tasks", 5000, async () => {
      const text = await run("service logs web");
      return text.match(/serving 1/g)?.length === 3 && text;
    });
    assert.match(logs, /web\.1\.\w+@\S+ +\| serving 1/);
  });

  it("runs commands in a container and shows its log", async () => {
    const { id } = must((await cluster.containersOf("web", [cluster.first]))[0], "a container");
    assert.equal(await run(`exec ${id} cat /www/index.html`), "1\n");
    assert.match(await run(`logs ${id}`), /serving 1/);
    assert.match(await run(`inspect ${id}`), /"Running": true/);
    assert.match(await run(`top ${id}`), /httpd/);
  });

  it("updates, rolls back, scales and removes", async () => {
    const flags = "--no-resolve-image --update-parallelism 3";
    assert.match(await run(`service update ${flags} --image skep-web:2 web`), /converged/);
    assert.match(await run("service ls"), /3\/3 +skep-web:2/);
    assert.match(await run("service rollback web"), /converged/);
    assert.match(await run("service ls"), /3\/3 +skep-web:1/);
    assert.match(await run("service scale web=1"), /converged/);
    const busy = failed("network rm", await cluster.first.docker("network", "rm", "net1"));
    assert.match(busy, /in use/);
    assert.match(await run("service rm web"), /^web/);
    await until("the network can go", 20_000, async () => {
      return (await cluster.first.docker("network", "rm", "net1")).exitCode === 0;
    });
  });
});
