import { posix } from "node:path";
import { ClusterError } from "../base/errors.ts";
import { resolveCapabilities } from "./capabilities.ts";
import type { ContainerResources, ContainerSpec, MountSpec, UlimitSpec } from "./container-spec.ts";
import type { HostDevice } from "./devices.ts";
import type { HostFacts } from "./host-facts.ts";
import type {
  OciDevice,
  OciMount,
  OciNamespace,
  OciProcess,
  OciResources,
  OciSpec,
} from "./oci-types.ts";
import { buildSeccomp } from "./seccomp.ts";
import type { ProcessUser } from "./user-lookup.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const initPathInContainer = "/sbin/docker-init";
const defaultShmBytes = 64 * 1024 * 1024;
const cpuPeriodUs = 100_000;
/** The kernel refuses quotas below a millisecond. */
const cpuQuotaMinUs = 1000;

const maskedPaths = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const propagationPattern = /^r?(private|slave|shared)$/;

/** What the spec alone does not say: where things lie on the host and who the user is. */
export interface OciSpecInput {
  readonly spec: ContainerSpec;
  readonly rootfsPath: string;
  readonly cgroupsPath: string;
  readonly user: ProcessUser;
  readonly host: HostFacts;
  /** Host paths of the generated etc files, and of each entry of `spec.files` in order. */
  readonly etcPaths: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
  readonly filePaths: readonly string[];
  /** Of the host, beside those that every container has. */
  readonly devices?: readonly HostDevice[];
}

/**
 * The OCI config.json of a container: Docker's defaults, limited to what this process may give.
 * INVALID_ARGUMENT for what cannot be meant, FAILED_PRECONDITION for what this host cannot do.
 */
export function buildOciSpec(input: OciSpecInput): OciSpec {
  const { spec, host } = input;
  const privileged = spec.privileged === true;
  const process = buildProcess(input);
  return {
    ociVersion: "1.0.2",
    process,
    root: { path: input.rootfsPath, readonly: spec.readOnly },
    ...(isShared(spec, "uts") ? {} : { hostname: spec.hostname }),
    mounts: buildMounts(input),
    linux: {
      namespaces: [
        ...sharable.filter((type) => !isShared(spec, type)).map((type) => ({ type })),
        { type: "mount" },
        { type: "cgroup" },
        ...networkNamespace(spec),
      ],
      ...deviceNodes(input.devices ?? []),
      cgroupsPath: input.cgroupsPath,
      resources: buildResources(input),
      sysctl: buildSysctls(spec),
      maskedPaths: privileged ? [] : maskedPaths,
      readonlyPaths: privileged ? [] : readonlyPaths,
      ...rootfsPropagation(spec.mounts),
      ...(privileged
        ? {}
        : { seccomp: buildSeccomp(process.capabilities.bounding, host.architecture) }),
    },
  };
}

const sharable = ["pid", "ipc", "uts"] as const;

function isShared(spec: ContainerSpec, type: (typeof sharable)[number]): boolean {
  return spec.hostNamespaces?.includes(type) === true;
}

function deviceNodes(devices: readonly HostDevice[]): { devices?: OciDevice[] } {
  if (devices.length === 0) return {};
  return { devices: devices.map(({ access: _rule, ...device }) => device) };
}

// A mount spreads to and from the host only when the container's root does, as Docker has it.
function rootfsPropagation(mounts: readonly MountSpec[]): { rootfsPropagation?: string } {
  const options = new Set(mounts.flatMap((mount) => mount.options));
  if (options.has("shared") || options.has("rshared")) return { rootfsPropagation: "shared" };
  if (options.has("slave") || options.has("rslave")) return { rootfsPropagation: "rslave" };
  return {};
}

function networkNamespace(spec: ContainerSpec): OciNamespace[] {
  if (spec.hostNetwork === true) return [];
  const path = spec.networkNamespacePath;
  return [{ type: "network", ...(path === undefined ? {} : { path }) }];
}

