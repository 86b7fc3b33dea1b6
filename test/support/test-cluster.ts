import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { type CommandResult, tryCommand } from "../../src/base/command.ts";
import type { ContainerSummaryJson } from "../../src/rest/wire/container.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import type { ServiceJson } from "../../src/rest/wire/service.ts";
import type { TaskJson } from "../../src/rest/wire/task.ts";
import { TestDaemon } from "./test-daemon.ts";
import { createHosts, type TestHost, type TestNetwork } from "./test-hosts.ts";
import { buildTestImage, type TestImageOptions } from "./test-image.ts";
import { until } from "./until.ts";

export interface TestClusterOptions {
  readonly managers: number;
  readonly workers?: number;
  /** Hosts with a daemon that is in no cluster yet. */
  readonly spares?: number;
  /** Loaded on every host. */
  readonly images?: readonly TestImageOptions[];
  /** Further arguments of every daemon. */
  readonly daemonArgs?: readonly string[];
}

/** A container of a task: where it runs and its first process. */
export interface TaskContainer {
  readonly daemon: TestDaemon;
  readonly id: string;
  readonly taskId: string;
  readonly pid: number;
}

/** Real daemons on test hosts, joined to one cluster by the CLI. Call `destroy` in the end, whatever happened. */
export class TestCluster {
  readonly network: TestNetwork;
  readonly managers: readonly TestDaemon[];
  readonly workers: readonly TestDaemon[];
  readonly spares: readonly TestDaemon[];

  private constructor(network: TestNetwork, options: TestClusterOptions) {
    const daemons = network.hosts.map(
      (host) => new TestDaemon(host, "skepd", options.daemonArgs ?? []),
    );
    const workersEnd = options.managers + (options.workers ?? 0);
    this.network = network;
    this.managers = daemons.slice(0, options.managers);
    this.workers = daemons.slice(options.managers, workersEnd);
    this.spares = daemons.slice(workersEnd);
  }

  /** Starts the daemons, makes the cluster and loads the images; takes everything away again when that fails. */
  static async create(options: TestClusterOptions): Promise<TestCluster> {
    const { managers, workers = 0, spares = 0, images = [] } = options;
    const network = await createHosts(managers + workers + spares);
    const cluster = new TestCluster(network, options);
    try {
      await Promise.all(cluster.daemons.map((daemon) => daemon.start()));
      await cluster.#loadImages(images);
      if (managers > 0) await cluster.#join();
    } catch (error) {
      await cluster.destroy();
      throw error;
    }
    return cluster;
  }

  /** Managers first, then workers, then spares. */
  get daemons(): readonly TestDaemon[] {
    return [...this.managers, ...this.workers, ...this.spares];
  }

  /** Managers and workers. */
  get members(): readonly TestDaemon[] {
    return [...this.managers, ...this.workers];
  }

  get first(): TestDaemon {
    return must(this.managers[0], "the first manager");
  }

  /** Ends everything; keeps the logs in $SKEP_TEST_LOGS where that is set. */
  async destroy(): Promise<void> {
    const keep = process.env["SKEP_TEST_LOGS"];
    if (keep !== undefined) {
      mkdirSync(keep, { recursive: true });
      for (const { host, logFile } of this.daemons) {
        try {
          copyFileSync(logFile, join(keep, `${host.name}.log`));
        } catch {
          // it never started
        }
      }
    }
    await this.network.destroy();
  }

  /** The daemon that leads, as the others (or `by`) see it. */
  async leader(by: TestDaemon = this.first): Promise<TestDaemon> {
    return await until("a leader", 10_000, async () => {
      const nodes = await nodesOf(by).catch(() => []);
      const leader = nodes.find((node) => node.ManagerStatus?.Leader === true);
      const ip = leader?.ManagerStatus?.Addr?.split(":")[0];
      return this.managers.find((daemon) => daemon.host.ip === ip);
    });
  }

  /** The containers of the service's live tasks on these daemons, by asking each of them. */
  async containersOf(
    service: string,
    daemons: readonly TestDaemon[] = this.members,
  ): Promise<TaskContainer[]> {
    const perDaemon = daemons.map(async (daemon) => {
      const all = await getJson<ContainerSummaryJson[]>(daemon, "/containers/json");
      const own = all.filter(({ Labels }) => Labels["com.docker.swarm.service.name"] === service);
      return await Promise.all(
        own.map(async ({ Id, Labels }) => {
          const path = `/containers/${Id}/json`;
          const { State } = await getJson<{ State: { Pid: number } }>(daemon, path);
          const taskId = Labels["com.docker.swarm.task.id"] ?? "";
          return { daemon, id: Id, taskId, pid: State.Pid };
        }),
      );
    });
    return (await Promise.all(perDaemon)).flat();
  }

  /** Waits until exactly `count` tasks are running and none else is wanted. */
  async converged(
    service: string,
    count: number,
    { timeoutMs = 30_000, by = this.first }: { timeoutMs?: number; by?: TestDaemon } = {},
  ): Promise<TaskJson[]> {
    let last = "";
    try {
      return await until(`${count} tasks of ${service}`, timeoutMs, async () => {
        const tasks = await tasksOf(by, service).catch(() => undefined);
        if (tasks === undefined) return undefined;
        last = describeTasks(tasks);
        const wanted = tasks.filter((task) => task.DesiredState === "running");
        const running = wanted.filter((task) => task.Status.State === "running");
        return running.length === count && wanted.length === count ? running : undefined;
      });
    } catch (error) {
      throw new Error(`${String(error)}; tasks: ${last}`);
    }
  }

