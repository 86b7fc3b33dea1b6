import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { NodeTlsInfo } from "../../gen/skep/NodeTlsInfo.ts";
import type { ContainerData } from "../backend/containers.ts";
import type { NodeInfoData, SwarmStateData, VersionData } from "../backend/node-info.ts";
import { engineVersion } from "../http/api-version.ts";
import type { InfoJson, InfoSwarmJson, VersionInfoJson } from "../wire/system.ts";
import { clusterInfoJson } from "./cluster.ts";
import { tlsInfoJson } from "./node.ts";
import { millisJson } from "./time.ts";

/** The Swarm header of /_ping. */
export function swarmHeader(state: SwarmStateData): string {
  if (state.state !== "active") return state.state;
  return state.manager ? "active/manager" : "active/worker";
}

/** GET /version. `Version` names the Engine whose API this is; Skep's own is the platform's. */
export function versionJson(
  version: VersionData,
  apiVersion: string,
  minApiVersion: string,
): VersionInfoJson {
  return {
    Platform: { Name: `Skep ${version.version}` },
    Components: [
      {
        Name: "Engine",
        Version: engineVersion,
        Details: {
          ApiVersion: apiVersion,
          Arch: version.architecture,
          BuildTime: version.buildTime,
          Experimental: "false",
          GitCommit: version.gitCommit,
          GoVersion: `node ${version.nodeVersion}`,
          KernelVersion: version.kernelVersion,
          MinAPIVersion: minApiVersion,
          Os: version.os,
        },
      },
      { Name: "skep", Version: version.version, Details: { GitCommit: version.gitCommit } },
      ...version.components.map(({ name, version: text }) => ({
        Name: name,
        Version: text,
        Details: { GitCommit: "" },
      })),
    ],
    Version: engineVersion,
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: version.gitCommit,
    GoVersion: `node ${version.nodeVersion}`,
    Os: version.os,
    Arch: version.architecture,
    KernelVersion: version.kernelVersion,
    BuildTime: version.buildTime,
  };
}

export interface InfoParts {
  readonly data: NodeInfoData;
  readonly version: VersionData;
  readonly swarm: SwarmStateData;
  readonly containers: readonly ContainerData[];
  readonly imageCount: number;
  /** null when this node is no manager or no leader could be asked. */
  readonly cluster: Cluster | null;
  /** What a node's certificate shall be of. */
  readonly wantedTlsInfo: NodeTlsInfo | null;
  readonly nodes: readonly Node[];
  readonly clusterError: string;
  readonly nowMs: number;
}

/** GET /info */
export function infoJson(parts: InfoParts): InfoJson {
  const { data, containers } = parts;
  const inState = (...states: string[]) =>
    containers.filter(({ state }) => states.includes(state)).length;
  const running = inState("running", "restarting");
  const paused = inState("paused");
  return {
    ID: data.id,
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running - paused,
    Images: parts.imageCount,
    Driver: data.storageDriver,
    DriverStatus: [["Backing Filesystem", "extfs"]],
    SystemStatus: null,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "none", "overlay"],
      Authorization: null,
      Log: [data.loggingDriver],
    },
    MemoryLimit: true,
    SwapLimit: false,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    OomKillDisable: false,
    IPv4Forwarding: true,
    Debug: data.debug,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: 0,
    SystemTime: millisJson(parts.nowMs),
    LoggingDriver: data.loggingDriver,
    CgroupDriver: data.cgroupDriver,
    CgroupVersion: data.cgroupVersion,
    KernelVersion: data.kernelVersion,
    OperatingSystem: data.operatingSystem,
    OSVersion: data.osVersion,
    OSType: data.osType,
    Architecture: data.architecture,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(data),
    NCPU: data.cpus,
    MemTotal: data.memoryBytes,
    GenericResources: data.genericResources.map(({ kind, value }) =>
      typeof value === "number"
        ? { DiscreteResourceSpec: { Kind: kind, Value: value } }
        : { NamedResourceSpec: { Kind: kind, Value: value } },
    ),
    DockerRootDir: data.dataRoot,
    HttpProxy: data.httpProxy,
    HttpsProxy: data.httpsProxy,
    NoProxy: data.noProxy,
    Name: data.hostname,
    Labels: [...data.labels],
    ExperimentalBuild: false,
    ServerVersion: engineVersion,
    Runtimes: Object.fromEntries(data.runtimes.map(({ name, path }) => [name, { path }])),
    DefaultRuntime: data.defaultRuntime,
    Swarm: infoSwarmJson(parts),
    LiveRestoreEnabled: data.liveRestore,
    Isolation: "",
    InitBinary: data.initBinary,
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    SecurityOptions: [],
    CDISpecDirs: [],
    Warnings: data.warnings.length === 0 ? null : [...data.warnings],
  };
}

function infoSwarmJson(parts: InfoParts): InfoSwarmJson {
  const { swarm, nodes, cluster } = parts;
  const managers = nodes.filter(({ managerStatus }) => managerStatus !== null).length;
  return {
    NodeID: swarm.nodeId,
    NodeAddr: swarm.nodeAddress,
    LocalNodeState: swarm.state,
    ControlAvailable: swarm.manager,
    Error: swarm.error === "" ? parts.clusterError : swarm.error,
    RemoteManagers:
      swarm.remoteManagers.length === 0
        ? null
        : swarm.remoteManagers.map(({ nodeId, address }) => ({ NodeID: nodeId, Addr: address })),
    ...(nodes.length === 0 ? {} : { Nodes: nodes.length }),
    ...(managers === 0 ? {} : { Managers: managers }),
    ...(cluster === null
      ? {}
      : { Cluster: clusterInfoJson(cluster, tlsInfoJson(parts.wantedTlsInfo)) }),
  };
}

function registryConfig(data: NodeInfoData): object {
  const index = (name: string, secure: boolean, official: boolean, mirrors: readonly string[]) => ({
    Name: name,
    Mirrors: mirrors,
    Secure: secure,
    Official: official,
  });
  const cidrs = data.insecureRegistries.filter((name) => /\/\d+$/.test(name));
  const hosts = data.insecureRegistries.filter((name) => !/\/\d+$/.test(name));
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...cidrs],
    IndexConfigs: Object.fromEntries([
      ["docker.io", index("docker.io", true, true, data.registryMirrors)],
      ...hosts.map((name) => [name, index(name, false, false, [])]),
    ]),
    Mirrors: data.registryMirrors.length === 0 ? null : data.registryMirrors,
  };
}
