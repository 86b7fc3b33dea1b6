import type { ContainerCreateOptions } from "../backend/container-create.ts";
import { emptyObjects, healthcheckJson, orNull } from "./image.ts";
import { mountJson } from "./mount.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";

/** Config of inspect, as a person asked for it: what POST /containers/create takes. */
export function askedConfigJson(asked: ContainerCreateOptions): object {
  const { stopTimeoutMs } = asked;
  return {
    Hostname: asked.hostname,
    Domainname: asked.domainname,
    User: asked.user,
    AttachStdin: asked.attachStdin,
    AttachStdout: asked.attachStdout,
    AttachStderr: asked.attachStderr,
    ...omitEmpty({ ExposedPorts: emptyObjects(asked.exposedPorts) }),
    Tty: asked.tty,
    OpenStdin: asked.openStdin,
    StdinOnce: asked.stdinOnce,
    Env: asked.env,
    Cmd: orNull(asked.cmd ?? []),
    ...omitUndefined({ Healthcheck: healthcheckJson(asked.healthcheck) }),
    Image: asked.image,
    Volumes: asked.volumes.length === 0 ? null : emptyObjects(asked.volumes),
    WorkingDir: asked.workingDir,
    Entrypoint: orNull(asked.entrypoint ?? []),
    OnBuild: null,
    Labels: asked.labels,
    ...omitEmpty({ MacAddress: asked.macAddress, StopSignal: asked.stopSignal }),
    ...omitUndefined({
      StopTimeout: stopTimeoutMs === undefined ? undefined : Math.round(stopTimeoutMs / 1000),
    }),
  };
}

/** HostConfig of inspect, as a person asked for it. */
export function askedHostConfigJson(asked: ContainerCreateOptions): object {
  const { limits, restart, binds, mounts } = asked;
  // Those of -v are in Binds.
  const others = mounts.slice(binds.length, mounts.length - (asked.inheritedMounts ?? 0));
  const mode = (type: "pid" | "ipc" | "uts") =>
    asked.hostNamespaces?.includes(type) === true ? "host" : "";
  return {
    Binds: orNull(binds),
    ContainerIDFile: "",
    LogConfig: { Type: asked.logDriver, Config: asked.logOptions },
    NetworkMode: asked.networkMode || "bridge",
    PortBindings: askedPortsJson(asked),
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.retriesMax },
    AutoRemove: asked.autoRemove,
    VolumeDriver: "",
    VolumesFrom: orNull(asked.volumesFrom ?? []),
    ConsoleSize: [0, 0],
    CapAdd: orNull(asked.capabilityAdd),
    CapDrop: orNull(asked.capabilityDrop),
    CgroupnsMode: "private",
    Dns: asked.dns,
    DnsOptions: asked.dnsOptions,
    DnsSearch: asked.dnsSearch,
    ExtraHosts: orNull(asked.extraHosts),
    GroupAdd: orNull(asked.groupAdd),
    IpcMode: mode("ipc") || "private",
    Cgroup: "",
    Links: null,
    OomScoreAdj: asked.oomScoreAdj,
    PidMode: mode("pid"),
    Privileged: asked.privileged === true,
    PublishAllPorts: asked.publishAllPorts,
    ReadonlyRootfs: asked.readOnly,
    SecurityOpt: asked.noNewPrivileges ? ["no-new-privileges"] : null,
    ...omitEmpty({ Tmpfs: asked.tmpfs, Sysctls: asked.sysctls }),
    UTSMode: mode("uts"),
    UsernsMode: "",
    ShmSize: asked.shmBytes || 64 * 1024 * 1024,
    Runtime: "runc",
    Isolation: "",
    CpuShares: limits.cpuShares,
    Memory: limits.memoryBytes,
    NanoCpus: limits.nanoCpus,
    CgroupParent: "",
    CpuPeriod: limits.cpuPeriodUs,
    CpuQuota: limits.cpuQuotaUs,
    CpusetCpus: limits.cpusetCpus,
    CpusetMems: limits.cpusetMems,
    Devices: (asked.devices ?? []).map(({ hostPath, path, access }) => ({
      PathOnHost: hostPath,
      PathInContainer: path,
      CgroupPermissions: access,
    })),
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: limits.memoryReservationBytes,
    MemorySwap: limits.memorySwapBytes,
    MemorySwappiness: null,
    OomKillDisable: null,
    ...omitUndefined({ Init: asked.init }),
    PidsLimit: limits.pids === 0 ? null : limits.pids,
    Ulimits: asked.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ...omitEmpty({ Mounts: others.map(mountJson) }),
  };
}

function askedPortsJson({ portBindings }: ContainerCreateOptions): Record<string, object[]> {
  const ports: Record<string, object[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of portBindings) {
    const key = `${containerPort}/${protocol}`;
    const binding = { HostIp: hostIp, HostPort: hostPort === 0 ? "" : String(hostPort) };
    ports[key] = [...(ports[key] ?? []), binding];
  }
  return ports;
}
