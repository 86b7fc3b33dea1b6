import { badRequest, HttpError } from "../http/http-error.ts";
import type { JsonObject } from "./json-object.ts";

/** Lists that must be empty, and what to say of them. */
const emptyLists: Readonly<Record<string, string>> = {
  DeviceRequests: "device requests (--gpus)",
  DeviceCgroupRules: "device rules (--device-cgroup-rule)",
  Links: "links (--link)",
  BlkioWeightDevice: "limits of block devices",
  BlkioDeviceReadBps: "limits of block devices (--device-read-bps)",
  BlkioDeviceWriteBps: "limits of block devices (--device-write-bps)",
  BlkioDeviceReadIOps: "limits of block devices (--device-read-iops)",
  BlkioDeviceWriteIOps: "limits of block devices (--device-write-iops)",
};

/** The way out, where there is one. */
const remedies: Readonly<Record<string, string>> = {
  Links: "join one network and use the containers' names",
};

/** Numbers that must be 0. */
const zeroNumbers: Readonly<Record<string, string>> = {
  BlkioWeight: "the weight of block input and output (--blkio-weight)",
  CpuRealtimePeriod: "real-time processor limits (--cpu-rt-period)",
  CpuRealtimeRuntime: "real-time processor limits (--cpu-rt-runtime)",
  KernelMemory: "a limit of kernel memory (--kernel-memory)",
  KernelMemoryTCP: "a limit of kernel memory for TCP",
};

/** Words that may have only these values. */
const words: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  IpcMode: ["--ipc", ["", "private", "shareable", "host"]],
  PidMode: ["--pid", ["", "private", "host"]],
  UTSMode: ["--uts", ["", "private", "host"]],
  UsernsMode: ["--userns", ["", "host"]],
  CgroupnsMode: ["--cgroupns", ["", "private"]],
  CgroupParent: ["--cgroup-parent", [""]],
  Cgroup: ["the cgroup of another container", [""]],
  VolumeDriver: ["--volume-driver", ["", "local"]],
  Runtime: ["--runtime", ["", "runc"]],
  Isolation: ["--isolation", ["", "default"]],
};

/** What is asked for and cannot be had is refused by its name, never left out in silence: 501, or 400 for what cannot be meant. */
export function refuseUnsupported(config: JsonObject, host: JsonObject): void {
  for (const [name, what] of Object.entries(emptyLists)) {
    if (host.list(name, (value) => value).length > 0) throw unsupported(what, remedies[name]);
  }
  for (const [name, what] of Object.entries(zeroNumbers)) {
    if (host.number(name) > 0) throw unsupported(what);
  }
  for (const [name, [flag, allowed]] of Object.entries(words)) {
    const word = host.text(name);
    if (!allowed.includes(word)) throw unsupported(`${flag} ${word} (HostConfig.${name})`);
  }
  for (const text of host.texts("SecurityOpt")) refuseSecurityOption(text);
  if (host.keys("StorageOpt").length > 0) {
    throw unsupported("options of the storage driver (--storage-opt)");
  }
  if (host.optionalFlag("OomKillDisable") === true) {
    throw unsupported("running on without memory (--oom-kill-disable)");
  }
  const swappiness = host.optionalInteger("MemorySwappiness", { min: -1, max: 100 }) ?? -1;
  if (swappiness !== -1) throw unsupported("swappiness (--memory-swappiness)");
  for (const name of ["MaskedPaths", "ReadonlyPaths"]) {
    if (host.has(name)) throw unsupported(`HostConfig.${name}`);
  }
  refuseLogDriver(host.object("LogConfig"));
  if (config.texts("OnBuild").length > 0) throw badRequest("OnBuild belongs to images");
}

function refuseSecurityOption(text: string): void {
  const known = ["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"];
  if (known.includes(text) || /^(?:label[=:]disable|seccomp[=:]builtin)$/.test(text)) return;
  throw unsupported(`security option ${text} (--security-opt)`);
}

function refuseLogDriver(log: JsonObject | undefined): void {
  const driver = log?.text("Type") ?? "";
  if (!["", "json-file", "local"].includes(driver)) {
    throw unsupported(`log driver ${driver} (--log-driver)`, "use json-file");
  }
  for (const name of log?.keys("Config") ?? []) {
    if (!["max-size", "max-file"].includes(name)) {
      throw unsupported(`option ${name} of the log (--log-opt)`);
    }
  }
}

function unsupported(what: string, instead = ""): HttpError {
  const hint = instead === "" ? "" : `; ${instead}`;
  return new HttpError(501, `${what} cannot be had from this daemon${hint}`);
}
