import { aSwitch, type BadFlagTable, type BadValue, bad } from "./bad-flag-row.ts";

const count = "a whole number from 0 on";
const duration = "a duration such as 10s or 1m30s";
const size = "a size such as 256m or 1g";
const cpus = "a number of processors such as 0.5";

function times(...flags: readonly string[]): BadFlagTable {
  return Object.fromEntries(
    flags.map((flag) => [flag, [bad(flag, "soon", duration), bad(flag, "-5s", duration)]]),
  );
}

function switches(...flags: readonly string[]): BadFlagTable {
  return Object.fromEntries(flags.map((flag) => [flag, aSwitch(flag)]));
}

function updateRows(kind: "update" | "rollback"): BadFlagTable {
  const flag = (name: string): string => `--${kind}-${name}`;
  const actions = kind === "update" ? "pause, continue, rollback" : "pause, continue";
  return {
    ...times(flag("delay"), flag("monitor")),
    [flag("parallelism")]: [
      bad(flag("parallelism"), "-1", count),
      bad(flag("parallelism"), "1.5", count),
    ],
    [flag("max-failure-ratio")]: [
      bad(flag("max-failure-ratio"), "2", "a number from 0 to 1"),
      bad(flag("max-failure-ratio"), "half", "a number from 0 to 1"),
    ],
    [flag("failure-action")]: [bad(flag("failure-action"), "panic", actions)],
    [flag("order")]: [bad(flag("order"), "any", "stop-first, start-first")],
  };
}

const common: BadFlagTable = {
  ...switches("--detach", "--quiet", "--tty", "--init", "--read-only"),
  ...switches("--no-healthcheck", "--no-resolve-image", "--with-registry-auth"),
  "--no-tty": { none: "hidden: what --tty=false becomes" },
  "--no-init": { none: "hidden: what --init=false becomes" },
  "--no-read-only": { none: "hidden: what --read-only=false becomes" },
  ...times("--stop-grace-period", "--restart-delay", "--restart-window"),
  ...times("--health-interval", "--health-timeout", "--health-start-period"),
  ...times("--health-start-interval"),
  "--replicas": [
    bad("--replicas", "x", count),
    bad("--replicas", "-1", count),
    bad("--replicas", "1.5", count),
    bad("--replicas", "9007199254740993", count),
    bad("--replicas", "2000000", "is not a whole number from 0 to 1000000", "daemon"),
  ],
  "--replicas-max-per-node": [bad("--replicas-max-per-node", "x", count)],
  "--entrypoint": [bad("--entrypoint", '"sh -c', "whose quotes are closed")],
  "--hostname": [
    bad("--hostname", "no spaces", "use letters, digits, '-' and '.'", "daemon"),
    { args: ["--hostname={{.Nope}}"], want: /placeholders in.*use \.Service/, by: "daemon" },
  ],
  "--user": [
    bad("--user", "a b", "write it as user[:group] or uid[:gid]", "daemon"),
    bad("--user", "a:b:c", "write it as user[:group] or uid[:gid]", "daemon"),
    bad("--user", "a\u0001b", "write it as user[:group] or uid[:gid]", "daemon"),
  ],
  "--workdir": [bad("--workdir", "tmp", "it must be an absolute path", "daemon")],
  "--oom-score-adj": [
    bad("--oom-score-adj", "2000", "from -1000 to 1000"),
    bad("--oom-score-adj", "much", "from -1000 to 1000"),
    bad("--oom-score-adj", "", "from -1000 to 1000"),
  ],
  "--stop-signal": [
    bad("--stop-signal", "SIGNOPE", "give a name or number, as SIGTERM", "daemon"),
    bad("--stop-signal", "99", "give a name or number, as SIGTERM", "daemon"),
  ],
  "--cap-add": [
    { args: ["--cap-add=FLY"], want: /capability "CAP_FLY": .*NET_ADMIN/, by: "daemon" },
  ],
  "--cap-drop": [
    { args: ["--cap-drop=FLY"], want: /capability "CAP_FLY": .*NET_ADMIN/, by: "daemon" },
  ],
  "--endpoint-mode": [bad("--endpoint-mode", "magic", "vip, dnsrr")],
  "--limit-cpu": [
    bad("--limit-cpu", "many", cpus),
    bad("--limit-cpu", "-1", cpus),
    bad("--limit-cpu", "0.0001", "give at least 0.001", "daemon"),
  ],
  "--limit-memory": [
    bad("--limit-memory", "lots", size),
    bad("--limit-memory", "-5m", size),
    bad("--limit-memory", "1k", "give at least 4 MiB", "daemon"),
  ],
  "--limit-pids": [
    bad("--limit-pids", "-1", count),
    bad("--limit-pids", "99999999999", "from 0 to 4194304", "daemon"),
  ],
  "--reserve-cpu": [
    bad("--reserve-cpu", "many", cpus),
    bad("--reserve-cpu", "0.0001", "give at least 0.001", "daemon"),
  ],
  "--reserve-memory": [
    bad("--reserve-memory", "lots", size),
    bad("--reserve-memory", "1k", "give at least 4 MiB", "daemon"),
  ],
  "--restart-condition": [bad("--restart-condition", "maybe", "none, on-failure, any")],
  "--restart-max-attempts": [bad("--restart-max-attempts", "-1", count)],
  ...updateRows("update"),
  ...updateRows("rollback"),
  "--health-cmd": [
    {
      args: ["--no-healthcheck", "--health-cmd=true"],
      want: /--no-healthcheck: it must be left out when other --health-\* flags are given/,
    },
  ],
  "--health-retries": [bad("--health-retries", "-1", count)],
  "--max-concurrent": [bad("--max-concurrent", "2", "it is for replicated-job")],
  "--log-driver": [bad("--log-driver", "", "name the driver", "daemon")],
  "--log-opt": [bad("--log-opt", "=5m", "key=value")],
  "--schedule": [
    {
      args: ["--schedule=@daily"],
      want: /schedule \(label skep\.schedule\): only a replicated-job/,
      by: "daemon",
    },
  ],
  "--schedule-timezone": [
    {
      args: ["--schedule-timezone=UTC"],
      want: /schedule-timezone \(label .*\): it means/,
      by: "daemon",
    },
  ],
  "--schedule-overlap": [bad("--schedule-overlap", "never", "skip, queue, replace")],
  "--rebalance": [bad("--rebalance", "often", "auto, manual")],
};

