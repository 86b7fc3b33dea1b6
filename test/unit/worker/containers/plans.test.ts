import assert from "node:assert/strict";
import { launchExitCode } from "../../../../src/runtime/launch-error.ts";
import { renaming } from "../../../../src/worker/containers/archive-read.ts";
import { checkConfig } from "../../../../src/worker/containers/check-config.ts";
import type { ContainerConfig } from "../../../../src/worker/containers/container-config.ts";
import { initialEndpoints, planPorts } from "../../../../src/worker/containers/launch-network.ts";
import { missedExit } from "../../../../src/worker/containers/missed-exit.ts";
import { planLaunch, planLimits } from "../../../../src/worker/containers/plan-launch.ts";
import {
  argsOf,
  mergeEnv,
  mergeHealthcheck,
  resolveConfig,
} from "../../../../src/worker/containers/resolve-config.ts";
import {
  nextRestartMs,
  startsWithDaemon,
} from "../../../../src/worker/containers/restart-policy.ts";
import { aConfig, aRecord } from "../../../support/hand-made-fixtures.ts";

const image = {
  entrypoint: ["/entry"],
  cmd: ["from", "image"],
  env: ["PATH=/bin", "A=1"],
  workingDir: "/srv",
  user: "web",
  labels: { a: "image", b: "image" },
  exposedPorts: ["80", "53/udp"],
  volumes: ["/data"],
  stopSignal: "SIGINT",
};

describe("what a container runs", () => {
  const table: { name: string; given: Partial<ContainerConfig>; want: string[] }[] = [
    { name: "the image's", given: { cmd: undefined }, want: ["/entry", "from", "image"] },
    { name: "an own command", given: { cmd: ["ls"] }, want: ["/entry", "ls"] },
    {
      name: "an own entrypoint drops the image's command",
      given: { entrypoint: ["/e"], cmd: undefined },
      want: ["/e"],
    },
    { name: "both", given: { entrypoint: ["/e"], cmd: ["x"] }, want: ["/e", "x"] },
    { name: "no entrypoint", given: { entrypoint: [""], cmd: ["x"] }, want: ["x"] },
    {
      name: "an empty list is as none",
      given: { entrypoint: [], cmd: [] },
      want: ["/entry", "from", "image"],
    },
  ];
  for (const { name, given, want } of table) {
    it(name, () => assert.deepEqual(argsOf(resolveConfig(aConfig(given), image, "c0ffee")), want));
  }
});

