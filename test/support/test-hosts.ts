import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { runCommand, tryCommand } from "../../src/base/command.ts";
import { unmount } from "../../src/base/linux.ts";

// A test host is a network namespace with one link into a switch (a bridge in a namespace of its own), a state folder and a
// cgroup. All names carry the maker's process id: what a killed run left is found and taken away by the next one.

const prefix = "skt";
const stateRoot = "/tmp";
const cgroupRoot = "/sys/fs/cgroup";
const subnet = "10.77.0";

/** One machine of the test network. */
export interface TestHost {
  /** "skt1234-h1": namespace, link and cgroup are named so. */
  readonly name: string;
  /** IPv4 address the other hosts reach it at. */
  readonly ip: string;
  /** Folder for everything of this host; short, because sockets lie in it. */
  readonly stateDir: string;
  /** Cgroup for what the host's daemon starts, "/skt1234-h1". */
  readonly cgroup: string;
  /** Starts a program in the host's network namespace. */
  spawn(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a program there to its end; rejects when it fails. */
  exec(args: readonly string[], input?: string): Promise<string>;
  /** Cuts the host off from all others, or from those named; both directions. */
  partition(others?: readonly TestHost[]): Promise<void>;
  heal(): Promise<void>;
  /** Cuts the host off and kills every process of it, as a power cut would; what the kernel holds stays until `destroy`. */
  die(): Promise<void>;
}

/** Hosts and the switch between them. */
export interface TestNetwork {
  readonly hosts: readonly TestHost[];
  /** Ends every process of the hosts and takes everything away. Never rejects half-way. */
  destroy(): Promise<void>;
}

/** Makes `count` hosts that reach each other. Call `destroy` in the end; a killed maker's leftovers go at the next call. */
export async function createHosts(count: number): Promise<TestNetwork> {
  await removeLeftovers();
  const base = `${prefix}${process.pid}`;
  const suffix = nextSuffix(base);
  const switchName = `${base}${suffix}-sw`;
  const hosts: TestHost[] = [];
  const network: TestNetwork = { hosts, destroy: () => destroyAll(`${base}${suffix}-`) };
  try {
    await makeSwitch(switchName);
    for (let number = 1; number <= count; number += 1) {
      hosts.push(await makeHost(`${base}${suffix}-h${number}`, switchName, number));
    }
  } catch (error) {
    await network.destroy();
    throw error;
  }
  return network;
}

/** Takes away what makers that no longer live have left. */
export async function removeLeftovers(): Promise<void> {
  const names = [...listFolder("/run/netns"), ...listFolder(stateRoot)];
  const dead = new Set<string>();
  for (const name of names) {
    const match = new RegExp(`^(${prefix}(\\d+)[a-z]*-)`).exec(name);
    if (match?.[1] !== undefined && !existsSync(`/proc/${match[2]}`)) dead.add(match[1]);
  }
  for (const start of dead) await destroyAll(start);
}

function nextSuffix(base: string): string {
  const taken = listFolder("/run/netns");
  for (let letter = 0; letter < 26; letter += 1) {
    const suffix = String.fromCharCode(97 + letter);
    if (!taken.some((name) => name.startsWith(`${base}${suffix}-`))) return suffix;
  }
  throw new Error("too many test networks at once in one process");
}

async function makeSwitch(name: string): Promise<void> {
  await runCommand("ip", ["netns", "add", name]);
  const inside = ["-n", name];
  await runCommand("ip", [...inside, "link", "add", "br0", "type", "bridge"]);
  await runCommand("ip", [...inside, "link", "set", "br0", "up"]);
  // Bridged frames are not this namespace's firewall's business.
  await runCommand("nsenter", [
    `--net=/run/netns/${name}`,
    "sh",
    "-c",
    "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e $f ] && echo 0 > $f; done; true",
  ]);
}

async function makeHost(name: string, switchName: string, number: number): Promise<TestHost> {
  const ip = `${subnet}.${number}`;
  await runCommand("ip", ["netns", "add", name]);
  await runCommand(
    "ip",
    `link add p${number} netns ${switchName} type veth peer name eth0 netns ${name}`.split(" "),
  );
  await runCommand("ip", ["-n", switchName, "link", "set", `p${number}`, "master", "br0", "up"]);
  await runCommand("ip", ["-n", name, "addr", "add", `${ip}/24`, "dev", "eth0"]);
  await runCommand("ip", ["-n", name, "link", "set", "eth0", "up"]);
  await runCommand("ip", ["-n", name, "link", "set", "lo", "up"]);
  const stateDir = join(stateRoot, name);
  mkdirSync(stateDir, { recursive: true });
  return testHost(name, ip, stateDir);
}

function testHost(name: string, ip: string, stateDir: string): TestHost {
  const enter = `--net=/run/netns/${name}`;
  const exec = async (args: readonly string[], input?: string): Promise<string> => {
    const options = input === undefined ? {} : { input };
    return (await runCommand("nsenter", [enter, ...args], options)).stdout;
  };
  return {
    name,
    ip,
    stateDir,
    cgroup: `/${name}`,
    spawn: (file, args, options = {}) => spawn("nsenter", [enter, file, ...args], options),
    exec,
    async partition(others) {
      const peers = others?.map((host) => host.ip) ?? [];
      const match = (side: string): string =>
        peers.length === 0 ? 'meta iifname "eth0"' : `ip ${side} { ${peers.join(", ")} }`;
      const outgoing = peers.length === 0 ? 'meta oifname "eth0"' : match("daddr");
      await exec(
        ["nft", "-f", "-"],
        `table inet cut\ndelete table inet cut\ntable inet cut {
          chain in { type filter hook prerouting priority -500; ${match("saddr")} drop; }
          chain out { type filter hook output priority -500; ${outgoing} drop; }
          chain post { type filter hook postrouting priority 500; ${outgoing} drop; }
        }`,
      );
    },
    async heal() {
      await exec(["nft", "-f", "-"], "table inet cut\ndelete table inet cut\n");
    },
    async die() {
      await this.partition();
      for (let round = 0; round < 5; round += 1) {
        if ((await killNamespace(name)) + killCgroup(name) === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

async function destroyAll(start: string): Promise<void> {
  const names = listFolder("/run/netns").filter((name) => name.startsWith(start));
  const folders = listFolder(stateRoot).filter((name) => name.startsWith(start));
  for (let round = 0; round < 3; round += 1) {
    let killed = 0;
    for (const name of names) killed += await killNamespace(name);
    for (const name of new Set([...names, ...folders])) killed += killCgroup(name);
    if (killed === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const name of folders) removeFolder(join(stateRoot, name));
  for (const name of new Set([...names, ...folders])) removeCgroup(name);
  for (const name of names) await tryCommand("ip", ["netns", "del", name]);
}

// By all threads of a process: a daemon's main thread may be in a container's namespace just now.
async function killNamespace(name: string): Promise<number> {
  const inode = inodeOf(join("/run/netns", name));
  if (inode === undefined) return 0;
  const isIn = (pid: string): boolean =>
    listFolder(`/proc/${pid}/task`).some(
      (thread) => inodeOf(`/proc/${pid}/task/${thread}/ns/net`) === inode,
    );
  return killAll(listFolder("/proc").filter((entry) => /^\d+$/.test(entry) && isIn(entry)));
}

function killAll(pids: readonly string[]): number {
  let killed = 0;
  for (const pid of pids) {
    if (pid === "" || Number(pid) === process.pid) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
      killed += 1;
    } catch {
      // it has ended by itself
    }
  }
  return killed;
}

function cgroupFolders(name: string): string[] {
  return [cgroupRoot, ...listFolder(cgroupRoot).map((entry) => join(cgroupRoot, entry))]
    .map((folder) => join(folder, name))
    .filter((folder) => existsSync(folder))
    .flatMap(subfolders);
}

// A container's cgroup may go away meanwhile.
function subfolders(folder: string): string[] {
  const children = listFolder(folder);
  const folders = children
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  return [...folders.flatMap(subfolders), folder];
}

function killCgroup(name: string): number {
  let killed = 0;
  for (const folder of cgroupFolders(name)) {
    killed += killAll(readText(join(folder, "cgroup.procs")).split("\n"));
  }
  return killed;
}

function removeCgroup(name: string): void {
  for (const folder of cgroupFolders(name)) {
    try {
      rmdirSync(folder);
    } catch {
      // a dying process is still in it; the next run's leftovers are looked for again
    }
  }
}

function removeFolder(folder: string): void {
  const mounts = readText("/proc/self/mountinfo")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .sort()
    .reverse();
  for (const path of mounts) unmount(path);
  rmSync(folder, { recursive: true, force: true });
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined; // it has gone
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