/** Rows of lists, which are --x of create and --x-add of update. */
function lists(suffix: "" | "-add"): BadFlagTable {
  const file = "NAME or source=NAME";
  const row = (
    noun: string,
    ...values: readonly (readonly [string, string, ("daemon" | undefined)?])[]
  ): BadFlagTable => ({
    [`--${noun}${suffix}`]: values.map(([value, want, by]) =>
      bad(`--${noun}${suffix}`, value, want, by),
    ),
  });
  const port = "[published:]target[/protocol]";
  return {
    ...row(
      "config",
      ["mode=0444", file],
      ["source=a,mode=9", file],
      ["nosuch", "nosuch", "daemon"],
    ),
    ...row(
      "secret",
      ["source=", file],
      ["source=a,color=red", file],
      ["nosuch", "nosuch", "daemon"],
    ),
    ...row("constraint", ["node.role", "write it as key==value", "daemon"]),
    ...row("container-label", ["=x", "key=value"]),
    ...row("dns", ["nowhere", "give the IP address of a name server", "daemon"]),
    ...row("dns-option", ["two words", "write one option", "daemon"]),
    ...row(
      "dns-search",
      ["two words", "give a domain", "daemon"],
      ["a".repeat(254), "longer than 253", "daemon"],
    ),
    ...row("env", ["=x", "write it as NAME=value", "daemon"]),
    ...row(
      "generic-resource",
      ["gpu", "KIND=n"],
      ["gpu=uuid1", "reserve a number of them", "daemon"],
      ["gpu=0", "is not a whole number from 1", "daemon"],
    ),
    ...row("group", ["two words", "give a name or number", "daemon"]),
    ...row("host", ["db", "name:ip"], ["db:nowhere", "name:ip"]),
    ...row("label", ["=x", "key=value"]),
    ...row(
      "mount",
      ["type=magic,target=/x", "bind, volume, tmpfs"],
      ["source=a", "given with a target=/path"],
      ["type=bind,target=/x", "given with a source=/path"],
      ["target=/x,color=red", '"color" is not one'],
      ["target=/x,readonly=maybe", "true or false"],
      ["target=/x,volume-label=", "volume-label: it must be key=value"],
      ["target=/x,volume-opt==x", "volume-opt: it must be key=value"],
      ["type=tmpfs,target=/x,tmpfs-mode=rw", "octal"],
      ["type=tmpfs,target=/x,tmpfs-size=big", size],
      ["target=x", "the target must be an absolute path", "daemon"],
      ["type=bind,source=x,target=/x", "the source must be an absolute path", "daemon"],
      ["source=/x,target=/x", "use type=bind for a path", "daemon"],
      ["type=bind,source=/x,target=/x,bind-propagation=far", "use one of rprivate", "daemon"],
    ),
    ...row(
      "network",
      ["name=,alias=a", "given with a name=NAME"],
      ["name=a,color=red", "name=NAME[,alias=OTHER]"],
      ["name=a,driver-opt=x", "driver-opt: it must be key=value"],
      ["nosuch", "nosuch not found", "daemon"],
    ),
    ...row(
      "placement-pref",
      ["zone", "spread=node.labels.KEY"],
      ["spread=zone", "spread=node.labels.KEY", "daemon"],
    ),
    ...row(
      "publish",
      ["x:80", port],
      ["99999:80", port],
      ["8080:80/icmp", "tcp, udp, sctp"],
      ["8080-8082:80-81", "two ranges of the same length"],
      ["8090-8080:80-90", "each going up"],
      ["published=8080", "the target is missing"],
      ["target=80,mode=magic", "ingress, host"],
      ["target=80,color=red", port],
      ["8080:0", "is not a whole number from 1 to 65535", "daemon"],
    ),
    ...row(
      "sysctl",
      ["=1", "key=value"],
      ["swap=1", "write it as net.core.somaxconn=1024", "daemon"],
      ["net.core.somaxconn", "write it as net.core.somaxconn=1024", "daemon"],
      ["vm.swappiness=1", "a setting of the whole node", "daemon"],
    ),
    ...row(
      "ulimit",
      ["nofile", "name=soft[:hard]"],
      ["nofile=many", "name=soft[:hard]"],
      ["luck=5", "give a name, as nofile", "daemon"],
      ["nofile=9:5", "the soft limit is above the hard limit", "daemon"],
      ["nofile=9999999999999999999", "from -1 to 9007199254740991", "daemon"],
    ),
  };
}

