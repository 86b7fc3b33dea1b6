import { must } from "../base/assert.ts";
import type {
  ContainerSpecJson,
  HealthcheckJson,
  MountJson,
  ResourcesJson,
  ServiceSpecJson,
  TaskSpecJson,
  UpdateConfigJson,
} from "../rest/wire/service.ts";
import { parsePublish } from "./ports.ts";
import type { ServiceFlags } from "./service-flags.ts";
import {
  invalid,
  parseBytes,
  parseChoice,
  parseCount,
  parseCpus,
  parseDuration,
  parseFields,
  parseLabels,
  parseRatio,
} from "./values.ts";

/** Pure: the spec that `service create` asks for. `networkIds` are left to the daemon: names go as they are. */
export function specOfFlags(
  image: string,
  args: readonly string[],
  flags: ServiceFlags,
): ServiceSpecJson {
  const container: ContainerSpecJson = { Image: image };
  if (args.length > 0) container.Args = [...args];
  const task: TaskSpecJson = { ContainerSpec: container, ForceUpdate: 0 };
  const spec: ServiceSpecJson = {
    Name: flags.name ?? "",
    Labels: parseLabels("--label", flags.label ?? []),
    TaskTemplate: task,
    Mode: modeOf(flags),
    EndpointSpec: {
      Mode: parseChoice("--endpoint-mode", flags.endpointMode ?? "vip", ["vip", "dnsrr"]),
      Ports: (flags.publish ?? []).flatMap(parsePublish),
    },
  };
  applyContainerFlags(container, flags);
  applyTaskFlags(task, flags);
  const networks = (flags.network ?? []).map(networkOf);
  if (networks.length > 0) task.Networks = networks;
  const update = updateConfigOf("update", flags, undefined);
  if (update !== undefined) spec.UpdateConfig = update;
  const rollback = updateConfigOf("rollback", flags, undefined);
  if (rollback !== undefined) spec.RollbackConfig = rollback;
  return spec;
}

/** Pure: the service's spec with what `service update` changes. */
export function updatedSpec(before: ServiceSpecJson, flags: ServiceFlags): ServiceSpecJson {
  const spec = structuredClone(before);
  const task = spec.TaskTemplate;
  task.ContainerSpec ??= {};
  const container = task.ContainerSpec;
  if (flags.image !== undefined) container.Image = flags.image;
  if (flags.args !== undefined) container.Args = splitWords(flags.args);
  if (flags.replicas !== undefined) setReplicas(spec, parseCount("--replicas", flags.replicas));
  if (flags.force === true) task.ForceUpdate += 1;
  applyContainerFlags(container, flags);
  applyTaskFlags(task, flags);
  spec.Labels = changedLabels(spec.Labels, "label", flags.labelAdd, flags.labelRm);
  container.Env = changedList(
    container.Env,
    flags.envAdd,
    flags.envRm,
    (text) => text.split("=")[0],
  );
  task.Placement = {
    ...task.Placement,
    Constraints: changedList(
      task.Placement?.Constraints,
      flags.constraintAdd,
      flags.constraintRm,
      (text) => text,
    ),
  };
  const ports = changedList(
    spec.EndpointSpec?.Ports,
    (flags.publishAdd ?? []).flatMap(parsePublish),
    flags.publishRm,
    (port) => String(port.TargetPort),
  );
  spec.EndpointSpec = { ...spec.EndpointSpec, Ports: ports };
  const networks = changedList(
    task.Networks,
    (flags.networkAdd ?? []).map(networkOf),
    flags.networkRm,
    (network) => network.Target,
  );
  if (networks.length > 0 || task.Networks !== undefined) task.Networks = networks;
  const mounts = changedList(
    container.Mounts,
    (flags.mountAdd ?? []).map(mountOf),
    flags.mountRm,
    (mount) => mount.Target,
  );
  if (mounts.length > 0 || container.Mounts !== undefined) container.Mounts = mounts;
  const update = updateConfigOf("update", flags, spec.UpdateConfig);
  if (update !== undefined) spec.UpdateConfig = update;
  const rollback = updateConfigOf("rollback", flags, spec.RollbackConfig);
  if (rollback !== undefined) spec.RollbackConfig = rollback;
  return spec;
}

