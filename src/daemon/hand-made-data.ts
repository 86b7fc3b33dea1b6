import type {
  ContainerData,
  ContainerMountData,
  ContainerNetworkData,
  ContainerPortData,
  ContainerState,
} from "../rest/backend/containers.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { MountSpec } from "../runtime/container-spec.ts";
import type { ContainerConfig } from "../worker/containers/container-config.ts";
import type { HandMadeContainer } from "../worker/containers/hand-made-container.ts";
import type { LocalNetworks } from "../worker/containers/local-network-port.ts";
import { argsOf } from "../worker/containers/resolve-config.ts";

export interface HandMadeDataDeps {
  readonly runtime: ContainerRuntime;
  readonly networks: LocalNetworks;
}

/** A hand-made container as REST shows it. */
export function handMadeData(container: HandMadeContainer, deps: HandMadeDataDeps): ContainerData {
  const { record, isRunning, health } = container;
  const { config, run, id } = record;
  const info = deps.runtime.find(id);
  return {
    id,
    name: record.name,
    image: config.image,
    imageId: record.imageId,
    args: argsOf(config),
    entrypoint: config.entrypoint ?? [],
    cmd: config.cmd ?? [],
    env: config.env,
    labels: config.labels,
    workingDir: config.workingDir,
    user: config.user,
    hostname: config.hostname,
    tty: config.tty,
    openStdin: config.openStdin,
    readOnly: config.readOnly,
    init: config.init === true,
    stopSignal: config.stopSignal,
    stopTimeoutMs: config.stopTimeoutMs,
    healthcheck: config.healthcheck,
    createdAtMs: record.createdAtMs,
    state: stateOf(container),
    pid: isRunning ? (info?.pid ?? 0) : 0,
    startedAtMs: run.startedAtMs,
    finishedAtMs: run.finishedAtMs,
    exitCode: isRunning ? 0 : run.exitCode,
    oomKilled: run.oomKilled,
    error: run.error,
    restartCount: run.restartCount,
    health,
    mounts: info === undefined ? [] : deps.runtime.spec(id).mounts.map(mountData),
    networks: networksOf(container, deps.networks),
    ports: portsOf(config, isRunning ? deps.networks.ports(id) : []),
    sandboxPath: isRunning ? (deps.runtime.spec(id).networkNamespacePath ?? "") : "",
    logPath: info === undefined ? "" : deps.runtime.reusable.logPath(id),
    etcFolder:
      info === undefined || run.startedAtMs === 0 ? undefined : deps.runtime.reusable.etcFolder(id),
    memoryBytes: config.limits.memoryBytes,
    nanoCpus: config.limits.nanoCpus,
    pidsLimit: config.limits.pids,
    capabilityAdd: config.capabilityAdd,
    capabilityDrop: config.capabilityDrop,
    isTask: false,
    asked: config,
  };
}

function stateOf(container: HandMadeContainer): ContainerState {
  if (container.isPaused) return "paused";
  if (container.waitsForRestart && !container.isRunning) return "restarting";
  const { phase } = container.record.run;
  return phase === "removing" ? "dead" : phase;
}

function mountData(mount: MountSpec): ContainerMountData {
  const { volume } = mount;
  const words = mount.options.filter((option) => /^r?(private|slave|shared)$/.test(option));
  return {
    type: volume === undefined ? mount.type : "volume",
    name: volume ?? "",
    source: mount.source,
    target: mount.target,
    readOnly: mount.readOnly,
    propagation: mount.type === "bind" && volume === undefined ? (words[0] ?? "rprivate") : "",
  };
}

function networksOf(container: HandMadeContainer, networks: LocalNetworks): ContainerNetworkData[] {
  const { record, isRunning } = container;
  const { networkMode } = record.config;
  if (networkMode === "host" || networkMode === "none") {
    const { id, name } = networks.find(networkMode);
    return [{ ...unconnected(name, []), networkId: isRunning ? id : "" }];
  }
  const given = isRunning ? networks.inspect(record.id) : [];
  return record.endpoints.map(({ network, aliases }) => {
    const endpoint = given.find((one) => one.network === network || one.networkId === network);
    if (endpoint === undefined) return unconnected(network, aliases);
    return {
      networkId: endpoint.networkId,
      networkName: endpoint.network,
      endpointId: endpoint.endpointId,
      address: `${endpoint.ip}/${endpoint.prefixLength}`,
      gateway: endpoint.gateway,
      macAddress: endpoint.mac,
      aliases,
    };
  });
}

function unconnected(networkName: string, aliases: readonly string[]): ContainerNetworkData {
  return {
    networkId: "",
    networkName,
    endpointId: "",
    address: "",
    gateway: "",
    macAddress: "",
    aliases,
  };
}

function portsOf(
  config: ContainerConfig,
  bound: ReturnType<LocalNetworks["ports"]>,
): ContainerPortData[] {
  const published = bound.map((port) => ({
    targetPort: port.containerPort,
    protocol: port.protocol,
    publishedPort: port.hostPort,
    hostAddress: port.hostIp,
  }));
  const exposed = config.exposedPorts.flatMap((text): ContainerPortData[] => {
    const [port = "", protocol] = text.split("/");
    if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp") return [];
    const targetPort = Number(port);
    const isPublished = published.some(
      (other) => other.targetPort === targetPort && other.protocol === protocol,
    );
    return isPublished ? [] : [{ targetPort, protocol, publishedPort: 0, hostAddress: "" }];
  });
  return [...published, ...exposed];
}