/** `skep service create` */
export const createRows: BadFlagTable = {
  ...common,
  "--schedule": [
    ...(common["--schedule"] as readonly BadValue[]),
    bad("--schedule", "", "as cron writes it"),
  ],
  "--schedule-timezone": [
    ...(common["--schedule-timezone"] as readonly BadValue[]),
    bad("--schedule-timezone", "", "an IANA name"),
  ],
  ...lists(""),
  "--name": [
    bad("--name", "no/name", "use letters, digits, '-' and '_'", "daemon"),
    bad("--name", "x".repeat(64), "it is longer than 63 characters", "daemon"),
  ],
  "--mode": [
    bad("--mode", "many", "replicated, global, replicated-job, global-job"),
    { args: ["--mode=global", "--replicas=2"], want: /"2" for --replicas: it must be left out/ },
    {
      args: ["--mode=global", "--replicas-max-per-node=2"],
      want: /replicas-max-per-node: a global service has one task a node/,
      by: "daemon",
    },
  ],
  "--env-file": [bad("--env-file", "/does/not/exist", "a file that can be read")],
};

const name = "a name alone";
const key = "a key, without =value";
const added = "what was given when it was added";

/** `skep service update` */
export const changeRows: BadFlagTable = {
  ...common,
  ...lists("-add"),
  ...switches("--force"),
  "--rollback": [
    ...aSwitch("--rollback"),
    { args: ["--rollback", "--replicas=2"], want: /not be combined with --rollback: leave --rep/ },
    { args: ["--rollback", "--no-healthcheck"], want: /leave --no-healthcheck out/ },
  ],
  "--image": [
    bad("--image", "UPPER::x", "a tag has up to 128", "daemon"),
    bad("--image", "", "name an image", "daemon"),
  ],
  "--args": [bad("--args", "'a b", "whose quotes are closed")],
  "--config-rm": [bad("--config-rm", "a=b", name)],
  "--secret-rm": [bad("--secret-rm", "", name)],
  "--constraint-rm": [bad("--constraint-rm", "", added)],
  "--container-label-rm": [bad("--container-label-rm", "a=b", key)],
  "--dns-rm": [
    bad("--dns-rm", "nowhere", "an IP address"),
    bad("--dns-rm", "1.2", "an IP address"),
  ],
  "--dns-option-rm": [bad("--dns-option-rm", "", added)],
  "--dns-search-rm": [bad("--dns-search-rm", "", added)],
  "--env-rm": [bad("--env-rm", "A=1", "the NAME of a variable, without =value")],
  "--generic-resource-rm": [bad("--generic-resource-rm", "gpu=1", "a KIND, without =n")],
  "--group-rm": [bad("--group-rm", "a b", name)],
  "--host-rm": [bad("--host-rm", ":10.0.0.1", "a host's name")],
  "--label-rm": [bad("--label-rm", "a=b", key)],
  "--mount-rm": [bad("--mount-rm", "data", "the target of a mount, an absolute path")],
  "--network-rm": [
    bad("--network-rm", "", name),
    { args: ["--network-rm=nosuch"], want: /network nosuch not found/, by: "daemon" },
  ],
  "--placement-pref-rm": [bad("--placement-pref-rm", "zone", "spread=node.labels.KEY")],
  "--publish-rm": [bad("--publish-rm", "http", "target")],
  "--sysctl-rm": [bad("--sysctl-rm", "a=b", key)],
  "--ulimit-rm": [bad("--ulimit-rm", "nofile=5", name)],
};
