import type {
  ContainerCreateOptions,
  ContainerLimitsData,
  EndpointWishData,
  RestartPolicyData,
} from "../backend/container-create.ts";
import type { HealthcheckData } from "../backend/images.ts";
import { badRequest } from "../http/http-error.ts";
import { readContainerMounts } from "./container-mounts.ts";
import { readPortBindings } from "./container-ports.ts";
import { refuseUnsupported } from "./container-unsupported.ts";
import { JsonObject } from "./json-object.ts";
import { readDurationMs } from "./time.ts";

const policyNames = {
  no: "no",
  always: "always",
  "unless-stopped": "unless-stopped",
  "on-failure": "on-failure",
} as const;

/** Body of POST /containers/create. 400 for wrong values; 501 for settings this daemon has not. */
export function readContainerCreate(body: unknown): ContainerCreateOptions {
  const config = new JsonObject(body);
  const host = config.object("HostConfig") ?? new JsonObject({}, "HostConfig");
  refuseUnsupported(config, host);
  const image = config.text("Image");
  if (image === "") throw badRequest("no image is named: set Image");
  const networkMode = host.text("NetworkMode");
  const stopTimeout = config.optionalInteger("StopTimeout", { min: -1 });
  const { portBindings, exposedPorts } = readPortBindings(config, host);
  const log = host.object("LogConfig");
  return {
    image,
    entrypoint: config.has("Entrypoint") ? textOrTexts(config, "Entrypoint") : undefined,
    cmd: config.has("Cmd") ? textOrTexts(config, "Cmd") : undefined,
    env: config.texts("Env"),
    labels: config.textMap("Labels"),
    workingDir: config.text("WorkingDir"),
    user: config.text("User"),
    hostname: config.text("Hostname"),
    domainname: config.text("Domainname"),
    tty: config.flag("Tty"),
    openStdin: config.flag("OpenStdin"),
    stdinOnce: config.flag("StdinOnce"),
    attachStdin: config.flag("AttachStdin"),
    attachStdout: config.flag("AttachStdout"),
    attachStderr: config.flag("AttachStderr"),
    readOnly: host.flag("ReadonlyRootfs"),
    init: host.optionalFlag("Init"),
    autoRemove: host.flag("AutoRemove"),
    stopSignal: config.text("StopSignal"),
    stopTimeoutMs: stopTimeout === undefined ? undefined : stopTimeout * 1000,
    healthcheck: readHealthcheck(config.object("Healthcheck")),
    restart: readRestartPolicy(host.object("RestartPolicy")),
    ...readContainerMounts(config, host),
    volumesFrom: host.texts("VolumesFrom"),
    exposedPorts,
    portBindings,
    publishAllPorts: host.flag("PublishAllPorts"),
    networkMode: config.flag("NetworkDisabled")
      ? "none"
      : networkMode === "default"
        ? ""
        : networkMode,
    endpoints: readEndpoints(config),
    macAddress: config.text("MacAddress"),
    dns: host.texts("Dns"),
    dnsSearch: host.texts("DnsSearch"),
    dnsOptions: host.texts("DnsOptions"),
    extraHosts: host.texts("ExtraHosts"),
    limits: { ...noLimits, ...readLimits(host) },
    oomScoreAdj: host.integer("OomScoreAdj", { min: -1000, max: 1000 }),
    capabilityAdd: host.texts("CapAdd"),
    capabilityDrop: host.texts("CapDrop"),
    groupAdd: host.texts("GroupAdd"),
    ulimits: host.objects("Ulimits", (ulimit) => ({
      name: ulimit.text("Name"),
      soft: ulimit.integer("Soft", { min: -1 }),
      hard: ulimit.integer("Hard", { min: -1 }),
    })),
    sysctls: host.textMap("Sysctls"),
    shmBytes: host.integer("ShmSize"),
    noNewPrivileges: host.texts("SecurityOpt").some((text) => /^no-new-privileges/.test(text)),
    privileged: host.flag("Privileged"),
    devices: host.objects("Devices", readDevice),
    hostNamespaces: readHostNamespaces(config, host),
    logDriver: log?.text("Type") || "json-file",
    logOptions: log?.textMap("Config") ?? {},
  };
}

