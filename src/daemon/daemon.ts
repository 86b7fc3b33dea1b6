import { chownSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { systemClock } from "../base/clock.ts";
import { ClusterError, errorMessage } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { splitHostPort } from "../base/ip.ts";
import type { Logger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import { RestApp } from "../rest/app.ts";
import { type ListenAddress, RestServer } from "../rest/server.ts";
import type { HandMadeContainers } from "../worker/containers/hand-made-containers.ts";
import { makeBackend } from "./backend.ts";
import type { DaemonConfig } from "./config.ts";
import { openHandMade } from "./hand-made-parts.ts";
import { type HostParts, openHostParts } from "./host-parts.ts";
import { KeyVault } from "./key-vault.ts";
import { LocalEvents } from "./local-events.ts";
import { DaemonMetrics } from "./metrics.ts";
import { serveMetrics } from "./metrics-server.ts";
import { versionData } from "./node-info.ts";
import { StateDir } from "./state-dir.ts";
import { Swarm } from "./swarm.ts";
import { swarmAddresses } from "./swarm-networks.ts";

/** The composition root of `skepd`: every part is made here and handed what it needs. */
export class Daemon {
  readonly #config: DaemonConfig;
  readonly #host: HostParts;
  readonly #swarm: Swarm;
  readonly #rest: RestServer;
  readonly #handMade: HandMadeContainers;
  readonly #log: Logger;
  #closeMetrics: () => Promise<void> = async () => {};

  private constructor(
    config: DaemonConfig,
    host: HostParts,
    swarm: Swarm,
    rest: RestServer,
    handMade: HandMadeContainers,
    log: Logger,
  ) {
    this.#config = config;
    this.#host = host;
    this.#swarm = swarm;
    this.#rest = rest;
    this.#handMade = handMade;
    this.#log = log;
  }

  /** Adopts what runs, goes on as the cluster member it was, then serves the API. */
  static async start(config: DaemonConfig, log: Logger): Promise<Daemon> {
    const [clock, random] = [systemClock, systemRandom];
    const stateDir = new StateDir(config.dataRoot);
    await stateDir.prepare();
    if (config.pidFile !== "") await claimPidFile(config.pidFile);
    const engineId = await stateDir.engineId(() => newId(random));
    let swarm: Swarm | undefined;
    // Of what runs already some is on the swarm's networks, before this node is its member again.
    let isMember = (await stateDir.readMember().catch(() => undefined)) !== undefined;
    let events: LocalEvents | undefined;
    const host = await openHostParts(
      {
        config,
        state: stateDir,
        instance: engineId.slice(-6),
        dataPathAddress: () => swarm?.dataPathAddress() ?? "",
        onVolume: (action, name, attributes) => events?.emit("volume", action, name, attributes),
        swarmNetworks: () => swarmAddresses(swarm?.member()),
        isMember: () => isMember || swarm?.member() !== undefined,
        worker: () => swarm?.member()?.worker(),
        onNetwork: (action, id, attributes) => events?.emit("network", action, id, attributes),
      },
      { clock, random, log },
    );
    const onRaftFailed = (error: unknown): void => {
      log.error(
        { err: error },
        "the raft log cannot be written; ending, to start anew from what the disk holds",
      );
      process.exit(1);
    };
    const metrics = new DaemonMetrics({
      version: versionData().version,
      swarmState: () => swarm?.state() ?? { nodeId: "", manager: false },
      view: () => swarm?.member()?.manager()?.store.view(),
      isLeader: () => swarm?.member()?.manager()?.isLeader() ?? false,
      raft: () => swarm?.member()?.raftStatus(),
      runtime: host.runtime,
    });
    events = new LocalEvents(clock, () => metrics.countEvent());
    const { certificates, raftLog } = stateDir;
    const vault = new KeyVault({ certificates, raftLog }, random);
    swarm = new Swarm({
      config,
      stateDir,
      vault,
      host,
      events,
      onRaftFailed,
      meter: metrics,
      clock,
      random,
      log,
    });
    const handMade = await openHandMade({
      host,
      state: stateDir,
      events,
      clock,
      random,
      log,
    });
    const backend = makeBackend({
      handMade,
      config,
      engineId,
      hostname: hostname(),
      host,
      swarm,
      events,
      clock,
      random,
      log,
    });
    const rest = new RestServer({
      app: new RestApp({ backend, clock, random, log: log.child({ module: "rest" }) }),
      clock,
      log: log.child({ module: "rest" }),
    });
    const daemon = new Daemon(config, host, swarm, rest, handMade, log);
    await swarm.resume();
    isMember = false;
    for (const text of config.hosts) await daemon.#listen(text);
    if (config.metricsAddress !== "") {
      daemon.#closeMetrics = await serveMetrics(config.metricsAddress, metrics);
    }
    log.info({ hosts: config.hosts, pid: process.pid }, "serving the API");
    return daemon;
  }

  /** Stops serving; containers and their networks go on. */
  async stop(): Promise<void> {
    await this.#closeMetrics();
    await this.#rest.stop();
    await this.#swarm.stop();
    this.#handMade.close();
    await this.#host.close();
    if (this.#config.pidFile !== "") rmSync(this.#config.pidFile, { force: true });
    this.#log.info({}, "stopped");
  }

  async #listen(host: string): Promise<void> {
    const address = listenAddress(host);
    await this.#rest.listen(address).catch((error: unknown) => {
      const text = `option --host: cannot listen at ${host}: ${errorMessage(error)}`;
      throw new ClusterError("FAILED_PRECONDITION", text, { cause: error });
    });
    if (address.kind === "unix" && this.#config.socketGroup !== "") {
      chownSync(address.path, 0, groupId(this.#config.socketGroup));
    }
  }
}

function listenAddress(text: string): ListenAddress {
  if (text.startsWith("unix://")) return { kind: "unix", path: text.slice("unix://".length) };
  const { host, port } = splitHostPort(text.replace(/^tcp:\/\//, ""), 2375);
  return { kind: "tcp", host, port };
}

async function claimPidFile(path: string): Promise<void> {
  const other = Number(readText(path));
  if (other > 0 && other !== process.pid && readText(`/proc/${other}/cmdline`).includes("skepd")) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `process ${other} of ${path} is still running; stop it or name another --pidfile`,
    );
  }
  await writeFileAtomic(path, `${process.pid}\n`).catch((error: unknown) => {
    const text = `option --pidfile: cannot write ${path}: ${errorMessage(error)}`;
    throw new ClusterError("FAILED_PRECONDITION", text, { cause: error });
  });
}

function groupId(name: string): number {
  const line = readText("/etc/group")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(":")[2] ?? name);
  if (!Number.isInteger(id)) {
    throw new ClusterError("INVALID_ARGUMENT", `option --group: there is no group ${name}`);
  }
  return id;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
