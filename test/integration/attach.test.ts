import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import type { NetworkJson } from "../../src/rest/wire/network.ts";
import { TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const hasDocker = spawnSync("docker", ["--version"]).status === 0;
const title = hasDocker ? "" : " (skipped: no docker binary on this machine)";
const image = "skep-web:1";
const project = `
version: "3.7"
services:
  db:
    image: skep-web:1
    environment: { VERSION: database }
    networks:
      front: { aliases: [sql] }
  web:
    image: skep-web:1
    networks: [front]
networks:
  front: { driver: overlay, attachable: true }
`;

describe(`containers by hand on networks of the swarm, by the stock docker CLI${title}`, function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let manager: TestDaemon;
  let worker: TestDaemon;

  before(async function () {
    if (!hasDocker) this.skip();
    cluster = await TestCluster.create({ managers: 1, workers: 1, images: [webImage("1")] });
    manager = cluster.first;
    worker = must(cluster.workers[0], "a worker");
    await run(manager, "network create -d overlay --attachable net");
    await run(manager, "network create -d overlay closed");
    const flags = "--detach --no-resolve-image --name web --replicas 2 --network net";
    await run(manager, `service create ${flags} ${image}`);
    await cluster.converged("web", 2);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  /** Its output; fails when the command does. */
  async function run(daemon: TestDaemon, line: string): Promise<string> {
    const result = await daemon.docker(...line.split(" "));
    assert.equal(result.exitCode, 0, `docker ${line}: ${result.stderr}${result.stdout}`);
    return result.stdout.trim();
  }

  async function refused(daemon: TestDaemon, line: string, text: RegExp): Promise<void> {
    const result = await daemon.docker(...line.split(" "));
    assert.notEqual(result.exitCode, 0, line);
    assert.match(result.stderr, text);
  }

  /** The address that the container's resolver gives for the name; "" for none. */
  async function lookUp(daemon: TestDaemon, container: string, name: string): Promise<string> {
    const { stdout } = await daemon.docker("exec", container, "nslookup", name, "127.0.0.11");
    const answer = stdout.split("\n\n").slice(1).join("\n");
    return /Address(?: \d+)?: (\S+)/.exec(answer)?.[1] ?? "";
  }

  // In two steps, and by hand: busybox finds no names without the libraries of a whole system, and its wget always looks for them.
  async function fetch(daemon: TestDaemon, container: string, name: string): Promise<string> {
    let answer = "";
    // Who has just been started may not listen yet.
    await until(`${container} has an answer of ${name}`, 10_000, async () => {
      const address = await lookUp(daemon, container, name);
      if (address === "") return false;
      const script = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${address} 80`;
      const { stdout } = await daemon.docker("exec", container, "sh", "-c", script);
      answer = stdout.trim().split("\n").at(-1) ?? "";
      return answer !== "";
    });
    return answer;
  }

  const addressOf = (daemon: TestDaemon, container: string) =>
    run(daemon, `inspect -f {{.NetworkSettings.Networks.net.IPAddress}} ${container}`);
  const taskContainerOn = async (daemon: TestDaemon) =>
    must((await cluster.containersOf("web", [daemon]))[0], "a task's container").id;
  async function containersOn(daemon: TestDaemon): Promise<string[]> {
    const { body } = await daemon.api("GET", "/networks/net");
    return Object.values((body as NetworkJson).Containers ?? {}).map(({ Name }) => Name);
  }

  it("services and containers of a worker and a manager find each other by name", async () => {
    await run(worker, `run -d --name box --network net --network-alias boxy ${image}`);
    await run(manager, `run -d --name mbox --network net ${image}`);
    for (const [daemon, name] of [
      [worker, "box"],
      [manager, "mbox"],
    ] as const) {
      assert.equal(await fetch(daemon, name, "web"), "1");
      for (const other of ["box", "boxy", "mbox"]) {
        assert.equal(await fetch(daemon, name, other), "1");
      }
      const task = await taskContainerOn(daemon);
      for (const other of ["box", "boxy", "mbox"]) {
        assert.equal(await fetch(daemon, task, other), "1", `${other} from a task`);
      }
      assert.ok((await containersOn(daemon)).includes(name));
    }
    const listed = await run(manager, "node ps --format {{.Name}} self");
    assert.doesNotMatch(listed, /box/);
    assert.equal((await run(manager, "service ps -q web")).split("\n").length, 2);
  });

  it("refuses what is not attachable, and what is not there", async () => {
    const text =
      /Could not attach to network closed: rpc error: code = PermissionDenied desc = network closed not manually attachable/;
    await refused(worker, `run -d --name no1 --network closed ${image}`, text);
    await refused(manager, `run -d --name no2 --network closed ${image}`, text);
    await refused(
      worker,
      `run -d --name no3 --network nosuch ${image}`,
      /network nosuch not found/,
    );
    await refused(worker, "network connect closed box", /not manually attachable/);
    const { status } = await worker.api("POST", "/containers/no1/start");
    assert.equal(status, 403);
    await refused(manager, "network rm net", /is in use by/);
    await run(worker, "rm no1 no3");
    await run(manager, "rm no2");
  });

  it("publishes ports and finds the way out", async () => {
    await run(worker, `run -d --name open --network net -p 18080:80 ${image}`);
    const { ip } = worker.host;
    const get = ["busybox", "wget", "-q", "-O", "-", `http://${ip}:18080`];
    // Its program may not listen yet.
    await until("the published port answers", 10_000, async () => {
      const answer = await manager.host.exec(get).catch(() => "");
      return answer === "1\n";
    });
    assert.match(await run(worker, "exec open ip route"), /default via/);
    assert.equal(await fetch(worker, "box", "open"), "1");
    await run(worker, "rm -f open");
  });

  it("gives the address wished for, and takes it back with the container", async () => {
    const { body } = await manager.api("GET", "/networks/net");
    const subnet = must((body as NetworkJson).IPAM.Config?.[0]?.Subnet, "subnet");
    const ip = subnet.replace(/\.0\/.*/, ".77");
    const create = `run -d --name fixed --network net --ip ${ip} ${image}`;
    for (const daemon of [worker, manager]) {
      await run(daemon, create);
      assert.equal(await addressOf(daemon, "fixed"), ip);
      assert.equal(await fetch(manager, "mbox", "fixed"), "1");
      await refused(
        manager,
        `run -d --name second --network net --ip ${ip} ${image}`,
        /already in use/,
      );
      await run(manager, "rm second");
      await run(daemon, "restart -t 1 fixed");
      assert.equal(await fetch(manager, "mbox", "fixed"), "1");
      await run(daemon, "rm -f fixed");
    }
  });

  it("joins and leaves while it runs", async () => {
    await run(worker, `run -d --name guest ${image}`);
    await run(worker, "network connect --alias visitor net guest");
    assert.equal(await fetch(manager, "mbox", "visitor"), "1");
    assert.equal(await fetch(worker, "guest", "web"), "1");
    await run(worker, "network disconnect bridge guest");
    assert.match(await run(worker, "exec guest ip route"), /default via/);
    assert.equal(await fetch(worker, "guest", "mbox"), "1");
    await run(worker, "network disconnect net guest");
    await until("the name is gone", 5_000, async () => {
      return (await lookUp(manager, "mbox", "visitor")) === "";
    });
    assert.doesNotMatch(await run(worker, "exec guest ip route"), /default via/);
    await run(worker, "rm -f guest");
  });

  it("is put there by docker-compose", async () => {
    const { stateDir } = manager.host;
    const file = join(stateDir, "shop.yml");
    await writeFile(file, project);
    const env = {
      ...{ PATH: process.env["PATH"] ?? "", HOME: stateDir, LANG: "C.UTF-8" },
      ...{ PYTHONDONTWRITEBYTECODE: "1", DOCKER_HOST: `unix://${manager.socket}` },
    };
    const compose = async (...args: string[]) => {
      const all = ["--ansi", "never", "-p", "shop", "-f", file, ...args];
      const result = await tryCommand("docker-compose", all, { timeoutMs: 50_000, env });
      assert.equal(result.exitCode, 0, `docker-compose ${args.join(" ")}: ${result.stderr}`);
    };
    await compose("up", "-d");
    await run(worker, `run -d --name buyer --network shop_front ${image}`);
    for (const name of ["db", "sql", "shop_db_1"]) {
      assert.equal(await fetch(worker, "buyer", name), "database");
    }
    assert.equal(await fetch(manager, "shop_web_1", "buyer"), "1");
    await run(worker, "rm -f buyer");
    await compose("down");
    const names = await run(manager, "network ls --format {{.Name}}");
    assert.doesNotMatch(names, /shop/);
  });

  it("outlives its daemon; what ended meanwhile is given back", async () => {
    const before = await addressOf(worker, "box");
    const { body } = await manager.api("GET", "/networks/net");
    const subnet = must((body as NetworkJson).IPAM.Config?.[0]?.Subnet, "subnet");
    const ip = subnet.replace(/\.0\/.*/, ".88");
    await run(worker, `run -d --name gone --network net --ip ${ip} ${image}`);
    const pid = await run(worker, "inspect -f {{.State.Pid}} gone");
    await worker.stop("SIGKILL");
    process.kill(Number(pid), "SIGKILL");
    assert.equal(await fetch(manager, "mbox", "box"), "1");
    await worker.start();
    await until("names are served again", 10_000, () => lookUp(worker, "box", "web"));
    assert.equal(await fetch(worker, "box", "web"), "1");
    assert.equal(await addressOf(worker, "box"), before);
    assert.ok((await containersOn(worker)).includes("box"));
    await run(manager, `run -d --name again --network net --ip ${ip} ${image}`);
    await run(manager, "rm -f again");
  });

  it("outlives the leader's daemon", async () => {
    const before = await Promise.all([addressOf(worker, "box"), addressOf(manager, "mbox")]);
    await manager.stop("SIGKILL");
    await manager.start();
    await until("a leader", 15_000, async () => {
      return (await manager.docker("node", "ls")).exitCode === 0;
    });
    await until("names are served again", 10_000, () => lookUp(manager, "mbox", "box"));
    assert.equal(await fetch(manager, "mbox", "box"), "1");
    assert.equal(await fetch(worker, "box", "mbox"), "1");
    const after = await Promise.all([addressOf(worker, "box"), addressOf(manager, "mbox")]);
    assert.deepEqual(after, before);
    await run(worker, "restart -t 1 box");
    assert.equal(await fetch(manager, "mbox", "box"), "1");
  });

  it("is taken off the network when its node leaves the swarm, and runs on", async () => {
    await run(worker, "swarm leave");
    const running = await run(worker, "inspect -f {{.State.Running}} box");
    assert.equal(running, "true");
    const links = await run(worker, "exec box ip -o link");
    assert.doesNotMatch(links, /eth/);
    await run(worker, "stop -t 1 box");
    await refused(worker, "start box", /network net not found/);
    const nodes = await run(manager, "node ls -q --filter role=worker");
    await run(manager, `node rm -f ${nodes}`);
  });

  it("keeps the network from being removed as long as a container is on it", async () => {
    await run(manager, "service rm web");
    await refused(manager, "network rm net", /network \w+ is in use by task \w+/);
    await run(manager, "rm -f mbox");
    await until("the network is not in use", 5_000, async () => {
      return (await manager.docker("network", "rm", "net")).exitCode === 0;
    });
  });
});