function buildProcess(input: OciSpecInput): OciProcess {
  const { spec, host, user } = input;
  if (spec.args.length === 0) {
    throw new ClusterError("INVALID_ARGUMENT", `container ${spec.name}: no command specified`);
  }
  if (spec.init && host.initPath === undefined) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `container ${spec.name}: this node has no init program; install tini or catatonit`,
    );
  }
  const wanted = spec.privileged === true ? { add: ["ALL"], drop: [] } : spec.capabilities;
  const { granted } = resolveCapabilities(wanted, host.capabilities);
  const effective = user.uid === 0 ? granted : [];
  const oomScoreAdj = allowedOomScore(spec.oomScoreAdj, host);
  return {
    terminal: spec.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: spec.init ? [initPathInContainer, "--", ...spec.args] : [...spec.args],
    env: buildEnv(spec, user),
    cwd: validateCwd(spec.cwd),
    capabilities: { bounding: granted, effective, permitted: effective },
    rlimits: spec.ulimits.map((limit) => buildRlimit(limit, host)),
    noNewPrivileges: spec.noNewPrivileges === true,
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
}

/**
 * A working directory that cannot lead out through a leaked descriptor (CVE-2024-21626):
 * absolute, normal, and not below /proc, /sys or /dev. INVALID_ARGUMENT otherwise.
 */
export function validateCwd(cwd: string): string {
  const path = posix.normalize(cwd === "" ? "/" : cwd);
  if (!path.startsWith("/")) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `working directory "${cwd}" must be an absolute path`,
    );
  }
  if (/^\/(proc|sys|dev)(\/|$)/.test(path)) {
    throw new ClusterError("INVALID_ARGUMENT", `working directory "${cwd}" is not allowed`);
  }
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The container's environment: the image's and user's, with PATH, HOSTNAME, HOME and TERM filled in. */
function buildEnv(spec: ContainerSpec, user: ProcessUser): string[] {
  const names = new Set(spec.env.map((entry) => entry.split("=", 1)[0]));
  const defaults = [
    `PATH=${defaultPath}`,
    `HOSTNAME=${spec.hostname}`,
    ...(spec.tty ? ["TERM=xterm"] : []),
    `HOME=${user.home}`,
  ];
  const missing = defaults.filter((entry) => !names.has(entry.split("=", 1)[0] ?? ""));
  return [...missing, ...spec.env];
}

/** Lowering a score needs CAP_SYS_RESOURCE; without it a plain container must still start. */
function allowedOomScore(wanted: number | undefined, host: HostFacts): number | undefined {
  if (wanted === undefined) return undefined;
  const bounded = Math.max(-1000, Math.min(1000, wanted));
  if (host.capabilities.has("CAP_SYS_RESOURCE")) return bounded;
  return Math.max(bounded, host.oomScoreAdj);
}

function buildRlimit(
  limit: UlimitSpec,
  host: HostFacts,
): { type: string; soft: number; hard: number } {
  const type = `RLIMIT_${limit.name.toUpperCase()}`;
  const unlimited = 2 ** 64 - 2 ** 11; // the nearest float below RLIM_INFINITY that JSON carries as an integer
  const value = (n: number) => (n < 0 ? unlimited : n);
  const ceiling = host.capabilities.has("CAP_SYS_RESOURCE")
    ? unlimited
    : value(host.hardLimits[type] ?? -1);
  const hard = Math.min(value(limit.hard), ceiling);
  return { type, hard, soft: Math.min(value(limit.soft), hard) };
}

function buildResources({ spec, host, devices = [] }: OciSpecInput): OciResources {
  const allowAll = [{ allow: true, access: "rwm" }];
  const allowSome = devices.map(({ type, major, minor, access }) => {
    return { allow: true, type, major, minor, access };
  });
  return {
    devices: spec.privileged === true ? allowAll : [{ allow: false, access: "rwm" }, ...allowSome],
    ...buildLimits(spec.resources, host),
  };
}

/** The limits of a container as the OCI runtime takes them, at its start and for a running one. */
export function buildLimits(
  limits: ContainerResources,
  host: Pick<HostFacts, "swapLimit">,
): Omit<OciResources, "devices"> {
  const { memoryBytes = 0, nanoCpus = 0, pids = 0 } = limits;
  const { memoryReservationBytes: reservation = 0, memorySwapBytes = memoryBytes } = limits;
  const { cpuShares: shares = 0, cpusetCpus: cpus = "", cpusetMems: mems = "" } = limits;
  const quota = Math.max(cpuQuotaMinUs, Math.round((nanoCpus / 1e9) * cpuPeriodUs));
  const memory = {
    ...(memoryBytes > 0 ? { limit: memoryBytes } : {}),
    ...(memoryBytes > 0 && host.swapLimit ? { swap: memorySwapBytes } : {}),
    ...(reservation > 0 ? { reservation } : {}),
  };
  const cpu = {
    ...(nanoCpus > 0 ? { quota, period: cpuPeriodUs } : {}),
    ...(shares > 0 ? { shares } : {}),
    ...(cpus === "" ? {} : { cpus }),
    ...(mems === "" ? {} : { mems }),
  };
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    pids: { limit: pids > 0 ? pids : -1 },
  };
}