/** Sets the number of replicas; INVALID_ARGUMENT for a global service. */
export function setReplicas(spec: ServiceSpecJson, replicas: number): void {
  if (spec.Mode.Replicated !== undefined) spec.Mode.Replicated.Replicas = replicas;
  else if (spec.Mode.ReplicatedJob !== undefined)
    spec.Mode.ReplicatedJob.TotalCompletions = replicas;
  else
    throw invalid(
      "--replicas",
      String(replicas),
      "left out: scale can only be used with replicated or replicated-job mode",
    );
}

function modeOf(flags: ServiceFlags): ServiceSpecJson["Mode"] {
  const mode = parseChoice("--mode", flags.mode ?? "replicated", [
    "replicated",
    "global",
    "replicated-job",
    "global-job",
  ]);
  const replicas =
    flags.replicas === undefined ? undefined : parseCount("--replicas", flags.replicas);
  if (replicas !== undefined && (mode === "global" || mode === "global-job")) {
    throw invalid(
      "--replicas",
      String(replicas),
      "left out: replicas can only be used with replicated or replicated-job mode",
    );
  }
  switch (mode) {
    case "replicated":
      return { Replicated: { Replicas: replicas ?? 1 } };
    case "global":
      return { Global: {} };
    case "global-job":
      return { GlobalJob: {} };
    case "replicated-job": {
      const total = replicas ?? 1;
      const concurrent =
        flags.maxConcurrent === undefined
          ? total
          : parseCount("--max-concurrent", flags.maxConcurrent);
      return { ReplicatedJob: { MaxConcurrent: concurrent, TotalCompletions: total } };
    }
  }
}

function applyContainerFlags(container: ContainerSpecJson, flags: ServiceFlags): void {
  if (flags.env !== undefined) container.Env = flags.env.map(withClientValue);
  if (flags.containerLabel !== undefined) {
    container.Labels = parseLabels("--container-label", flags.containerLabel);
  }
  if (flags.entrypoint !== undefined) container.Command = splitWords(flags.entrypoint);
  if (flags.hostname !== undefined) container.Hostname = flags.hostname;
  if (flags.user !== undefined) container.User = flags.user;
  if (flags.workdir !== undefined) container.Dir = flags.workdir;
  if (flags.tty !== undefined) container.TTY = flags.tty;
  if (flags.init !== undefined) container.Init = flags.init;
  if (flags.readOnly !== undefined) container.ReadOnly = flags.readOnly;
  if (flags.stopSignal !== undefined) container.StopSignal = flags.stopSignal;
  if (flags.stopGracePeriod !== undefined) {
    container.StopGracePeriod = parseDuration("--stop-grace-period", flags.stopGracePeriod);
  }
  if (flags.mount !== undefined) container.Mounts = flags.mount.map(mountOf);
  if (flags.capAdd !== undefined) container.CapabilityAdd = flags.capAdd;
  if (flags.capDrop !== undefined) container.CapabilityDrop = flags.capDrop;
  if (flags.host !== undefined) {
    container.Hosts = flags.host.map((text) => {
      const at = text.indexOf(":");
      if (at <= 0) throw invalid("--host", text, "name:ip");
      return `${text.slice(at + 1)} ${text.slice(0, at)}`;
    });
  }
  const health = healthOf(flags, container.Healthcheck);
  if (health !== undefined) container.Healthcheck = health;
}

