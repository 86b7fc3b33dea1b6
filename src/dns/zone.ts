import { addressOf } from "../base/ip.ts";

/** The names one sandbox sees. Names are lower case, without a final dot. */
export interface Zone {
  readonly networks: readonly {
    readonly id: string;
    readonly name: string;
    readonly internal: boolean;
    readonly subnet: string;
  }[];
  /** A name with no address is known: it is answered, with nothing, and never sent on. */
  readonly names: ReadonlyMap<string, ZoneName>;
  readonly reverse: ReadonlyMap<string, string>;
}

export interface ZoneName {
  readonly addresses: readonly string[];
  /** Whether the addresses change with every task: then they are kept by askers for a short time only. */
  readonly volatile: boolean;
}

export interface ZoneInput {
  /** The sandbox's own places, with the names it goes by there. */
  readonly attachments: readonly {
    readonly networkId: string;
    readonly address: string;
    readonly aliases?: readonly string[];
  }[];
  readonly networks: readonly {
    readonly id: string;
    readonly name: string;
    readonly internal: boolean;
    readonly subnet: string;
    readonly ingress?: boolean;
  }[];
  readonly endpoints: readonly {
    readonly networkId: string;
    readonly taskId: string;
    readonly taskName: string;
    readonly serviceId: string;
    readonly serviceName: string;
    readonly address: string;
    readonly aliases: readonly string[];
    readonly serving: boolean;
  }[];
  readonly services: readonly {
    readonly id: string;
    readonly name: string;
    readonly mode: "vip" | "dnsrr";
    readonly virtualIps: readonly { readonly networkId: string; readonly address: string }[];
    readonly aliases: readonly { readonly networkId: string; readonly names: readonly string[] }[];
  }[];
  /** Names that lead to the sandbox itself (host name, container name and id). */
  readonly ownNames: readonly string[];
}

/**
 * Pure: the names of the networks the sandbox is on: service and its aliases (VIP, or all serving tasks
 * for dnsrr), tasks.service (all serving tasks), tasks and their aliases, itself. Each also with the network's
 * name behind it. Where a name means two things, the service wins, then the first network.
 */
export function buildZone(input: ZoneInput): Zone {
  const names = new Map<string, { addresses: string[]; volatile: boolean }>();
  const reverse = new Map<string, string>();
  const networks = input.networks.filter(({ id }) =>
    input.attachments.some(({ networkId }) => networkId === id),
  );
  const add = (name: string, network: string, addresses: readonly string[], volatile: boolean) => {
    for (const key of [name.toLowerCase(), `${name}.${network}`.toLowerCase()]) {
      const known = names.get(key);
      if (known === undefined) names.set(key, { addresses: [...addresses], volatile });
      else known.addresses.push(...addresses.filter((ip) => !known.addresses.includes(ip)));
    }
  };
  // Nobody talks to anybody over the routing mesh's network: it gives no names.
  for (const network of networks.filter(({ ingress }) => ingress !== true)) {
    const endpoints = input.endpoints.filter(
      ({ networkId, taskId }) => networkId === network.id && taskId !== "",
    );
    const services = new Set<string>();
    for (const service of input.services) {
      const virtualIp = service.virtualIps.find(({ networkId }) => networkId === network.id);
      const tasks = endpoints.filter(({ serviceId }) => serviceId === service.id);
      if (virtualIp === undefined && tasks.length === 0) continue;
      services.add(service.name.toLowerCase());
      const serving = tasks.filter((task) => task.serving).map(({ address }) => addressOf(address));
      const vip = service.mode === "vip" && virtualIp !== undefined && virtualIp.address !== "";
      const addresses = vip ? [addressOf(virtualIp.address)] : serving;
      const aliases = service.aliases.filter(({ networkId }) => networkId === network.id);
      for (const name of [service.name, ...aliases.flatMap((alias) => alias.names)]) {
        add(name, network.name, addresses, !vip);
      }
      add(`tasks.${service.name}`, network.name, serving, true);
      if (vip && addresses[0] !== undefined) {
        reverse.set(addresses[0], `${service.name}.${network.name}`.toLowerCase());
      }
    }
    for (const endpoint of endpoints) {
      const address = addressOf(endpoint.address);
      if (endpoint.taskName !== "") {
        reverse.set(address, `${endpoint.taskName}.${network.name}`.toLowerCase());
      }
      for (const name of [endpoint.taskName, ...endpoint.aliases]) {
        if (name === "" || services.has(name.toLowerCase())) continue;
        add(name, network.name, [address], true);
      }
    }
    for (const { networkId, address, aliases } of input.attachments) {
      if (networkId !== network.id) continue;
      for (const name of [...input.ownNames, ...(aliases ?? [])]) {
        if (name !== "" && !services.has(name.toLowerCase())) {
          add(name, network.name, [addressOf(address)], true);
        }
      }
    }
  }
  return {
    networks: networks.map(({ id, name, internal, subnet }) => ({ id, name, internal, subnet })),
    names,
    reverse,
  };
}
