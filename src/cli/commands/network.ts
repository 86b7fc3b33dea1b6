import { isIP } from "node:net";
import type { Command } from "commander";
import { parseSubnet, subnetContains } from "../../base/ip.ts";
import type { NetworkCreateResponseJson, NetworkJson } from "../../rest/wire/network.ts";
import { ApiError } from "../client.ts";
import { formatHelp } from "../format/list.ts";
import { shortId } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import {
  collect,
  filterQuery,
  labelsText,
  type OpenSession,
  printList,
  removeEach,
} from "../session.ts";
import { invalid, parseLabels, splitPair } from "../values.ts";

interface CreateOptions {
  driver: string;
  subnet?: string[];
  gateway?: string[];
  ipRange?: string[];
  auxAddress?: string[];
  ipamDriver: string;
  ipamOpt?: string[];
  ipv6?: boolean;
  internal?: boolean;
  attachable?: boolean;
  ingress?: boolean;
  label?: string[];
  opt?: string[];
}

interface ListOptions {
  filter?: string[];
  quiet?: boolean;
  trunc: boolean;
  format?: string;
}

const columns = [
  ["NETWORK ID", "ID"],
  ["NAME", "Name"],
  ["DRIVER", "Driver"],
  ["SCOPE", "Scope"],
  ["INTERNAL", "Internal", "hidden"],
  ["IPV6", "IPv6", "hidden"],
  ["LABELS", "Labels", "hidden"],
  ["CREATED AT", "CreatedAt", "hidden"],
] as const;

/** `skep network …` */
export function addNetworkCommands(program: Command, open: OpenSession): void {
  const network = program.command("network").description("Manage networks");
  network
    .command("create")
    .description("Create a network across the swarm")
    .argument("<name>")
    .option("-d, --driver <driver>", "network driver", "overlay")
    .option("--subnet <cidr>", "addresses of the network", collect)
    .option("--gateway <ip>", "gateway of the subnet", collect)
    .option("--ip-range <cidr>", "part of the subnet to give addresses from", collect)
    .option("--aux-address <name=ip>", "address in a subnet that nobody is to be given", collect)
    .option("--ipam-driver <driver>", "driver of addresses", "default")
    .option("--ipam-opt <option>", "option of that driver, key=value", collect)
    .option("--ipv6", "with IPv6 addresses")
    .option("--internal", "no way to the outside")
    .option("--attachable", "also for containers started by hand")
    .option("--ingress", "the network of the routing mesh")
    .option("--label <label>", "key=value", collect)
    .option("-o, --opt <option>", "driver option key=value", collect)
    .action(async (name: string, options: CreateOptions) => {
      const session = open();
      const subnets = options.subnet ?? [];
      if (options.driver === "") throw invalid("--driver", "", "overlay or bridge, or left out");
      if (subnets.includes("")) throw invalid("--subnet", "", "as 10.1.0.0/24, or left out");
      checkSubnetOf("--gateway", options.gateway, subnets);
      checkSubnetOf("--ip-range", options.ipRange, subnets);
      checkAddresses(options.auxAddress, subnets);
      const { Id } = await session.client.post<NetworkCreateResponseJson>("/networks/create", {
        body: {
          Name: name,
          Driver: options.driver,
          EnableIPv6: options.ipv6 ?? false,
          Internal: options.internal ?? false,
          Attachable: options.attachable ?? false,
          Ingress: options.ingress ?? false,
          Labels: parseLabels("--label", options.label ?? []),
          Options: parseLabels("--opt", options.opt ?? []),
          IPAM: {
            Driver: options.ipamDriver,
            Options: parseLabels("--ipam-opt", options.ipamOpt ?? []),
            Config: subnets.map((subnet, at) => ({
              Subnet: subnet,
              Gateway: options.gateway?.[at] ?? "",
              IPRange: options.ipRange?.[at] ?? "",
              AuxiliaryAddresses: addressesIn(subnet, options.auxAddress),
            })),
          },
        },
      });
      session.print(Id);
    });
  network
    .command("ls")
    .alias("list")
    .description("List networks")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("-q, --quiet", "only ids")
    .option("--no-trunc", "whole ids")
    .option("--format <format>", formatHelp)
    .action(async (options: ListOptions) => {
      const session = open();
      const filters = filterQuery(options.filter);
      const networks = await session.client.get<NetworkJson[]>("/networks", { filters });
      networks.sort((a, b) => a.Name.localeCompare(b.Name));
      const rows = networks.map((each) => [
        options.trunc ? shortId(each.Id) : each.Id,
        each.Name,
        each.Driver,
        each.Scope,
        String(each.Internal),
        String(each.EnableIPv6),
        labelsText(each.Labels ?? {}),
        each.Created,
      ]);
      printList(session, columns, rows, options);
    });
  addInspect(network, open, {
    description: "Show networks in full",
    argument: "<network...>",
    get: (session, name, { verbose = false }) =>
      session.client.get(`/networks/${encodeURIComponent(name)}`, { verbose }),
  }).option("-v, --verbose", "with services and tasks");
  network
    .command("rm")
    .alias("remove")
    .description("Remove networks")
    .argument("<network...>")
    .option("-f, --force", "also when there is none")
    .action(async (names: string[], options: { force?: boolean }) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        try {
          await session.client.delete(`/networks/${encodeURIComponent(name)}`);
        } catch (error) {
          const gone = error instanceof ApiError && error.status === 404;
          if (!gone || options.force !== true) throw error;
        }
        return name;
      });
    });
}

// The first of them belongs to the first --subnet, and so on.
function checkSubnetOf(flag: string, texts: readonly string[] = [], subnets: readonly string[]) {
  const extra = texts[subnets.length];
  if (extra !== undefined) throw invalid(flag, extra, "given with a --subnet of its own");
}

function checkAddresses(texts: readonly string[] = [], subnets: readonly string[]): void {
  for (const text of texts) {
    const [name, ip] = splitPair(text);
    if (name === "" || isIP(ip) === 0 || !subnets.some((subnet) => contains(subnet, ip))) {
      throw invalid("--aux-address", text, "name=ip, the ip within a --subnet");
    }
  }
}

function addressesIn(subnet: string, texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(texts.map(splitPair).filter(([, ip]) => contains(subnet, ip)));
}

// What is wrong with a subnet the daemon says.
function contains(subnet: string, ip: string): boolean {
  try {
    return subnetContains(parseSubnet(subnet), ip);
  } catch {
    return false;
  }
}