function healthOf(
  flags: ServiceFlags,
  before: HealthcheckJson | undefined,
): HealthcheckJson | undefined {
  if (flags.healthcheck === false) return { Test: ["NONE"] };
  const health: HealthcheckJson = { ...before };
  if (flags.healthCmd !== undefined) health.Test = ["CMD-SHELL", flags.healthCmd];
  if (flags.healthInterval !== undefined) {
    health.Interval = parseDuration("--health-interval", flags.healthInterval);
  }
  if (flags.healthTimeout !== undefined) {
    health.Timeout = parseDuration("--health-timeout", flags.healthTimeout);
  }
  if (flags.healthRetries !== undefined) {
    health.Retries = parseCount("--health-retries", flags.healthRetries);
  }
  if (flags.healthStartPeriod !== undefined) {
    health.StartPeriod = parseDuration("--health-start-period", flags.healthStartPeriod);
  }
  return Object.keys(health).length === 0 ? undefined : health;
}

function applyTaskFlags(task: TaskSpecJson, flags: ServiceFlags): void {
  const limits: ResourcesJson = { ...task.Resources?.Limits };
  const reservations: ResourcesJson = { ...task.Resources?.Reservations };
  if (flags.limitCpu !== undefined) limits.NanoCPUs = parseCpus("--limit-cpu", flags.limitCpu);
  if (flags.limitMemory !== undefined) {
    limits.MemoryBytes = parseBytes("--limit-memory", flags.limitMemory);
  }
  if (flags.limitPids !== undefined) limits.Pids = parseCount("--limit-pids", flags.limitPids);
  if (flags.reserveCpu !== undefined) {
    reservations.NanoCPUs = parseCpus("--reserve-cpu", flags.reserveCpu);
  }
  if (flags.reserveMemory !== undefined) {
    reservations.MemoryBytes = parseBytes("--reserve-memory", flags.reserveMemory);
  }
  if (Object.keys({ ...limits, ...reservations }).length > 0) {
    task.Resources = { Limits: limits, Reservations: reservations };
  }
  applyRestartFlags(task, flags);
  if (
    flags.constraint !== undefined ||
    flags.placementPref !== undefined ||
    flags.replicasMaxPerNode !== undefined
  ) {
    task.Placement = {
      ...task.Placement,
      ...(flags.constraint === undefined ? {} : { Constraints: flags.constraint }),
      ...(flags.placementPref === undefined
        ? {}
        : { Preferences: flags.placementPref.map(preferenceOf) }),
      ...(flags.replicasMaxPerNode === undefined
        ? {}
        : { MaxReplicas: parseCount("--replicas-max-per-node", flags.replicasMaxPerNode) }),
    };
  }
  if (flags.logDriver !== undefined || flags.logOpt !== undefined) {
    task.LogDriver = {
      Name: flags.logDriver ?? task.LogDriver?.Name ?? "",
      Options: { ...task.LogDriver?.Options, ...parseLabels("--log-opt", flags.logOpt ?? []) },
    };
  }
}

function applyRestartFlags(task: TaskSpecJson, flags: ServiceFlags): void {
  const policy = { ...task.RestartPolicy };
  if (flags.restartCondition !== undefined) {
    policy.Condition = parseChoice("--restart-condition", flags.restartCondition, [
      "none",
      "on-failure",
      "any",
    ]);
  }
  if (flags.restartDelay !== undefined) {
    policy.Delay = parseDuration("--restart-delay", flags.restartDelay);
  }
  if (flags.restartMaxAttempts !== undefined) {
    policy.MaxAttempts = parseCount("--restart-max-attempts", flags.restartMaxAttempts);
  }
  if (flags.restartWindow !== undefined) {
    policy.Window = parseDuration("--restart-window", flags.restartWindow);
  }
  if (Object.keys(policy).length > 0) task.RestartPolicy = policy;
}