function readDevice(device: JsonObject): NonNullable<ContainerCreateOptions["devices"]>[number] {
  const hostPath = device.text("PathOnHost");
  const path = device.text("PathInContainer") || hostPath;
  const access = device.text("CgroupPermissions") || "rwm";
  for (const text of [hostPath, path]) {
    if (!text.startsWith("/")) throw badRequest(`device "${text}": give an absolute path`);
  }
  if (!/^[rwm]{1,3}$/.test(access)) {
    throw badRequest(`device ${hostPath}: invalid permissions "${access}": use some of r, w and m`);
  }
  return { hostPath, path, access };
}

function readHostNamespaces(config: JsonObject, host: JsonObject): ("pid" | "ipc" | "uts")[] {
  const fields = { pid: "PidMode", ipc: "IpcMode", uts: "UTSMode" } as const;
  const shared = (["pid", "ipc", "uts"] as const).filter(
    (type) => host.text(fields[type]) === "host",
  );
  if (shared.includes("uts") && config.text("Hostname") !== "") {
    throw badRequest("conflicting options: hostname and the UTS mode");
  }
  return shared;
}

/** A container that sets no limits. */
export const noLimits: ContainerLimitsData = {
  memoryBytes: 0,
  memoryReservationBytes: 0,
  memorySwapBytes: 0,
  nanoCpus: 0,
  cpuShares: 0,
  cpuPeriodUs: 0,
  cpuQuotaUs: 0,
  cpusetCpus: "",
  cpusetMems: "",
  pids: 0,
};

/** Those limits that a body sets to something. */
export function readLimits(host: JsonObject): Partial<ContainerLimitsData> {
  const all: ContainerLimitsData = {
    memoryBytes: host.integer("Memory"),
    memoryReservationBytes: host.integer("MemoryReservation"),
    memorySwapBytes: host.integer("MemorySwap", { min: -1 }),
    nanoCpus: host.integer("NanoCpus"),
    cpuShares: host.integer("CpuShares"),
    cpuPeriodUs: host.integer("CpuPeriod"),
    cpuQuotaUs: host.integer("CpuQuota", { min: -1 }),
    cpusetCpus: host.text("CpusetCpus"),
    cpusetMems: host.text("CpusetMems"),
    pids: Math.max(0, host.integer("PidsLimit", { min: -1 })),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== 0 && value !== ""));
}

/** 400 for an unknown name. */
export function readRestartPolicy(object: JsonObject | undefined): RestartPolicyData {
  const name = object?.word("Name", policyNames, "no") ?? "no";
  return { name, retriesMax: object?.integer("MaximumRetryCount") ?? 0 };
}

function readHealthcheck(object: JsonObject | undefined): HealthcheckData | undefined {
  if (object === undefined) return undefined;
  const ms = (name: string): number => readDurationMs(object, name);
  return {
    test: object.texts("Test"),
    intervalMs: ms("Interval"),
    timeoutMs: ms("Timeout"),
    retries: object.integer("Retries"),
    startPeriodMs: ms("StartPeriod"),
    startIntervalMs: ms("StartInterval"),
  };
}

function readEndpoints(config: JsonObject): EndpointWishData[] {
  const endpoints = config.object("NetworkingConfig")?.object("EndpointsConfig");
  const names = config.object("NetworkingConfig")?.keys("EndpointsConfig") ?? [];
  return names.map((network) => ({ network, ...readEndpoint(endpoints?.object(network)) }));
}

/** What is asked of one network. 501 for what this daemon has not. */
export function readEndpoint(
  endpoint: JsonObject | undefined,
): Pick<EndpointWishData, "aliases" | "ip" | "mac"> {
  const links = endpoint?.texts("Links") ?? [];
  if (links.length > 0) throw badRequest("links between containers are not available: use names");
  return {
    aliases: endpoint?.texts("Aliases") ?? [],
    ip: endpoint?.object("IPAMConfig")?.text("IPv4Address") ?? "",
    mac: endpoint?.text("MacAddress") ?? "",
  };
}

function textOrTexts(config: JsonObject, name: string): string[] {
  try {
    return config.texts(name);
  } catch (error) {
    // Docker also takes one string.
    const text = config.text(name);
    if (text === "") throw error;
    return [text];
  }
}
