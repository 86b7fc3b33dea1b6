import type { Endpoint } from "../../gen/skep/Endpoint.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { PortConfig } from "../../gen/skep/PortConfig.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { VirtualIp } from "../../gen/skep/VirtualIp.ts";
import type { Outcome } from "./allocate-network.ts";
import { dynamicPorts, type Ledger } from "./ledger.ts";

/** The networks as the allocation sees them, with what this pass has given. */
export interface NetworkDirectory {
  /** By id or, for specs that name it, by name. */
  find(target: string): Network | undefined;
  /** The routing mesh's network, once it is there. */
  readonly ingress: Network | undefined;
  /** Whether members get addresses from us. */
  isOverlay(network: Network): boolean;
}

/** The service publishes at least one port through the routing mesh. */
export function hasIngressPorts(service: Service): boolean {
  return (service.spec?.endpoint?.ports ?? []).some((port) => port.publishMode === "INGRESS");
}

/**
 * The endpoint that the service's spec asks for. What it has stays as far as it is still wanted: virtual addresses, and ports that were
 * chosen for it. What it lost is free once the store knows (`Ledger.setHoldings`).
 */
export function allocateEndpoint(
  service: Service,
  networks: NetworkDirectory,
  ledger: Ledger,
): Outcome<Endpoint> {
  const ports = allocatePorts(service, ledger);
  if ("refused" in ports) return ports;
  const virtualIps: VirtualIp[] = [];
  for (const network of virtualNetworks(service, networks)) {
    if ("refused" in network) return network;
    const kept = service.endpoint?.virtualIps.find((vip) => vip.networkId === network.given.id);
    const address = kept?.address ?? ledger.takeAddress(network.given.id, service.id);
    if (address === undefined) return { refused: whyNoAddress(network.given, ledger) };
    virtualIps.push({ networkId: network.given.id, address });
  }
  return { given: { spec: service.spec?.endpoint ?? null, ports: ports.given, virtualIps } };
}

/** Says why a network has no address to give, or not the one wished for. */
export function whyNoAddress(network: Network, ledger: Ledger, wished?: string): string {
  const name = network.spec?.annotations?.name || network.id;
  const pool = ledger.pool(network.id);
  if (pool === undefined) return `network ${name} has no subnet yet`;
  if (wished !== undefined) return `network ${name}: address ${wished} is already in use`;
  const subnet = network.ipam?.configs[0]?.subnet ?? "its subnet";
  return `network ${name}: no free address in ${subnet}, all ${pool.capacity} are in use`;
}

function* virtualNetworks(
  service: Service,
  networks: NetworkDirectory,
): Iterable<Outcome<Network>> {
  if (service.spec?.endpoint?.mode === "DNSRR") return;
  const seen = new Set<string>();
  for (const { target } of service.spec?.task?.networks ?? []) {
    const network = networks.find(target);
    if (network === undefined) yield { refused: `network ${target} does not exist` };
    else if (networks.isOverlay(network) && !seen.has(network.id)) yield { given: network };
    if (network !== undefined) seen.add(network.id);
  }
  if (!hasIngressPorts(service)) return;
  if (networks.ingress && seen.has(networks.ingress.id)) return;
  if (networks.ingress) yield { given: networks.ingress };
  else yield { refused: "there is no ingress network: create one with --ingress" };
}

function allocatePorts(service: Service, ledger: Ledger): Outcome<PortConfig[]> {
  const wanted = service.spec?.endpoint?.ports ?? [];
  for (const port of wanted) {
    if (port.publishMode !== "INGRESS" || port.publishedPort === 0) continue;
    if (!ledger.holdPort(port.protocol, port.publishedPort, service.id)) {
      const name = `${port.publishedPort}/${port.protocol.toLowerCase()}`;
      return { refused: `port ${name} is in use by another service` };
    }
  }
  const given: PortConfig[] = [];
  for (const port of wanted) {
    if (port.publishMode !== "INGRESS" || port.publishedPort !== 0) {
      given.push(port);
      continue;
    }
    const publishedPort =
      stickyPort(service, port, [...wanted, ...given]) ??
      ledger.takePort(port.protocol, service.id);
    if (publishedPort === undefined) {
      const range = `${dynamicPorts.first}-${dynamicPorts.last}`;
      return { refused: `all ports of ${range} are in use: publish a port of your choice` };
    }
    given.push({ ...port, publishedPort });
  }
  return { given };
}

/** The port chosen for the same target before, unless this spec uses it otherwise. */
function stickyPort(
  service: Service,
  port: PortConfig,
  used: readonly PortConfig[],
): number | undefined {
  return service.endpoint?.ports.find(
    (old) =>
      old.publishMode === "INGRESS" &&
      old.protocol === port.protocol &&
      old.targetPort === port.targetPort &&
      old.publishedPort >= dynamicPorts.first &&
      old.publishedPort <= dynamicPorts.last &&
      !used.some((u) => u.protocol === old.protocol && u.publishedPort === old.publishedPort),
  )?.publishedPort;
}
