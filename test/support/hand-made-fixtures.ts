import { silentLogger } from "../../src/base/log.ts";
import type { ContainerInfo, ContainerSpec, ExitStatus } from "../../src/runtime/container-spec.ts";
import type { ContainerConfig } from "../../src/worker/containers/container-config.ts";
import { HandMadeContainer } from "../../src/worker/containers/hand-made-container.ts";
import {
  type HandMadeRecord,
  neverRun,
  type RunState,
} from "../../src/worker/containers/hand-made-record.ts";
import { planLaunch } from "../../src/worker/containers/plan-launch.ts";
import type { HandMadeRuntime } from "../../src/worker/containers/prepare-run.ts";
import type { FakeClock } from "./fake-clock.ts";

/** A container that asks for nothing but a program. */
export function aConfig(part: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    image: "busybox",
    entrypoint: undefined,
    cmd: ["sleep", "9"],
    env: [],
    labels: {},
    workingDir: "",
    user: "",
    hostname: "",
    domainname: "",
    tty: false,
    openStdin: false,
    stdinOnce: false,
    attachStdin: false,
    attachStdout: false,
    attachStderr: false,
    readOnly: false,
    init: undefined,
    autoRemove: false,
    stopSignal: "",
    stopTimeoutMs: undefined,
    healthcheck: undefined,
    restart: { name: "no", retriesMax: 0 },
    mounts: [],
    binds: [],
    tmpfs: {},
    volumes: [],
    exposedPorts: [],
    portBindings: [],
    publishAllPorts: false,
    networkMode: "none",
    endpoints: [],
    macAddress: "",
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    limits: {
      memoryBytes: 0,
      memoryReservationBytes: 0,
      memorySwapBytes: 0,
      nanoCpus: 0,
      cpuShares: 0,
      cpuPeriodUs: 0,
      cpuQuotaUs: 0,
      cpusetCpus: "",
      cpusetMems: "",
      pids: 0,
    },
    oomScoreAdj: 0,
    capabilityAdd: [],
    capabilityDrop: [],
    groupAdd: [],
    ulimits: [],
    sysctls: {},
    shmBytes: 0,
    noNewPrivileges: false,
    logDriver: "json-file",
    logOptions: {},
    ...part,
  };
}

/** Its record. */
export function aRecord(
  config: Partial<ContainerConfig> = {},
  run: Partial<RunState> = {},
): HandMadeRecord {
  return {
    formatVersion: 1,
    id: "c1",
    name: "calm_otter",
    createdAtMs: 1,
    imageId: "sha256:1",
    config: aConfig(config),
    endpoints: [],
    run: { ...neverRun, ...run },
  };
}

/** One container in memory: it runs until the test ends it. */
export class FakeHandMadeRuntime implements HandMadeRuntime {
  readonly calls: string[] = [];
  /** What the next launch fails with. */
  launchError: Error | undefined;
  isFrozen = false;
  readonly #clock: FakeClock;
  readonly #spec: ContainerSpec;
  #info: ContainerInfo | undefined;
  #end: (exit: ExitStatus) => void = () => {};
  #ended: Promise<ExitStatus> = Promise.resolve({ exitCode: 0, oomKilled: false, finishedAtMs: 0 });

  constructor(record: HandMadeRecord, clock: FakeClock) {
    this.#clock = clock;
    const network = {
      namespacePath: undefined,
      isHost: false,
      hosts: "",
      resolvConf: "",
      hostname: "h",
    };
    this.#spec = planLaunch({ record, layerPaths: [], mounts: [], network });
    this.#info = this.#describe("exited", { exitCode: 0, oomKilled: false, finishedAtMs: 0 });
  }

  readonly reusable = {
    launch: async (): Promise<{ pid: number; startedAtMs: number }> => {
      this.calls.push("launch");
      const error = this.launchError;
      if (error !== undefined) throw error;
      this.run();
      return { pid: 7, startedAtMs: this.#clock.now() };
    },
    reset: async (): Promise<void> => void this.calls.push("reset"),
    pause: async (): Promise<void> => {
      this.isFrozen = true;
    },
    unpause: async (): Promise<void> => {
      this.isFrozen = false;
    },
    isPaused: async (): Promise<boolean> => this.isFrozen,
  };

  /** As if it had been launched, by an earlier daemon, too. */
  run(): void {
    this.#info = this.#describe("running");
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Its program ends. */
  finish(exitCode: number): void {
    const exit = { exitCode, oomKilled: false, finishedAtMs: this.#clock.now() };
    this.#info = this.#describe("exited", exit);
    this.#end(exit);
  }

  find(): ContainerInfo | undefined {
    return this.#info;
  }

  info(): ContainerInfo {
    if (this.#info === undefined) throw new Error("gone");
    return this.#info;
  }

  spec(): Omit<ContainerSpec, "files"> {
    return this.#spec;
  }

  wait(): Promise<ExitStatus> {
    return this.#ended;
  }

  async stop(_id: string, { signal = "SIGTERM" }: { signal?: string }): Promise<ExitStatus> {
    this.calls.push(`stop ${signal}`);
    this.finish(signal === "SIGTERM" ? 143 : 137);
    return await this.#ended;
  }

  async kill(_id: string, signal: string): Promise<void> {
    this.calls.push(`kill ${signal}`);
  }

  async remove(): Promise<void> {
    this.calls.push("remove");
    this.#info = undefined;
  }

  exec(): never {
    throw new Error("no health checks here");
  }

  #describe(state: ContainerInfo["state"], exit?: ExitStatus): ContainerInfo {
    return {
      id: "c1",
      name: "calm_otter",
      state,
      pid: 7,
      createdAtMs: 1,
      startedAtMs: this.#clock.now(),
      ...(exit === undefined ? {} : { exit }),
      labels: {},
      tty: false,
    };
  }
}

/** A container of that record with everything around it in memory; what happens is in `events` and `saved`. */
export function aHandMade(record: HandMadeRecord, clock: FakeClock) {
  const runtime = new FakeHandMadeRuntime(record, clock);
  const events: string[] = [];
  const saved: string[] = [];
  const closed: string[] = [];
  const unused = (): never => {
    throw new Error("no networks here");
  };
  const container = new HandMadeContainer(record, {
    runtime,
    clock,
    log: silentLogger,
    volumes: {
      prepare: async () => [],
      release: async () => void closed.push("volumes"),
      abandon: async () => void closed.push("anonymous volumes"),
    },
    networks: {
      find: unused,
      open: unused,
      close: async () => void closed.push("network"),
      connect: unused,
      disconnect: unused,
      inspect: () => [],
      ports: () => [],
      renamed: () => {},
    },
    records: {
      save: async ({ run }) => void saved.push(run.phase),
      remove: async () => void saved.push("gone"),
    },
    owner: unused,
    onEvent: (action, _record, extra = {}) =>
      void events.push([action, ...Object.values(extra)].join(" ")),
    onRemoved: () => {},
  });
  /** Resolves when all that was begun is done. */
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 3; turns += 1) await container.exclusively(async () => {});
  };
  return { container, runtime, events, saved, closed, settled };
}
