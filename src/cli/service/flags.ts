import { type Command, Option } from "commander";
import { collect } from "../session.ts";
import { type OwnFlags, ownFlags } from "./own-labels.ts";

/** What commander gives for the flags of `service create` and `service update`. */
export interface ServiceFlags extends OwnFlags {
  detach?: boolean;
  quiet?: boolean;
  name?: string;
  mode?: string;
  replicas?: string;
  maxConcurrent?: string;
  replicasMaxPerNode?: string;
  constraint?: string[];
  placementPref?: string[];
  env?: string[];
  label?: string[];
  containerLabel?: string[];
  entrypoint?: string;
  hostname?: string;
  user?: string;
  workdir?: string;
  tty?: boolean;
  init?: boolean;
  readOnly?: boolean;
  stopSignal?: string;
  stopGracePeriod?: string;
  mount?: string[];
  capAdd?: string[];
  capDrop?: string[];
  host?: string[];
  network?: string[];
  publish?: string[];
  envFile?: string[];
  dns?: string[];
  dnsOption?: string[];
  dnsSearch?: string[];
  group?: string[];
  genericResource?: string[];
  sysctl?: string[];
  ulimit?: string[];
  secret?: string[];
  config?: string[];
  oomScoreAdj?: string;
  withRegistryAuth?: boolean;
  endpointMode?: string;
  limitCpu?: string;
  limitMemory?: string;
  limitPids?: string;
  reserveCpu?: string;
  reserveMemory?: string;
  restartCondition?: string;
  restartDelay?: string;
  restartMaxAttempts?: string;
  restartWindow?: string;
  updateParallelism?: string;
  updateDelay?: string;
  updateMonitor?: string;
  updateMaxFailureRatio?: string;
  updateFailureAction?: string;
  updateOrder?: string;
  rollbackParallelism?: string;
  rollbackDelay?: string;
  rollbackMonitor?: string;
  rollbackMaxFailureRatio?: string;
  rollbackFailureAction?: string;
  rollbackOrder?: string;
  healthCmd?: string;
  healthInterval?: string;
  healthTimeout?: string;
  healthRetries?: string;
  healthStartPeriod?: string;
  healthStartInterval?: string;
  /** False with --no-healthcheck. */
  healthcheck?: boolean;
  logDriver?: string;
  logOpt?: string[];
  image?: string;
  /** False: `--no-resolve-image`. */
  resolveImage?: boolean;
  args?: string;
  force?: boolean;
  rollback?: boolean;
  configAdd?: string[];
  configRm?: string[];
  constraintAdd?: string[];
  constraintRm?: string[];
  containerLabelAdd?: string[];
  containerLabelRm?: string[];
  dnsAdd?: string[];
  dnsRm?: string[];
  dnsOptionAdd?: string[];
  dnsOptionRm?: string[];
  dnsSearchAdd?: string[];
  dnsSearchRm?: string[];
  envAdd?: string[];
  envRm?: string[];
  genericResourceAdd?: string[];
  genericResourceRm?: string[];
  groupAdd?: string[];
  groupRm?: string[];
  hostAdd?: string[];
  hostRm?: string[];
  labelAdd?: string[];
  labelRm?: string[];
  mountAdd?: string[];
  mountRm?: string[];
  networkAdd?: string[];
  networkRm?: string[];
  placementPrefAdd?: string[];
  placementPrefRm?: string[];
  publishAdd?: string[];
  publishRm?: string[];
  secretAdd?: string[];
  secretRm?: string[];
  sysctlAdd?: string[];
  sysctlRm?: string[];
  ulimitAdd?: string[];
  ulimitRm?: string[];
}

/** What the value of `--…-rm` names, where it is not the whole. */
const removedBy: Readonly<Record<string, string>> = {
  "container-label": "key",
  env: "NAME",
  "generic-resource": "KIND",
  host: "name",
  label: "key",
  mount: "target",
  publish: "target-port",
  sysctl: "key",
  ulimit: "name",
};

type FlagRow = readonly [flag: string, help: string, list?: "list"];

