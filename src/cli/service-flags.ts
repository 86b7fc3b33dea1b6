import type { Command } from "commander";
import { collect } from "./session.ts";

/** What commander gives for the flags of `service create` and `service update`. */
export interface ServiceFlags {
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
  /** False with --no-healthcheck. */
  healthcheck?: boolean;
  logDriver?: string;
  logOpt?: string[];
  image?: string;
  args?: string;
  force?: boolean;
  rollback?: boolean;
  envAdd?: string[];
  envRm?: string[];
  labelAdd?: string[];
  labelRm?: string[];
  constraintAdd?: string[];
  constraintRm?: string[];
  publishAdd?: string[];
  publishRm?: string[];
  networkAdd?: string[];
  networkRm?: string[];
  mountAdd?: string[];
  mountRm?: string[];
}

type FlagRow = readonly [flag: string, help: string, list?: "list"];

const common: readonly FlagRow[] = [
  ["-d, --detach", "do not wait until the service has converged"],
  ["-q, --quiet", "no progress"],
  ["--replicas <n>", "number of tasks"],
  ["--replicas-max-per-node <n>", "tasks on one node at most (0 = no limit)"],
  ["--placement-pref <pref>", "spread=node.labels.KEY", "list"],
  ["--container-label <label>", "label of the containers, key=value", "list"],
  ["--entrypoint <command>", "replaces the image's entrypoint"],
  ["--hostname <name>", "host name of the containers; may have templates"],
  ["-u, --user <user>", "user[:group] or uid[:gid]"],
  ["-w, --workdir <path>", "working folder"],
  ["-t, --tty", "give the containers a terminal"],
  ["--init", "run an init process as first process"],
  ["--read-only", "mount the root file system read-only"],
  ["--stop-signal <signal>", "signal that asks the program to end"],
  ["--stop-grace-period <duration>", "time until it is killed (default 10s)"],
  ["--cap-add <capability>", "further capability", "list"],
  ["--cap-drop <capability>", "capability to take away", "list"],
  ["--host <name:ip>", "further line in /etc/hosts", "list"],
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
  ["--no-healthcheck", "no check, also not the image's"],
  ["--log-driver <driver>", "log driver"],
  ["--log-opt <option>", "log option key=value", "list"],
];

const createOnly: readonly FlagRow[] = [
  ["--name <name>", "service name"],
  ["--mode <mode>", "replicated, global, replicated-job or global-job"],
  ["--max-concurrent <n>", "job tasks at once"],
  ["--constraint <expression>", "node.role==worker, node.labels.zone!=a, …", "list"],
  ["-e, --env <variable>", "NAME=value", "list"],
  ["-l, --label <label>", "key=value", "list"],
  ["--network <network>", "name or name=NAME,alias=OTHER", "list"],
  ["-p, --publish <port>", "8080:80 or published=8080,target=80,mode=host", "list"],
  ["--mount <mount>", "type=volume,source=data,target=/data", "list"],
  ["--no-resolve-image", "accepted; the managers resolve tags"],
  ["--with-registry-auth", "accepted"],
];

const updateOnly: readonly FlagRow[] = [
  ["--image <image>", "new image"],
  ["--args <command>", "new arguments"],
  ["--force", "replace the tasks though nothing changed"],
  ["--rollback", "go back to the spec before"],
  ["--no-resolve-image", "accepted; the managers resolve tags"],
  ...(["env", "label", "constraint", "publish", "network", "mount"] as const).flatMap(
    (noun): FlagRow[] => [
      [`--${noun}-add <value>`, `add or change: ${noun}`, "list"],
      [`--${noun}-rm <value>`, `remove: ${noun}`, "list"],
    ],
  ),
];

/** Adds the flags of `service create`. */
export function addCreateFlags(command: Command): Command {
  return addFlags(command, [...common, ...createOnly]);
}

/** Adds the flags of `service update`. */
export function addUpdateFlags(command: Command): Command {
  return addFlags(command, [...common, ...updateOnly]);
}

function addFlags(command: Command, rows: readonly FlagRow[]): Command {
  for (const [flag, help, list] of rows) {
    if (list === "list") command.option(flag, help, collect);
    else command.option(flag, help);
  }
  return command;
}