describe("the image's part of a container", () => {
  it("is under what was asked for", () => {
    const asked = aConfig({
      env: ["A=2", "PATH"],
      labels: { b: "own" },
      exposedPorts: ["80/tcp"],
      networkMode: "",
    });
    const { env, labels, workingDir, user, exposedPorts, volumes, stopSignal, hostname } =
      resolveConfig(asked, image, "c0ffee0123456789");
    assert.deepEqual(env, ["A=2"]);
    assert.deepEqual(labels, { a: "image", b: "own" });
    assert.deepEqual(
      [workingDir, user, stopSignal, hostname],
      ["/srv", "web", "SIGINT", "c0ffee012345"],
    );
    assert.deepEqual(exposedPorts, ["80/tcp", "53/udp"]);
    assert.deepEqual(volumes, ["/data"]);
  });

  it("has variables that may hold an equals sign", () => {
    assert.deepEqual(mergeEnv(["A=1=2"], ["B="]), ["A=1=2", "B="]);
  });

  it("has a health check, field by field", () => {
    const check = {
      test: ["CMD", "x"],
      intervalMs: 1,
      timeoutMs: 2,
      retries: 3,
      startPeriodMs: 4,
      startIntervalMs: 5,
    };
    const none = {
      test: [],
      intervalMs: 0,
      timeoutMs: 0,
      retries: 0,
      startPeriodMs: 0,
      startIntervalMs: 0,
    };
    assert.deepEqual(mergeHealthcheck({ ...none, retries: 9 }, check), { ...check, retries: 9 });
    assert.deepEqual(mergeHealthcheck({ ...none, test: ["NONE"] }, check)?.test, ["NONE"]);
    assert.equal(mergeHealthcheck(undefined, undefined), undefined);
  });

  const { limits } = aConfig();
  const noTimes = { intervalMs: 0, timeoutMs: 0, retries: 0, startPeriodMs: 0, startIntervalMs: 0 };
  const refused: { name: string; given: Partial<ContainerConfig>; want: RegExp }[] = [
    {
      name: "too little memory",
      given: { limits: { ...limits, memoryBytes: 4_194_304 } },
      want: /Minimum memory limit/,
    },
    {
      name: "swap without memory",
      given: { limits: { ...limits, memorySwapBytes: 1 } },
      want: /Memory limit when using Memoryswap/,
    },
    {
      name: "cpus twice",
      given: { limits: { ...limits, nanoCpus: 1, cpuQuotaUs: 1 } },
      want: /Nano CPUs and CPU Period/,
    },
    {
      name: "--rm and a policy",
      given: { autoRemove: true, restart: { name: "always", retriesMax: 0 } },
      want: /AutoRemove/,
    },
    {
      name: "retries of always",
      given: { restart: { name: "always", retriesMax: 1 } },
      want: /maximum retry count/,
    },
    {
      name: "more processors than there are",
      given: { limits: { ...limits, nanoCpus: 2.5e9 } },
      want: /range of CPUs is from 0\.01 to 2\.00, as there are only 2 CPUs available/,
    },
    {
      name: "processors that are not there",
      given: { limits: { ...limits, cpusetCpus: "0,1-2" } },
      want: /not available - requested 0,1-2, available: 0-1/,
    },
    {
      name: "a wrong list of processors",
      given: { limits: { ...limits, cpusetCpus: "1-" } },
      want: /Invalid value 1- for cpuset cpus/,
    },
    { name: "a signal that is none", given: { stopSignal: "SIGNOPE" }, want: /signal: SIGNOPE/ },
    {
      name: "a health check without pause",
      given: { healthcheck: { ...noTimes, test: ["CMD", "x"], intervalMs: 0.001 } },
      want: /Interval in Healthcheck cannot be less than 1ms/,
    },
    {
      name: "more memory set apart than there may be",
      given: { limits: { ...limits, memoryBytes: 1e7, memoryReservationBytes: 2e7 } },
      want: /limit can not be less than memory reservation/,
    },
    {
      name: "too little memory set apart",
      given: { limits: { ...limits, memoryReservationBytes: 1e3 } },
      want: /memory reservation allowed is 6MB/,
    },
    {
      name: "a period too short",
      given: { limits: { ...limits, cpuPeriodUs: 5 } },
      want: /cfs period can not be less than 1ms/,
    },
    {
      name: "a quota too small",
      given: { limits: { ...limits, cpuQuotaUs: 1 } },
      want: /cfs quota can not be less than 1ms/,
    },
    {
      name: "more processes than there can be",
      given: { limits: { ...limits, pids: 99_999_999_999 } },
      want: /pids limit: 4194304 at most/,
    },
    {
      name: "a capability that is none",
      given: { capabilityAdd: ["FLY"] },
      want: /invalid CapAdd: unknown capability: "CAP_FLY"/,
    },
    {
      name: "a capability to drop that is none",
      given: { capabilityDrop: ["cap_fly"] },
      want: /invalid CapDrop: unknown capability: "CAP_FLY"/,
    },
    {
      name: "a relative tmpfs",
      given: { tmpfs: { rel: "" } },
      want: /'rel' mount path must be abs/,
    },
    {
      name: "a host name that is too long",
      given: { hostname: "a".repeat(65) },
      want: /hostname: it is longer than 64 characters/,
    },
    { name: "a host without an address", given: { extraHosts: ["db"] }, want: /add-host/ },
  ];
  for (const { name, given, want } of refused) {
    it(`refuses ${name}`, () => assert.throws(() => checkConfig(aConfig(given), 2), want));
  }
  it("refuses an image without a command", () => {
    const empty = { ...image, entrypoint: [], cmd: [] };
    assert.throws(
      () => resolveConfig(aConfig({ cmd: undefined }), empty, "c1"),
      /no command specified/,
    );
  });
});