/** Ordinary users may bind low ports and ping, as in Docker, when the container has its own network. */
function buildSysctls(spec: ContainerSpec): Record<string, string> {
  if (spec.hostNetwork === true) return { ...spec.sysctls };
  return {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
    ...spec.sysctls,
  };
}

function buildMounts(input: OciSpecInput): OciMount[] {
  const { spec, host, etcPaths } = input;
  const tmpfs = (destination: string, options: string[]): OciMount => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options,
  });
  const systemMode = spec.privileged === true ? "rw" : "ro";
  const shmSize = `size=${spec.shmBytes ?? defaultShmBytes}`;
  const mounts: OciMount[] = [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    tmpfs("/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", systemMode],
    },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [systemMode, "nosuid", "noexec", "nodev"],
    },
    // Of the namespace it is mounted in: the host's own with the host's memory.
    {
      destination: "/dev/mqueue",
      type: "mqueue",
      source: "mqueue",
      options: ["nosuid", "noexec", "nodev"],
    },
    isShared(spec, "ipc")
      ? bind("/dev/shm", "/dev/shm", false)
      : {
          ...tmpfs("/dev/shm", ["nosuid", "noexec", "nodev", "mode=1777", shmSize]),
          source: "shm",
        },
  ];
  if (spec.init && host.initPath !== undefined) {
    mounts.push(bind(host.initPath, initPathInContainer, true));
  }
  const etcFiles = [
    bind(etcPaths.resolvConf, "/etc/resolv.conf", false),
    bind(etcPaths.hostname, "/etc/hostname", false),
    bind(etcPaths.hosts, "/etc/hosts", false),
  ];
  // Over somebody's /etc, too; but in one that is read-only no place for them can be made.
  const isFixed = spec.mounts.some(
    ({ target, readOnly }) => readOnly && validateTarget(target) === "/etc",
  );
  if (isFixed) mounts.push(...etcFiles);
  const wanted = [...spec.mounts.map(userMount), ...fileMounts(input)];
  const taken = new Set(wanted.map((mount) => mount.destination));
  const own = [
    ...(isFixed ? [] : etcFiles.filter((mount) => !taken.has(mount.destination))),
    ...wanted,
  ];
  const covered = new Set(own.map((mount) => mount.destination));
  // A mount above another must come first, or it would hide it.
  const ordered = own.sort((a, b) => depth(a.destination) - depth(b.destination));
  return [...mounts.filter((mount) => !covered.has(mount.destination)), ...ordered];
}

function fileMounts({ spec, filePaths }: OciSpecInput): OciMount[] {
  return spec.files.map((file, index) =>
    bind(filePaths[index] ?? "", validateTarget(file.path), true),
  );
}

function userMount(mount: MountSpec): OciMount {
  const target = validateTarget(mount.target);
  const mode = mount.readOnly ? "ro" : "rw";
  if (mount.type === "tmpfs") {
    return {
      destination: target,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "noexec", mode, ...mount.options],
    };
  }
  if (!posix.isAbsolute(mount.source)) {
    throw new ClusterError("INVALID_ARGUMENT", `mount source "${mount.source}" must be absolute`);
  }
  const isPlain = !mount.options.some((option) => option === "bind" || option === "rbind");
  const hasPropagation = mount.options.some((option) => propagationPattern.test(option));
  return {
    destination: target,
    type: "bind",
    source: mount.source,
    options: [
      ...(isPlain ? ["rbind"] : []),
      mode,
      ...(hasPropagation ? [] : ["rprivate"]),
      ...mount.options,
    ],
  };
}

function bind(source: string, destination: string, readOnly: boolean): OciMount {
  const options = ["rbind", readOnly ? "ro" : "rw", "rprivate"];
  return { destination, type: "bind", source, options };
}

function validateTarget(target: string): string {
  const path = posix.normalize(`${target}/`).slice(0, -1);
  if (!path.startsWith("/")) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `mount target "${target}" must be an absolute path below /`,
    );
  }
  return path;
}

function depth(path: string): number {
  return path.split("/").length;
}
