import { readFileSync } from "node:fs";
import { ClusterError } from "../base/errors.ts";
import { localZoneInput } from "../dns/local-zone.ts";
import type { DnsServer } from "../dns/server.ts";
import { buildZone, type Zone } from "../dns/zone.ts";
import { defaultNetworkName } from "../overlay/local/local-network.ts";
import type { LocalOverlay } from "../overlay/local/local-overlay.ts";
import {
  type HostResolver,
  needsResolver,
  type ResolverWishes,
  readResolvConf,
  resolvConfText,
} from "../overlay/local/resolver-files.ts";
import type { AssignmentSet } from "../worker/agent/assignment-set.ts";
import { assignedZoneInput } from "../worker/executor/assigned-zone.ts";
import { gatewayNetworkName } from "./gateway-network.ts";
import type { SwarmEndpoints } from "./swarm-endpoints.ts";

export interface SandboxNamesDeps {
  readonly local: LocalOverlay;
  readonly swarm: SwarmEndpoints;
  readonly dns: DnsServer;
  /** --dns of the daemon; [] = the host's. */
  readonly nameServers: readonly string[];
}

/** The names that containers which people made find: on the node's own networks, and on those of the swarm. */
export class SandboxNames {
  readonly #deps: SandboxNamesDeps;
  readonly #zones = new Map<string, { zone: Zone; assigned: AssignmentSet | undefined }>();
  /** Containers with a resolver in their sandbox. */
  readonly #resolvers = new Set<string>();

  constructor(deps: SandboxNamesDeps) {
    this.#deps = deps;
  }

  /** Containers came, went, or are called otherwise. */
  changed(): void {
    this.#zones.clear();
  }

  /** Answers in the container's sandbox from now on, where that is needed. */
  async serve(containerId: string, wishes: ResolverWishes): Promise<void> {
    const { local, dns, swarm } = this.#deps;
    const own = local.sandboxes.get(containerId)?.endpoints ?? [];
    const named = this.#networks().filter(({ hasNames }) => hasNames);
    const hasNames =
      swarm.of(containerId).length > 0 ||
      own.some(({ networkId }) => named.some(({ id }) => id === networkId));
    if (this.#resolvers.has(containerId)) return;
    if (!needsResolver(hasNames, wishes, this.#host())) return;
    const zone = () => this.#zoneOf(containerId);
    await dns.addSandbox(containerId, local.path(containerId), zone, wishes.dns);
    this.#resolvers.add(containerId);
  }

  async end(containerId: string): Promise<void> {
    if (this.#resolvers.delete(containerId)) await this.#deps.dns.removeSandbox(containerId);
    this.#zones.delete(containerId);
  }

  /** Content of the container's resolv.conf. */
  resolvConf(containerId: string, wishes: ResolverWishes): string {
    return resolvConfText(this.#resolvers.has(containerId), wishes, this.#host());
  }

  // Asked for at each question: the same object until something changes.
  #zoneOf(containerId: string): Zone {
    const { local, swarm } = this.#deps;
    const places = swarm.of(containerId);
    const assigned = places.length === 0 ? undefined : swarm.assigned();
    const known = this.#zones.get(containerId);
    if (known !== undefined && known.assigned === assigned) return known.zone;
    if (places.length > 0 && assigned === undefined) {
      // Unanswered, the question comes again; outside it would have found no such name.
      throw new ClusterError("UNAVAILABLE", "the names of the swarm are not known yet");
    }
    const { sandboxes } = local;
    const own = sandboxes.get(containerId) ?? { containerId, name: "", endpoints: [] };
    const input = localZoneInput(own, this.#networks(), sandboxes.all());
    const ofSwarm = assigned === undefined ? undefined : assignedZoneInput(assigned);
    const zone = buildZone({
      ...input,
      attachments: [
        ...input.attachments,
        ...places.map(({ networkId, ip }) => ({ networkId, address: ip })),
      ],
      networks: [...input.networks, ...(ofSwarm?.networks ?? [])],
      endpoints: [...input.endpoints, ...(ofSwarm?.endpoints ?? [])],
      services: ofSwarm?.services ?? [],
    });
    this.#zones.set(containerId, { zone, assigned });
    return zone;
  }

  #networks() {
    return this.#deps.local.networks.all().map(({ id, name, internal, subnet }) => ({
      id,
      name,
      internal,
      subnet,
      hasNames: name !== defaultNetworkName && name !== gatewayNetworkName,
    }));
  }

  #host(): HostResolver {
    const { nameServers } = this.#deps;
    const host = readResolvConf(hostResolvConf());
    return nameServers.length === 0 ? host : { ...host, servers: nameServers };
  }
}

function hostResolvConf(): string {
  try {
    return readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    return "";
  }
}