describe("restart policies", () => {
  const run = { exitCode: 1, stoppedByHand: false, restartCount: 0, ranMs: 50, lastDelayMs: 0 };
  const on = (name: "no" | "always" | "unless-stopped" | "on-failure", retriesMax = 0) => ({
    name,
    retriesMax,
  });
  const table = [
    { name: "no", given: { ...run, policy: on("no") }, want: undefined },
    { name: "always", given: { ...run, policy: on("always"), exitCode: 0 }, want: 100 },
    {
      name: "always, stopped by hand",
      given: { ...run, policy: on("always"), stoppedByHand: true },
      want: undefined,
    },
    {
      name: "twice as long each time",
      given: { ...run, policy: on("always"), lastDelayMs: 400 },
      want: 800,
    },
    {
      name: "a minute at most",
      given: { ...run, policy: on("always"), lastDelayMs: 51_200 },
      want: 60_000,
    },
    {
      name: "short again after a good run",
      given: { ...run, policy: on("always"), lastDelayMs: 51_200, ranMs: 10_000 },
      want: 100,
    },
    { name: "on-failure, failed", given: { ...run, policy: on("on-failure") }, want: 100 },
    {
      name: "on-failure, done",
      given: { ...run, policy: on("on-failure"), exitCode: 0 },
      want: undefined,
    },
    {
      name: "on-failure, tried enough",
      given: { ...run, policy: on("on-failure", 3), restartCount: 3 },
      want: undefined,
    },
    {
      name: "on-failure, once more",
      given: { ...run, policy: on("on-failure", 3), restartCount: 2 },
      want: 100,
    },
  ];
  for (const { name, given, want } of table) {
    it(name, () => assert.equal(nextRestartMs(given), want));
  }

  it("start with the daemon what shall run", () => {
    const found = { exitCode: 137, restartCount: 0, hasRun: true };
    const starts = (name: Parameters<typeof on>[0], stoppedByHand: boolean): boolean =>
      startsWithDaemon({ ...found, policy: on(name), stoppedByHand });
    assert.deepEqual([starts("always", true), starts("always", false)], [true, true]);
    assert.deepEqual(
      [starts("unless-stopped", true), starts("unless-stopped", false)],
      [false, true],
    );
    assert.deepEqual([starts("on-failure", true), starts("on-failure", false)], [false, true]);
    assert.deepEqual([starts("no", false)], [false]);
    assert.equal(
      startsWithDaemon({ ...found, policy: on("always"), stoppedByHand: false, hasRun: false }),
      false,
    );
  });
});

describe("networks and ports of a container", () => {
  const wish = (network: string, part = {}) => ({ network, aliases: [], ip: "", mac: "", ...part });

  it("are those asked for, that of its mode first", () => {
    const table: {
      name: string;
      given: Partial<ContainerConfig>;
      want: ContainerConfig["endpoints"];
    }[] = [
      { name: "none", given: { networkMode: "none" }, want: [] },
      { name: "host", given: { networkMode: "host" }, want: [] },
      { name: "the default", given: { networkMode: "" }, want: [wish("bridge")] },
      { name: "one with a name", given: { networkMode: "n1" }, want: [wish("n1")] },
      {
        name: "with what is asked of it",
        given: {
          networkMode: "n1",
          macAddress: "02:00:00:00:00:01",
          endpoints: [wish("n2"), wish("n1", { ip: "10.1.0.9" })],
        },
        want: [wish("n1", { ip: "10.1.0.9", mac: "02:00:00:00:00:01" }), wish("n2")],
      },
    ];
    for (const { name, given, want } of table)
      assert.deepEqual(initialEndpoints(aConfig(given)), want, name);
    assert.throws(
      () => initialEndpoints(aConfig({ networkMode: "host", endpoints: [wish("n1")] })),
      /network mode host/,
    );
  });

  it("publish what is asked for, and with -P the rest", () => {
    const config = aConfig({
      exposedPorts: ["80/tcp", "53/udp", "9/sctp"],
      portBindings: [{ containerPort: 80, protocol: "tcp", hostIp: "127.0.0.1", hostPort: 8080 }],
    });
    const bound = { containerPort: 80, protocol: "tcp", hostIp: "127.0.0.1", hostPort: 8080 };
    assert.deepEqual(planPorts(config), [bound]);
    assert.deepEqual(planPorts({ ...config, publishAllPorts: true }), [
      bound,
      { containerPort: 53, protocol: "udp" },
    ]);
  });
});

