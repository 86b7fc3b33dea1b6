import { readFile } from "node:fs/promises";
import { hostname as hostsName } from "node:os";
import { ClusterError } from "../../base/errors.ts";
import type { ContainerConfig } from "./container-config.ts";
import type { HandMadeRecord } from "./hand-made-record.ts";
import type { LocalNetworks, PortRequest, SandboxRequest } from "./local-network-port.ts";
import type { LaunchNetwork } from "./plan-launch.ts";

/** A container whose network another one shares. */
export interface NetworkOwner {
  readonly pid: number;
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

export interface LaunchNetworkDeps {
  readonly networks: LocalNetworks;
  /** The running container of that name or id. FAILED_PRECONDITION when it does not run, NOT_FOUND. */
  readonly owner: (nameOrId: string) => NetworkOwner;
}

/** Opens what a container is connected to while it runs. Errors of `LocalNetworks.open`. */
export async function openNetwork(
  record: HandMadeRecord,
  { networks, owner }: LaunchNetworkDeps,
): Promise<LaunchNetwork> {
  const { config } = record;
  const mode = networkKind(config.networkMode);
  // Without one it is the host's: with its network, or its UTS namespace.
  const ownHostname = config.hostname || hostsName();
  if (mode === "host") {
    return {
      namespacePath: undefined,
      isHost: true,
      hostname: ownHostname,
      hosts: addHosts(await textOf("/etc/hosts"), config.extraHosts),
      resolvConf: await resolvConf(config),
    };
  }
  if (mode === "none") {
    return {
      namespacePath: undefined,
      isHost: false,
      hostname: ownHostname,
      hosts: addHosts("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n", config.extraHosts),
      resolvConf: await resolvConf(config),
    };
  }
  if (mode === "container") {
    const { pid, hostname, hosts, resolvConf: names } = owner(config.networkMode.slice(10));
    const namespacePath = `/proc/${pid}/ns/net`;
    return { namespacePath, isHost: false, hostname, hosts, resolvConf: names };
  }
  const named = { ...record, config: { ...config, hostname: ownHostname } };
  const opened = await networks.open(sandboxRequest(named, networks));
  return {
    namespacePath: opened.netnsPath,
    isHost: false,
    hostname: ownHostname,
    hosts: opened.hosts,
    resolvConf: opened.resolvConf,
  };
}

/** What `--network` means. */
export function networkKind(mode: string): "host" | "none" | "container" | "bridge" {
  if (mode === "host" || mode === "none") return mode;
  return mode.startsWith("container:") ? "container" : "bridge";
}

/** What to ask of the node's networks for one run. NOT_FOUND for a network that is gone. */
export function sandboxRequest(
  { id, name, config, endpoints }: HandMadeRecord,
  networks: Pick<LocalNetworks, "find">,
): SandboxRequest {
  return {
    id,
    name,
    hostname:
      config.domainname === "" ? config.hostname : `${config.hostname}.${config.domainname}`,
    endpoints: endpoints.map((wish) => ({
      network: networks.find(wish.network).id,
      aliases: wish.aliases,
      ...(wish.ip === "" ? {} : { ip: wish.ip }),
      ...(wish.mac === "" ? {} : { mac: wish.mac }),
    })),
    ports: planPorts(config),
    dns: config.dns,
    dnsSearch: config.dnsSearch,
    dnsOptions: config.dnsOptions,
    extraHosts: config.extraHosts,
  };
}

/** Pure: ports to publish; with `publishAllPorts` each exposed one that is not published by itself. */
export function planPorts(config: ContainerConfig): PortRequest[] {
  const bound = config.portBindings.map(({ containerPort, protocol, hostIp, hostPort }) => ({
    containerPort,
    protocol,
    ...(hostIp === "" ? {} : { hostIp }),
    ...(hostPort === 0 ? {} : { hostPort }),
  }));
  if (!config.publishAllPorts) return bound;
  const isBound = (port: number, protocol: string): boolean =>
    bound.some((other) => other.containerPort === port && other.protocol === protocol);
  const rest = config.exposedPorts.flatMap((text): PortRequest[] => {
    const [port = "", protocol] = text.split("/");
    const containerPort = Number(port);
    if (protocol !== "tcp" && protocol !== "udp") return [];
    return isBound(containerPort, protocol) ? [] : [{ containerPort, protocol }];
  });
  return [...bound, ...rest];
}

/** The networks a container joins: that of its mode, with what is asked of it, and any others asked for. */
export function initialEndpoints(config: ContainerConfig): ContainerConfig["endpoints"] {
  const kind = networkKind(config.networkMode);
  if (kind !== "bridge") {
    const other = config.endpoints.find(({ network }) => network !== config.networkMode);
    if (other !== undefined) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `conflicting options: network ${other.network} cannot be joined with network mode ${config.networkMode}`,
      );
    }
    return [];
  }
  const name = config.networkMode || "bridge";
  const asked = config.endpoints.find(({ network }) => network === name || network === "default");
  const own = asked ?? { network: name, aliases: [], ip: "", mac: "" };
  const rest = config.endpoints.filter((endpoint) => endpoint !== asked);
  return [{ ...own, network: name, mac: own.mac || config.macAddress }, ...rest];
}

async function resolvConf({ dns, dnsSearch, dnsOptions }: ContainerConfig): Promise<string> {
  const own = await textOf("/etc/resolv.conf");
  if (dns.length === 0 && dnsSearch.length === 0 && dnsOptions.length === 0) return own;
  const lines = own.split("\n");
  const linesOf = (word: string): string[] => lines.filter((line) => line.startsWith(`${word} `));
  return [
    ...(dnsSearch.length > 0 ? [`search ${dnsSearch.join(" ")}`] : linesOf("search")),
    ...(dns.length > 0 ? dns.map((server) => `nameserver ${server}`) : linesOf("nameserver")),
    ...(dnsOptions.length > 0 ? [`options ${dnsOptions.join(" ")}`] : linesOf("options")),
    "",
  ].join("\n");
}

function addHosts(hosts: string, extra: readonly string[]): string {
  const lines = extra.map((text) => {
    const at = text.search(/[:=]/);
    return `${text.slice(at + 1)}\t${text.slice(0, at)}\n`;
  });
  return `${hosts}${hosts.endsWith("\n") || hosts === "" ? "" : "\n"}${lines.join("")}`;
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
