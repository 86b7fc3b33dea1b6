import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { skep, TestCluster } from "../support/test-cluster.ts";
import type { TestDaemon } from "../support/test-daemon.ts";
import { webImage } from "../support/web-image.ts";

describe("leaving the swarm", function () {
  this.timeout(60_000);
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, workers: 1, images: [webImage("1")] });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("leaves nothing of containers and networks on any node", async () => {
    const { first } = cluster;
    await skep(first, "network", "create", "-d", "overlay", "back");
    const web = "service create -d --name web --replicas 4 --network back -p 8080:80 skep-web:1";
    await skep(first, ...web.split(" "));
    const host =
      "service create -d --name host --mode global --publish published=8090,target=80,mode=host";
    await skep(first, ...host.split(" "), "skep-web:1");
    await cluster.converged("web", 4);
    await cluster.converged("host", 2);
    const containers = [
      ...(await cluster.containersOf("web")),
      ...(await cluster.containersOf("host")),
    ];
    const namespaces = containers.map(({ pid }) => readlinkSync(`/proc/${pid}/ns/net`));
    for (const daemon of cluster.members) {
      const marks = await traces(daemon);
      assert.ok(marks.length > 8, `the search finds what runs: ${marks.join(", ")}`);
    }
    for (const daemon of [...cluster.members].reverse()) {
      await skep(daemon, "swarm", "leave", "--force");
      assert.deepEqual(await traces(daemon), [], daemon.host.name);
      const { body } = await daemon.api("GET", "/containers/json?all=1");
      assert.deepEqual(body, []);
    }
    const alive = allNetworkNamespaces();
    assert.deepEqual(
      namespaces.filter((namespace) => alive.has(namespace)),
      [],
    );
    for (const { pid } of containers) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });

  it("leaves nothing of a swarm that is left while it begins", async () => {
    const { first } = cluster;
    for (let round = 0; round < 8; round += 1) {
      await skep(first, "swarm", "init", "--advertise-addr", first.host.ip);
      // The networks of the first assignments are being made at one of these times.
      await new Promise((resolve) => setTimeout(resolve, 40 * round));
      await skep(first, "swarm", "leave", "--force");
      assert.deepEqual(await traces(first), [], `round ${round}`);
    }
  });

  it("lets the daemons end, and make a new swarm", async () => {
    const { first } = cluster;
    await skep(first, "swarm", "init", "--advertise-addr", first.host.ip);
    assert.equal((await skep(first, "service", "ls", "-q")).trim(), "");
    await skep(first, "swarm", "leave", "--force");
    for (const daemon of cluster.members) {
      await daemon.stop();
      const pids = (await daemon.host.exec(["ip", "netns", "pids", daemon.host.name])).trim();
      // The asking program and its parent are in the namespace themselves.
      const left = pids.split("\n").filter((pid) => commandOf(pid).includes("skepd"));
      assert.deepEqual(left, []);
      assert.deepEqual(await traces(daemon), []);
    }
  });
});

/** What of this daemon's containers and networks can be seen from outside. */
async function traces({ host, pid }: TestDaemon): Promise<string[]> {
  const own = (path: string): boolean => path.startsWith(`${host.stateDir}/`);
  const mounts = readText("/proc/self/mountinfo")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const conmons = processes.filter((pid) => {
    const command = commandOf(pid);
    return command.includes("conmon") && command.includes(`${host.stateDir}/`);
  });
  const links = await host.exec(["ip", "-o", "link", "show"]);
  const tables = await host.exec(["nft", "list", "tables"]);
  return [
    // One tmpfs for secrets lasts as long as the daemon.
    ...mounts
      .filter((path) => own(path) && !(path.endsWith("/x/r/secrets") && pid !== undefined))
      .map((path) => `mount ${path}`),
    ...conmons.map((pid) => `conmon ${pid}`),
    ...cgroupMembers(host.cgroup).map((pid) => `process ${pid}`),
    ...cgroupChildren(host.cgroup).map((path) => `cgroup ${path}`),
    ...[...links.matchAll(/^\d+: (sk[^:@]+)/gm)].map(([, name]) => `link ${name}`),
    ...[...tables.matchAll(/table \w+ (skep\S*)/g)].map(([, name]) => `table ${name}`),
    ...listFolder(join(host.stateDir, "x/netns")).map((name) => `namespace ${name}`),
    ...listFolder(join(host.stateDir, "d/containers/containers")).map((name) => `folder ${name}`),
  ];
}

function cgroupRoots(cgroup: string): string[] {
  const controllers = listFolder("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name));
  return ["/sys/fs/cgroup", ...controllers].map((folder) => join(folder, cgroup)).filter(isFolder);
}

function cgroupMembers(cgroup: string): string[] {
  const folders = cgroupRoots(cgroup).flatMap((root) => [root, ...children(root)]);
  const pids = folders.flatMap((folder) => readText(join(folder, "cgroup.procs")).split("\n"));
  return [...new Set(pids)].filter((pid) => pid !== "" && !commandOf(pid).includes("skepd"));
}

function cgroupChildren(cgroup: string): string[] {
  return cgroupRoots(cgroup).flatMap(children);
}

function children(folder: string): string[] {
  const own = listFolder(folder)
    .map((name) => join(folder, name))
    .filter(isFolder);
  return own.flatMap((path) => [path, ...children(path)]);
}

function allNetworkNamespaces(): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      found.add(readlinkSync(`/proc/${pid}/ns/net`));
    } catch {
      // it has just ended
    }
  }
  return found;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function commandOf(pid: string): string {
  return readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