describe("the runtime's spec of a run", () => {
  const network = {
    namespacePath: "/ns",
    isHost: false,
    hosts: "H",
    resolvConf: "R",
    hostname: "box",
  };
  const plan = (config: Partial<ContainerConfig>, isHost = false) =>
    planLaunch({
      record: aRecord(config),
      layerPaths: ["/l"],
      mounts: [],
      network: { ...network, isHost },
    });

  it("has none of people's labels: the swarm's would make it a task's", () => {
    const { labels } = plan({ labels: { "com.docker.swarm.task.id": "t1" } });
    assert.deepEqual(Object.keys(labels), ["io.skep.hand-made"]);
  });

  it("keeps the input open for the next who attaches, unless it is for one alone", () => {
    assert.equal(plan({ openStdin: true }).keepStdinOpen, true);
    assert.equal(plan({ openStdin: true, stdinOnce: true }).keepStdinOpen, false);
    assert.equal(plan({ openStdin: true, stdinOnce: true, tty: true }).keepStdinOpen, true);
  });

  it("has tmpfs, domain and log size", () => {
    const spec = plan({
      tmpfs: { "/t": "size=1m,ro,exec" },
      domainname: "lan",
      logOptions: { "max-size": "2m" },
    });
    assert.deepEqual(spec.mounts, [
      { type: "tmpfs", source: "", target: "/t", readOnly: true, options: ["size=1m", "exec"] },
    ]);
    assert.deepEqual(spec.sysctls, { "kernel.domainname": "lan" });
    assert.equal(spec.logMaxBytes, 2 * 1024 * 1024);
  });

  it("refuses the host's network settings", () => {
    assert.throws(
      () => plan({ sysctls: { "net.core.somaxconn": "9" } }, true),
      /not allowed in host network/,
    );
  });

  it("has limits, a quota as a part of processors", () => {
    const { limits } = aConfig();
    assert.deepEqual(planLimits(limits), {});
    assert.deepEqual(planLimits({ ...limits, cpuQuotaUs: 50_000 }), { nanoCpus: 5e8 });
    assert.deepEqual(planLimits({ ...limits, cpuQuotaUs: 50_000, cpuPeriodUs: 25_000, pids: 9 }), {
      nanoCpus: 2e9,
      pids: 9,
    });
  });
});

describe("small rules of hand-made containers", () => {
  it("take an end that nobody saw from the runtime, if it is of that run", () => {
    const exit = { exitCode: 3, oomKilled: false, finishedAtMs: 20 };
    const lost = { exitCode: 137, oomKilled: false, finishedAtMs: 99 };
    assert.deepEqual(missedExit({ startedAtMs: 10, exit }, { startedAtMs: 10 }, 99), exit);
    assert.deepEqual(missedExit({ startedAtMs: 5, exit }, { startedAtMs: 10 }, 99), lost);
    assert.deepEqual(missedExit({ startedAtMs: 10 }, { startedAtMs: 10 }, 99), lost);
  });

  it("tell why nothing ran by the exit code", () => {
    const table: [string, number][] = [
      ['exec: "x": executable file not found in $PATH', 127],
      ['exec: "/x": stat /x: no such file or directory', 127],
      ['exec: "/etc": permission denied', 126],
      ["cannot make the network", 128],
    ];
    for (const [reason, code] of table) assert.equal(launchExitCode(reason), code, reason);
  });

  it("rename the first part of an archive's entries by what tar understands", () => {
    assert.equal(renaming(".", "etc"), "flags=rh;s,^\\.,etc,");
    assert.equal(renaming("a.b", "x&,y"), "flags=rh;s,^a\\.b,x\\&\\,y,");
  });
});