function updateConfigOf(
  kind: "update" | "rollback",
  flags: ServiceFlags,
  before: UpdateConfigJson | undefined,
): UpdateConfigJson | undefined {
  const flag = (name: string): string => `--${kind}-${name}`;
  const given = {
    parallelism: flags[`${kind}Parallelism`],
    delay: flags[`${kind}Delay`],
    monitor: flags[`${kind}Monitor`],
    ratio: flags[`${kind}MaxFailureRatio`],
    action: flags[`${kind}FailureAction`],
    order: flags[`${kind}Order`],
  };
  if (Object.values(given).every((value) => value === undefined)) return undefined;
  const config: UpdateConfigJson = {
    Parallelism: 1,
    FailureAction: "pause",
    Monitor: 5e9,
    MaxFailureRatio: 0,
    Order: "stop-first",
    ...before,
  };
  if (given.parallelism !== undefined)
    config.Parallelism = parseCount(flag("parallelism"), given.parallelism);
  if (given.delay !== undefined) config.Delay = parseDuration(flag("delay"), given.delay);
  if (given.monitor !== undefined) config.Monitor = parseDuration(flag("monitor"), given.monitor);
  if (given.ratio !== undefined)
    config.MaxFailureRatio = parseRatio(flag("max-failure-ratio"), given.ratio);
  if (given.order !== undefined)
    config.Order = parseChoice(flag("order"), given.order, ["stop-first", "start-first"]);
  if (given.action !== undefined) {
    const choices =
      kind === "update"
        ? (["pause", "continue", "rollback"] as const)
        : (["pause", "continue"] as const);
    config.FailureAction = parseChoice(flag("failure-action"), given.action, choices);
  }
  return config;
}

function networkOf(text: string): { Target: string; Aliases?: string[] } {
  if (!text.includes("=")) return { Target: text };
  const target = { Target: "", Aliases: [] as string[] };
  for (const part of text.split(",")) {
    const [key, value] = [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)];
    if (key === "name") target.Target = value;
    else if (key === "alias") target.Aliases.push(value);
    else throw invalid("--network", text, "NAME or name=NAME[,alias=OTHER]");
  }
  return target;
}

function mountOf(text: string): MountJson {
  const fields = parseFields(text);
  const mount: MountJson = {
    Type: parseChoice("--mount type", fields.get("type") ?? "volume", ["bind", "volume", "tmpfs"]),
  };
  const target = fields.get("target") ?? fields.get("dst") ?? fields.get("destination");
  if (target === undefined) throw invalid("--mount", text, "given with a target=/path");
  mount.Target = target;
  const source = fields.get("source") ?? fields.get("src");
  if (source !== undefined) mount.Source = source;
  const readOnly = fields.get("readonly") ?? fields.get("ro");
  if (readOnly !== undefined) mount.ReadOnly = readOnly !== "false" && readOnly !== "0";
  const size = fields.get("tmpfs-size");
  if (size !== undefined)
    mount.TmpfsOptions = { SizeBytes: parseBytes("--mount tmpfs-size", size) };
  const propagation = fields.get("bind-propagation");
  if (propagation !== undefined) mount.BindOptions = { Propagation: propagation };
  return mount;
}

function preferenceOf(text: string): { Spread: { SpreadDescriptor: string } } {
  const match = /^spread=(.+)$/.exec(text);
  if (match?.[1] === undefined) throw invalid("--placement-pref", text, "spread=node.labels.KEY");
  return { Spread: { SpreadDescriptor: match[1] } };
}

function changedList<T>(
  before: readonly T[] | undefined,
  added: readonly T[] | undefined,
  removed: readonly string[] | undefined,
  keyOf: (item: T) => string | undefined,
): T[] {
  const replaced = new Set((added ?? []).map(keyOf));
  const gone = new Set<string | undefined>(removed ?? []);
  const kept = (before ?? []).filter(
    (item) => !gone.has(keyOf(item)) && !replaced.has(keyOf(item)),
  );
  return [...kept, ...(added ?? [])];
}

function changedLabels(
  before: Record<string, string>,
  flag: string,
  added: readonly string[] | undefined,
  removed: readonly string[] | undefined,
): Record<string, string> {
  const labels = { ...before, ...parseLabels(`--${flag}-add`, added ?? []) };
  for (const key of removed ?? []) delete labels[key];
  return labels;
}

// `--env NAME` takes the value of the client's own environment.
function withClientValue(text: string): string {
  if (text.includes("=")) return text;
  const value = process.env[text];
  return value === undefined ? text : `${text}=${value}`;
}

/** Splits a command line at blanks; quotes keep blanks together. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) =>
    must(a ?? b ?? c, "a word"),
  );
}