  async #loadImages(images: readonly TestImageOptions[]): Promise<void> {
    for (const [index, image] of images.entries()) {
      const path = join(must(this.daemons[0], "a daemon").host.stateDir, `image${index}.tar`);
      writeFileSync(path, await buildTestImage(image));
      await Promise.all(this.daemons.map((daemon) => skep(daemon, "image", "load", "-i", path)));
    }
  }

  async #join(): Promise<void> {
    const { first } = this;
    await skep(first, "swarm", "init", "--advertise-addr", first.host.ip);
    for (const daemon of this.managers.slice(1)) await joinSwarm(daemon, "manager", first);
    await Promise.all(this.workers.map((daemon) => joinSwarm(daemon, "worker", first)));
    await until("every node ready", 20_000, async () => {
      const nodes = await nodesOf(first);
      const reachable = nodes.filter((node) => node.ManagerStatus?.Reachability === "reachable");
      const ready = nodes.filter((node) => node.Status.State === "ready");
      return ready.length === this.members.length && reachable.length === this.managers.length;
    });
  }
}

/** Runs our CLI on this daemon and gives its output; rejects with what it said when it fails. */
export async function skep(daemon: TestDaemon, ...args: string[]): Promise<string> {
  return succeeded(`skep ${args.join(" ")}`, await daemon.skep(...args));
}

/** As `skep`, with the stock docker CLI. */
export async function docker(daemon: TestDaemon, ...args: string[]): Promise<string> {
  return succeeded(`docker ${args.join(" ")}`, await daemon.docker(...args));
}

/** The output of a failed command; rejects when it worked. */
export function failed(what: string, { exitCode, stdout, stderr }: CommandResult): string {
  if (exitCode === 0) throw new Error(`${what} should fail but said: ${stdout}`);
  return stdout + stderr;
}

/** GET that must answer 200. */
export async function getJson<T>(daemon: TestDaemon, path: string, timeoutMs = 10_000): Promise<T> {
  const { status, body } = await daemon.api("GET", path, undefined, timeoutMs);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
  return body as T;
}

/** Joins with the token that `manager` shows. */
export async function joinSwarm(
  daemon: TestDaemon,
  role: "worker" | "manager",
  manager: TestDaemon,
): Promise<void> {
  const token = (await skep(manager, "swarm", "join-token", "-q", role)).trim();
  const advertise = ["--advertise-addr", daemon.host.ip];
  await skep(daemon, "swarm", "join", "--token", token, ...advertise, `${manager.host.ip}:2377`);
}

export async function nodesOf(daemon: TestDaemon): Promise<NodeJson[]> {
  return await getJson<NodeJson[]>(daemon, "/nodes");
}

/** The node id of this daemon. */
export async function nodeIdOf(daemon: TestDaemon): Promise<string> {
  const info = await getJson<{ Swarm: { NodeID: string } }>(daemon, "/info");
  return info.Swarm.NodeID;
}

export async function serviceOf(daemon: TestDaemon, name: string): Promise<ServiceJson> {
  return await getJson<ServiceJson>(daemon, `/services/${name}`);
}

/** All tasks of the service that the cluster still knows. */
export async function tasksOf(daemon: TestDaemon, service: string): Promise<TaskJson[]> {
  const filters = encodeURIComponent(JSON.stringify({ service: [service] }));
  return await getJson<TaskJson[]>(daemon, `/tasks?filters=${filters}`);
}

/** "1:running/running" per task, for messages. */
export function describeTasks(tasks: readonly TaskJson[]): string {
  const words = tasks.map(({ Slot, Status, DesiredState }) => {
    return `${Slot}:${Status.State}/${DesiredState}${Status.Err ? ` (${Status.Err})` : ""}`;
  });
  return words.join(", ");
}

/** The body of GET `url`, asked for from the host or, with `pid`, from that process's network. Rejects on any failure. */
export async function httpGet(from: TestHost | number, url: string): Promise<string> {
  const curl = ["curl", "-sS", "-f", "-m", "3", "--noproxy", "*", url];
  if (typeof from !== "number") return await from.exec(curl);
  const result = await tryCommand("nsenter", [`--net=/proc/${from}/ns/net`, ...curl]);
  return succeeded(`GET ${url}`, result);
}

/** The same texts in order, for comparing sets. */
export function sorted(texts: Iterable<string>): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : Number(a > b)));
}

/** Task id → pid. */
export function pidsOf(containers: readonly TaskContainer[]): Map<string, number> {
  return new Map(containers.map(({ taskId, pid }) => [taskId, pid]));
}

function succeeded(what: string, { exitCode, stdout, stderr }: CommandResult): string {
  if (exitCode !== 0) throw new Error(`${what}: exit ${exitCode}: ${stderr}${stdout}`);
  return stdout;
}