const common: readonly FlagRow[] = [
  ["-d, --detach", "do not wait until the service has converged"],
  ["-q, --quiet", "no progress"],
  ["--replicas <n>", "number of tasks"],
  ["--replicas-max-per-node <n>", "tasks on one node at most (0 = no limit)"],
  ["--entrypoint <command>", "replaces the image's entrypoint"],
  ["--hostname <name>", "host name of the containers; may have templates"],
  ["-u, --user <user>", "user[:group] or uid[:gid]"],
  ["-w, --workdir <path>", "working folder"],
  ["-t, --tty", "give the containers a terminal"],
  ["--init", "run an init process as first process"],
  ["--oom-score-adj <n>", "how readily the kernel ends it for memory, -1000 to 1000"],
  ["--read-only", "mount the root file system read-only"],
  ["--stop-signal <signal>", "signal that asks the program to end"],
  ["--stop-grace-period <duration>", "time until it is killed (default 10s)"],
  ["--cap-add <capability>", "further capability", "list"],
  ["--cap-drop <capability>", "capability to take away", "list"],
  ["--endpoint-mode <mode>", "vip or dnsrr"],
  ["--limit-cpu <n>", "processors at most"],
  ["--limit-memory <size>", "memory at most"],
  ["--limit-pids <n>", "processes at most (0 = no limit)"],
  ["--reserve-cpu <n>", "processors to keep free for it"],
  ["--reserve-memory <size>", "memory to keep free for it"],
  ["--restart-condition <word>", "none, on-failure or any"],
  ["--restart-delay <duration>", "time between restarts (default 5s)"],
  ["--restart-max-attempts <n>", "restarts before giving up (0 = no limit)"],
  ["--restart-window <duration>", "time in which attempts count"],
  ...(["update", "rollback"] as const).flatMap((kind): FlagRow[] => [
    [`--${kind}-parallelism <n>`, "tasks at once (0 = all)"],
    [`--${kind}-delay <duration>`, "time between them"],
    [`--${kind}-monitor <duration>`, "time a new task is watched for failure (default 5s)"],
    [`--${kind}-max-failure-ratio <n>`, "failures that are tolerated, 0 to 1"],
    [
      `--${kind}-failure-action <word>`,
      kind === "update" ? "pause, continue or rollback" : "pause or continue",
    ],
    [`--${kind}-order <word>`, "stop-first or start-first"],
  ]),
  ["--health-cmd <command>", "shell command that tells whether a container is healthy"],
  ["--health-interval <duration>", "time between checks (default 30s)"],
  ["--health-timeout <duration>", "time a check may take (default 30s)"],
  ["--health-retries <n>", "failures until it is unhealthy (default 3)"],
  ["--health-start-period <duration>", "time in which failures do not count"],
  ["--health-start-interval <duration>", "time between checks while it starts (default 5s)"],
  ["--no-healthcheck", "no check, also not the image's"],
  ["--max-concurrent <n>", "job tasks at once"],
  ["--no-resolve-image", "do not have the manager resolve the image's tag to a digest"],
  ["--with-registry-auth", "send the credentials of the registry to the nodes"],
  ["--log-driver <driver>", "log driver"],
  ["--log-opt <option>", "log option key=value", "list"],
];

const lists: readonly (readonly [noun: string, value: string, help: string, short?: string])[] = [
  ["config", "config", "NAME or source=NAME,target=/path,uid=,gid=,mode="],
  ["constraint", "expression", "node.role==worker, node.labels.zone!=a, …"],
  ["container-label", "key=value", "label of the containers"],
  ["dns", "ip", "name server"],
  ["dns-option", "option", "option of the resolver"],
  ["dns-search", "domain", "search domain"],
  ["env", "NAME=value", "environment variable; NAME alone takes the client's value", "e"],
  ["generic-resource", "KIND=n", "resource of the node's own kind to set apart"],
  ["group", "group", "supplementary group"],
  ["host", "name:ip", "further line in /etc/hosts"],
  ["label", "key=value", "label of the service", "l"],
  ["mount", "mount", "type=volume,source=data,target=/data"],
  ["network", "network", "NAME or name=NAME,alias=OTHER"],
  ["placement-pref", "preference", "spread=node.labels.KEY"],
  ["publish", "port", "8080:80 or published=8080,target=80,mode=host", "p"],
  ["secret", "secret", "NAME or source=NAME,target=FILE,uid=,gid=,mode="],
  ["sysctl", "key=value", "kernel setting of the containers"],
  ["ulimit", "name=soft:hard", "limit of the processes"],
];

const createOnly: readonly FlagRow[] = [
  ["--name <name>", "service name"],
  ["--mode <mode>", "replicated, global, replicated-job or global-job"],
  ["--env-file <file>", "file with a NAME=value on each line", "list"],
  ...lists.map(
    ([noun, value, help, short]): FlagRow => [
      `${short === undefined ? "" : `-${short}, `}--${noun} <${value}>`,
      help,
      "list",
    ],
  ),
];

const updateOnly: readonly FlagRow[] = [
  ["--image <image>", "new image"],
  ["--args <command>", "new arguments"],
  ["--force", "replace the tasks though nothing changed"],
  ["--rollback", "go back to the spec before"],
  ...lists.flatMap(([noun, value, help]): FlagRow[] => [
    [`--${noun}-add <${value}>`, help, "list"],
    [
      `--${noun}-rm <${removedBy[noun] ?? noun}>`,
      `takes away ${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`,
      "list",
    ],
  ]),
];

/** Adds the flags of `service create`. */
export function addCreateFlags(command: Command): Command {
  return addFlags(command, [...common, ...ownFlags, ...createOnly]);
}

/** Adds the flags of `service update`. */
export function addUpdateFlags(command: Command): Command {
  return addFlags(command, [...common, ...ownFlags, ...updateOnly]);
}

function addFlags(command: Command, rows: readonly FlagRow[]): Command {
  for (const [flag, help, list] of rows) {
    if (list === "list") command.option(flag, help, collect);
    else command.option(flag, help);
  }
  // For `--read-only=false`, which takes back what was set before.
  for (const name of ["tty", "init", "read-only"]) {
    command.addOption(new Option(`--no-${name}`).hideHelp());
  }
  return command;
}
