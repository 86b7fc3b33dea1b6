import {
  anyText,
  bytes,
  choice,
  command,
  type Decode,
  type Decoded,
  duration,
  fileMode,
  flag,
  integer,
  list,
  mapOf,
  record,
  text,
  textOrNumber,
  word,
} from "./decode.ts";
import { deploy, healthcheck } from "./decode-deploy.ts";

const absolutePath: Decode<string> = (tree, at, problems) => {
  const path = word(tree, at, problems);
  if (path === undefined || path.startsWith("/")) return path;
  problems.error(tree.place, `${at} must be an absolute path, not "${path}"`);
  return undefined;
};

const port = record(
  {
    mode: choice("ingress", "host"),
    target: integer(1, 65_535),
    published: integer(0, 65_535),
    protocol: choice("tcp", "udp", "sctp"),
    name: text,
  },
  {
    host_ip: "services listen on all addresses of a node",
    app_protocol: "",
  },
);

const volume = record(
  {
    type: choice("volume", "bind", "tmpfs"),
    source: word,
    target: absolutePath,
    read_only: flag,
    bind: record(
      {
        propagation: choice("shared", "slave", "private", "rshared", "rslave", "rprivate"),
        create_host_path: flag,
      },
      { selinux: "", recursive: "" },
    ),
    volume: record({ nocopy: flag, subpath: text, labels: mapOf(anyText, "") }),
    tmpfs: record({ size: bytes, mode: fileMode }),
  },
  { consistency: "" },
);

const fileReference = record({
  source: word,
  target: word,
  uid: textOrNumber,
  gid: textOrNumber,
  mode: fileMode,
});

const extraHost: Decode<string> = (tree, at, problems) => {
  const host = word(tree, at, problems);
  if (host === undefined || /^[^:\s]+:\S+$/.test(host)) return host;
  problems.error(tree.place, `${at} must be name:ip, not "${host}"`);
  return undefined;
};

const tmpfs: Decode<string> = (tree, at, problems) => {
  const mount = word(tree, at, problems);
  if (mount === undefined) return undefined;
  const [path = "", options = ""] = mount.split(":");
  const isWrong = options
    .split(",")
    .some(
      (option) => /^(size|mode)=/.test(option) && !/^(size=\d+[kmgKMG]?|mode=[0-7]+)$/.test(option),
    );
  if (path.startsWith("/") && !isWrong) return mount;
  problems.error(tree.place, `${at} must be /path or /path:size=64m,mode=1777, not "${mount}"`);
  return undefined;
};

/** A limit as one number for both, or soft and hard. */
const limit: Decode<number | { soft?: number; hard?: number }> = (tree, at, problems) =>
  tree.kind === "map"
    ? record({ soft: integer(-1), hard: integer(-1) })(tree, at, problems)
    : integer(-1)(tree, at, problems);

const notForServices = "containers of services have no such setting";
const useLimits = "set deploy.resources instead";

/** Of the Compose specification, but with no meaning in a cluster (or none yet). */
const ignored: Readonly<Record<string, string>> = {
  annotations: "",
  attach: "",
  blkio_config: notForServices,
  build: "stacks run images from a registry; build and push it first",
  cgroup: notForServices,
  cgroup_parent: notForServices,
  cgroupns_mode: notForServices,
  container_name: "tasks have names of their own",
  credential_spec: "",
  device_cgroup_rules: notForServices,
  devices: notForServices,
  develop: "",
  domainname: "put it in hostname",
  expose: "services of one network reach each other at any port",
  external_links: "services of one network find each other by name",
  gpus: "reserve a generic resource instead",
  ipc: notForServices,
  label_file: "",
  links:
    "services of one network find each other by name; use networks.NAME.aliases for other names",
  mac_address: notForServices,
  mem_swappiness: notForServices,
  memswap_limit: notForServices,
  network_mode: "use networks; the host's own is an external network named host",
  oom_kill_disable: notForServices,
  pid: notForServices,
  platform: "place it with deploy.placement.constraints: node.platform.arch==…",
  privileged: notForServices,
  profiles: "every service of a stack is deployed",
  provider: "",
  pull_policy: "nodes pull what they do not have",
  runtime: notForServices,
  security_opt: notForServices,
  shm_size: "mount a tmpfs at /dev/shm",
  storage_opt: notForServices,
  use_api_socket: "",
  userns_mode: notForServices,
  uts: notForServices,
  cpu_count: useLimits,
  cpu_percent: useLimits,
  cpu_period: useLimits,
  cpu_rt_period: useLimits,
  cpu_rt_runtime: useLimits,
  scale: "set deploy.replicas instead",
};

/** What Docker refuses too: running without them would be another thing. */
const refused: Readonly<Record<string, string>> = {
  volume_driver: "set the driver of a volume under the top-level volumes",
  volumes_from: "name a volume and mount it in both services",
  cpu_quota: useLimits,
  cpu_shares: useLimits,
  cpuset: useLimits,
  cpus: "set deploy.resources.limits.cpus instead",
  mem_limit: "set deploy.resources.limits.memory instead",
  mem_reservation: "set deploy.resources.reservations.memory instead",
  pids_limit: "set deploy.resources.limits.pids instead",
};

/** A service as it is written, in long forms. */
export const service = record(
  {
    cap_add: list(word),
    cap_drop: list(word),
    command,
    configs: list(fileReference),
    depends_on: mapOf(
      record({
        condition: choice("service_started", "service_healthy", "service_completed_successfully"),
        required: flag,
        restart: flag,
      }),
    ),
    deploy,
    dns: list(word),
    dns_opt: list(word),
    dns_search: list(word),
    entrypoint: command,
    env_file: list(record({ path: word, required: flag, format: choice("raw") })),
    environment: mapOf(anyText, null),
    extra_hosts: list(extraHost),
    group_add: list(textOrNumber),
    healthcheck,
    hostname: word,
    image: word,
    init: flag,
    isolation: text,
    labels: mapOf(anyText, ""),
    logging: record({ driver: word, options: mapOf(anyText, "") }),
    networks: mapOf(
      record(
        { aliases: list(word), driver_opts: mapOf(anyText, "") },
        {
          ipv4_address: "addresses are given by the cluster",
          ipv6_address: "addresses are given by the cluster",
          interface_name: "",
          link_local_ips: "",
          mac_address: "",
          gw_priority: "",
          priority: "",
        },
      ),
      null,
    ),
    oom_score_adj: integer(-1000, 1000),
    ports: list(port),
    read_only: flag,
    restart: text,
    secrets: list(fileReference),
    stdin_open: flag,
    stop_grace_period: duration,
    stop_signal: textOrNumber,
    sysctls: mapOf(anyText, ""),
    tmpfs: list(tmpfs),
    tty: flag,
    ulimits: mapOf(limit),
    user: textOrNumber,
    volumes: list(volume),
    working_dir: word,
  },
  ignored,
  refused,
);

export type ServiceFields = Decoded<typeof service>;
export type PortFields = Decoded<typeof port>;
export type VolumeFields = Decoded<typeof volume>;
export type FileReferenceFields = Decoded<typeof fileReference>;
