import type { ContainerData, ContainerPortData } from "../backend/containers.ts";
import type { ContainerSummaryJson } from "../wire/container.ts";
import { askedConfigJson, askedHostConfigJson } from "./container-asked.ts";
import { containerStatusText } from "./container-status.ts";
import { emptyObjects, healthcheckJson, orNull } from "./image.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { millisJson } from "./time.ts";

/** A row of GET /containers/json. */
export function containerSummaryJson(
  container: ContainerData,
  nowMs: number,
): ContainerSummaryJson {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: container.imageId,
    Command: container.args.join(" "),
    Created: Math.floor(container.createdAtMs / 1000),
    // One that does not run publishes nothing.
    Ports: (container.pid > 0 ? container.ports : []).map((port) => ({
      ...omitEmpty({ IP: port.hostAddress }),
      PrivatePort: port.targetPort,
      ...omitEmpty({ PublicPort: port.publishedPort }),
      Type: port.protocol,
    })),
    Labels: { ...container.labels },
    State: container.state,
    Status: containerStatusText(container, nowMs),
    HostConfig: { NetworkMode: networkMode(container) },
    NetworkSettings: { Networks: networksJson(container) },
    Mounts: mountsJson(container),
  };
}

/** GET /containers/{id}/json */
export function containerInspectJson(container: ContainerData, execIds: readonly string[]): object {
  const { asked } = container;
  return {
    Id: container.id,
    Created: millisJson(container.createdAtMs),
    Path: container.args[0] ?? "",
    Args: container.args.slice(1),
    State: stateJson(container),
    Image: container.imageId,
    ResolvConfPath: etcPath(container, "resolv.conf"),
    HostnamePath: etcPath(container, "hostname"),
    HostsPath: etcPath(container, "hosts"),
    LogPath: container.logPath,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: orNull(execIds),
    HostConfig: asked === undefined ? hostConfigJson(container) : askedHostConfigJson(asked),
    GraphDriver: { Name: "overlay2", Data: {} },
    Mounts: mountsJson(container),
    Config: asked === undefined ? configJson(container) : askedConfigJson(asked),
    NetworkSettings: networkSettingsJson(container),
  };
}

function etcPath({ etcFolder }: ContainerData, name: string): string {
  return etcFolder === undefined ? "" : `${etcFolder}/${name}`;
}

function stateJson(container: ContainerData): object {
  const { health } = container;
  return {
    Status: container.state,
    Running: container.state === "running" || container.state === "paused",
    Paused: container.state === "paused",
    Restarting: container.state === "restarting",
    OOMKilled: container.oomKilled,
    Dead: container.state === "dead",
    Pid: container.pid,
    ExitCode: container.exitCode,
    Error: container.error,
    StartedAt: millisJson(container.startedAtMs),
    FinishedAt: millisJson(container.finishedAtMs),
    ...omitUndefined({
      Health: health && {
        Status: health.status,
        FailingStreak: health.failingStreak,
        Log: health.log.map((entry) => ({
          Start: millisJson(entry.startMs),
          End: millisJson(entry.endMs),
          ExitCode: entry.exitCode,
          Output: entry.output,
        })),
      },
    }),
  };
}

function configJson(container: ContainerData): object {
  const { stopTimeoutMs } = container;
  return {
    Hostname: container.hostname,
    Domainname: "",
    User: container.user,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...omitEmpty({
      ExposedPorts: emptyObjects(
        container.ports.map((port) => `${port.targetPort}/${port.protocol}`),
      ),
    }),
    Tty: container.tty,
    OpenStdin: container.openStdin,
    StdinOnce: false,
    Env: container.env,
    Cmd: orNull(container.cmd),
    ...omitUndefined({ Healthcheck: healthcheckJson(container.healthcheck) }),
    Image: container.image,
    Volumes: null,
    WorkingDir: container.workingDir,
    Entrypoint: orNull(container.entrypoint),
    OnBuild: null,
    Labels: container.labels,
    ...omitEmpty({ StopSignal: container.stopSignal }),
    ...omitUndefined({
      StopTimeout: stopTimeoutMs === undefined ? undefined : Math.round(stopTimeoutMs / 1000),
    }),
  };
}

function hostConfigJson(container: ContainerData): object {
  return {
    Binds: null,
    ContainerIDFile: "",
    LogConfig: { Type: "json-file", Config: {} },
    NetworkMode: networkMode(container),
    PortBindings: portBindings(container.ports),
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: false,
    CapAdd: orNull(container.capabilityAdd),
    CapDrop: orNull(container.capabilityDrop),
    Privileged: false,
    ReadonlyRootfs: container.readOnly,
    ...omitUndefined({ Init: container.init ? true : undefined }),
    Memory: container.memoryBytes,
    NanoCpus: container.nanoCpus,
    PidsLimit: container.pidsLimit === 0 ? null : container.pidsLimit,
    Runtime: "runc",
    Isolation: "",
  };
}

function networkSettingsJson(container: ContainerData): object {
  const [first] = container.networks;
  return {
    Bridge: "",
    SandboxID: container.sandboxPath === "" ? "" : container.id,
    SandboxKey: container.sandboxPath,
    Ports: portBindings(container.ports),
    Gateway: first?.gateway ?? "",
    IPAddress: first?.address.split("/")[0] ?? "",
    IPPrefixLen: Number(first?.address.split("/")[1] ?? 0),
    MacAddress: first?.macAddress ?? "",
    Networks: networksJson(container),
  };
}

function portBindings(ports: readonly ContainerPortData[]): Record<string, object[] | null> {
  const bindings: Record<string, object[] | null> = {};
  for (const port of ports) {
    const key = `${port.targetPort}/${port.protocol}`;
    if (port.publishedPort === 0) {
      bindings[key] ??= null;
      continue;
    }
    bindings[key] = [
      ...(bindings[key] ?? []),
      { HostIp: port.hostAddress, HostPort: String(port.publishedPort) },
    ];
  }
  return bindings;
}

function networksJson(container: ContainerData): Record<string, object> {
  return Object.fromEntries(
    container.networks.map((network) => {
      const [address = "", length = "0"] = network.address.split("/");
      return [
        network.networkName,
        {
          IPAMConfig: null,
          Links: null,
          Aliases: orNull(network.aliases),
          MacAddress: network.macAddress,
          NetworkID: network.networkId,
          EndpointID: network.endpointId,
          Gateway: network.gateway,
          IPAddress: address,
          IPPrefixLen: Number(length),
          IPv6Gateway: "",
          GlobalIPv6Address: "",
          GlobalIPv6PrefixLen: 0,
          DriverOpts: null,
          DNSNames: orNull(
            network.networkName === "bridge"
              ? []
              : [container.name, container.id.slice(0, 12), ...network.aliases],
          ),
        },
      ];
    }),
  );
}

function mountsJson(container: ContainerData): object[] {
  return container.mounts.map((mount) => ({
    Type: mount.type,
    ...omitEmpty({ Name: mount.name }),
    Source: mount.source,
    Destination: mount.target,
    ...omitEmpty({ Driver: mount.type === "volume" ? "local" : "" }),
    Mode: "",
    RW: !mount.readOnly,
    Propagation: mount.propagation,
  }));
}

function networkMode(container: ContainerData): string {
  if (container.asked !== undefined) return container.asked.networkMode || "bridge";
  return container.networks[0]?.networkName ?? "none";
}
