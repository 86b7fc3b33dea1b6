/** How a flag's value is read. A `list` flag may be given several times. */
export type FlagKind = "bool" | "string" | "list" | "int";

export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  readonly help: string;
  /** Key in daemon.json where it differs from the flag's name. */
  readonly key?: string;
}

/** dockerd's flags that mean something here, by dockerd's names (dockerd reference, 28.x). */
export const flags: readonly Flag[] = [
  {
    name: "host",
    short: "H",
    kind: "list",
    help: "socket to serve the API on: unix:///path or tcp://ip:port",
    key: "hosts",
  },
  { name: "data-root", kind: "string", help: "folder of everything that must survive a reboot" },
  {
    name: "exec-root",
    kind: "string",
    help: "folder of everything that need not survive a reboot",
  },
  { name: "pidfile", short: "p", kind: "string", help: "file to write the process id to" },
  { name: "config-file", kind: "string", help: "JSON file with these options by name" },
  { name: "log-level", short: "l", kind: "string", help: "debug, info, warn, error or fatal" },
  { name: "log-format", kind: "string", help: "text or json (always json here)" },
  { name: "debug", short: "D", kind: "bool", help: "log-level debug" },
  { name: "label", kind: "list", help: "engine label key=value of this node", key: "labels" },
  {
    name: "insecure-registry",
    kind: "list",
    help: "registry host:port or CIDR to reach by HTTP",
    key: "insecure-registries",
  },
  {
    name: "swarm-default-advertise-addr",
    kind: "string",
    help: "address or interface other nodes reach this one at",
  },
  {
    name: "node-generic-resource",
    kind: "list",
    help: "what this node offers besides processors and memory: SSD=3, GPU=UUID-1",
    key: "node-generic-resources",
  },
  { name: "cgroup-parent", kind: "string", help: "cgroup all containers go under" },
  { name: "dns", kind: "list", help: "name servers of containers" },
  {
    name: "default-address-pool",
    kind: "list",
    help: "where local networks get their subnets from: base=172.80.0.0/16,size=24",
    key: "default-address-pools",
  },
  { name: "bip", kind: "string", help: "address and subnet of the egress bridge" },
  { name: "metrics-addr", kind: "string", help: "host:port to serve Prometheus metrics at" },
  { name: "group", short: "G", kind: "string", help: "group of the unix socket" },
  { name: "validate", kind: "bool", help: "check the configuration and exit" },
];

/** Keys in daemon.json that differ from the flag's name. */
const ignoredKeys: Readonly<Record<string, string>> = {
  "storage-opt": "storage-opts",
  "exec-opt": "exec-opts",
  "add-runtime": "runtimes",
  "log-opt": "log-opts",
  "default-ulimit": "default-ulimits",
  "dns-opt": "dns-opts",
  "registry-mirror": "registry-mirrors",
  "authorization-plugin": "authorization-plugins",
  "cdi-spec-dir": "cdi-spec-dirs",
  "default-network-opt": "default-network-opts",
};

/** Flags of dockerd that are accepted with a warning and do nothing: there is no such part (yet), or it is always so. */
export const ignoredFlags: readonly Flag[] = (
  [
    ["storage-driver", "string"],
    ["storage-opt", "list"],
    ["containerd", "string"],
    ["containerd-namespace", "string"],
    ["containerd-plugins-namespace", "string"],
    ["userland-proxy", "bool"],
    ["userland-proxy-path", "string"],
    ["iptables", "bool"],
    ["ip6tables", "bool"],
    ["ip-forward", "bool"],
    ["ip-masq", "bool"],
    ["ip", "string"],
    ["bridge", "string"],
    ["exec-opt", "list"],
    ["live-restore", "bool"],
    ["add-runtime", "list"],
    ["default-runtime", "string"],
    ["init", "bool"],
    ["init-path", "string"],
    ["selinux-enabled", "bool"],
    ["seccomp-profile", "string"],
    ["experimental", "bool"],
    ["ipv6", "bool"],
    ["fixed-cidr", "string"],
    ["fixed-cidr-v6", "string"],
    ["icc", "bool"],
    ["mtu", "int"],
    ["oom-score-adjust", "int"],
    ["max-concurrent-downloads", "int"],
    ["max-concurrent-uploads", "int"],
    ["max-download-attempts", "int"],
    ["log-driver", "string"],
    ["log-opt", "list"],
    ["default-ulimit", "list"],
    ["default-shm-size", "string"],
    ["default-ipc-mode", "string"],
    ["default-cgroupns-mode", "string"],
    ["default-gateway", "string"],
    ["default-network-opt", "list"],
    ["network-control-plane-mtu", "int"],
    ["no-new-privileges", "bool"],
    ["raw-logs", "bool"],
    ["allow-nondistributable-artifacts", "list"],
    ["authorization-plugin", "list"],
    ["cluster-store", "string"],
    ["api-cors-header", "string"],
    ["dns-opt", "list"],
    ["dns-search", "list"],
    ["tls", "bool"],
    ["rootless", "bool"],
    ["registry-mirror", "list"],
    ["shutdown-timeout", "int"],
    ["cpu-rt-period", "int"],
    ["cpu-rt-runtime", "int"],
    ["cdi-spec-dir", "list"],
    ["firewall-backend", "string"],
  ] as const
).map(([name, kind]) => ({
  name,
  kind,
  help: "accepted for compatibility, does nothing",
  key: ignoredKeys[name] ?? name,
}));

/** Flags that would weaken security if they were ignored: refused until TLS on TCP sockets exists. */
export const refusedFlags: readonly string[] = [
  "tlsverify",
  "tlscacert",
  "tlscert",
  "tlskey",
  "userns-remap",
];
