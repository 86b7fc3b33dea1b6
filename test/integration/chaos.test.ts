import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import type { CommandResult } from "../../src/base/command.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { getJson, httpGet, serviceOf, skep, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

const seed = Number(process.env["SKEP_CHAOS_SEED"] ?? Date.now() % 1_000_000);
const durationMs = 20_000;
const ports = new Map([
  ["a", 8101],
  ["b", 8102],
  ["c", 8103],
]);

describe(`daemons killed at random while services change (seed ${seed})`, function () {
  this.timeout(120_000);
  const random = seededRandom(seed).float;
  const wanted = new Map<string, number>();
  let cluster: TestCluster;

  before(async () => {
    const images = [webImage("1"), webImage("2")];
    cluster = await TestCluster.create({ managers: 3, workers: 1, images });
    await skep(cluster.first, "network", "create", "-d", "overlay", "back");
    const flags = "--no-healthcheck --restart-delay 300ms --stop-grace-period 2s --network back";
    for (const [name, port] of ports) {
      const create = `service create -d --name ${name} --replicas 4 -p ${port}:80 ${flags} skep-web:1`;
      await skep(cluster.first, ...create.split(" "));
      wanted.set(name, 4);
    }
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  // One that is between being killed and restarted refuses: the next one is asked.
  function onSomeManager(call: (daemon: TestDaemon) => Promise<CommandResult>): Promise<boolean> {
    return until("a manager that does it", 20_000, async () => {
      for (const daemon of cluster.managers) {
        if ((await call(daemon).catch(() => undefined))?.exitCode === 0) return true;
      }
      return false;
    });
  }

  async function changeSomething(): Promise<void> {
    const name = must([...ports.keys()][Math.floor(random() * ports.size)], "a service");
    const turn = random();
    const version = random() < 0.5 ? 1 : 2;
    if (turn < 0.5) {
      const replicas = 1 + Math.floor(random() * 7);
      await onSomeManager((daemon) => daemon.skep("service", "scale", "-d", `${name}=${replicas}`));
      wanted.set(name, replicas);
      return;
    }
    const change = turn < 0.8 ? `--image skep-web:${version} --update-parallelism 0` : "--force";
    const update = `service update -d ${change} ${name}`.split(" ");
    await onSomeManager((daemon) => daemon.skep(...update));
  }

  it("goes on without losing a change", async () => {
    const end = performance.now() + durationMs;
    const kill = async (): Promise<void> => {
      while (performance.now() < end) {
        const daemon = must(cluster.members[Math.floor(random() * 4)], "a daemon");
        await pause(500 + random() * 1500);
        await daemon.stop("SIGKILL");
        await pause(random() < 0.5 ? 0 : random() * 3000);
        await daemon.start();
      }
    };
    const change = async (): Promise<void> => {
      while (performance.now() < end) {
        await changeSomething();
        await pause(random() * 1000);
      }
    };
    await Promise.all([kill(), change()]);
  });

  it("comes to what was asked for last, and nothing else runs", async () => {
    const addresses: string[] = [];
    for (const [name, replicas] of wanted) {
      const tasks = await cluster.converged(name, replicas, { timeoutMs: 60_000 });
      await until(`${replicas} containers of ${name}`, 30_000, async () => {
        return (await cluster.containersOf(name)).length === replicas;
      });
      for (const { NetworksAttachments = [] } of tasks) {
        addresses.push(...NetworksAttachments.flatMap(({ Addresses = [] }) => Addresses));
      }
    }
    assert.equal(new Set(addresses).size, addresses.length, "no address is given twice");
  });

  it("reaches every task by VIP and published port, from every node", async () => {
    const eyes = await cluster.containersOf("a");
    for (const [name, port] of ports) {
      const replicas = must(wanted.get(name), name);
      const { Endpoint } = await serviceOf(cluster.first, name);
      const back = await getJson<{ Id: string }>(cluster.first, "/networks/back");
      const vip = Endpoint.VirtualIPs?.find(({ NetworkID }) => NetworkID === back.Id)?.Addr;
      for (const { pid, daemon } of eyes) {
        const seen = await hostsSeen(
          () => httpGet(pid, `http://${vip?.split("/")[0]}/host`),
          replicas,
        );
        assert.equal(seen, replicas, `VIP of ${name} from ${daemon.host.name}`);
      }
      for (const { host } of cluster.members) {
        const seen = await hostsSeen(
          () => httpGet(host, `http://${host.ip}:${port}/host`),
          replicas,
        );
        assert.equal(seen, replicas, `port of ${name} on ${host.name}`);
      }
    }
  });

  it("leaves nothing when the services go", async () => {
    await skep(cluster.first, "service", "rm", ...ports.keys());
    await until("no container", 40_000, async () => {
      const lists = cluster.members.map((daemon) =>
        getJson<unknown[]>(daemon, "/containers/json?all=1"),
      );
      return (await Promise.all(lists)).every((list) => list.length === 0);
    });
  });
});

async function hostsSeen(ask: () => Promise<string>, tasks: number): Promise<number> {
  const seen = new Set<string>();
  for (let n = 0; n < tasks * 4; n += 1) seen.add((await ask()).trim());
  return seen.size;
}

// Faults are spread over real time here: this is the one place that waits for its own sake.
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
