import type { LocalEndpoint } from "./local-network.ts";

/** What a container asks of its names. */
export interface ResolverWishes {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** The parts of the host's resolv.conf that containers get. */
export interface HostResolver {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Pure: reads a resolv.conf; of `search` lines the last counts (resolv.conf(5)). */
export function readResolvConf(text: string): HostResolver {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const of = (word: string) => rows.filter(([first]) => first === word);
  return {
    servers: of("nameserver").flatMap(([, server]) => server ?? []),
    search: rows.findLast(([first]) => first === "search" || first === "domain")?.slice(1) ?? [],
    options: of("options").flatMap((row) => row.slice(1)),
  };
}

/**
 * Pure: whether the sandbox needs the resolver at 127.0.0.11: on a network with names, and where the host's own servers
 * are on its loopback, which is another in a container.
 */
export function needsResolver(
  hasNames: boolean,
  { dns }: ResolverWishes,
  host: HostResolver,
): boolean {
  if (hasNames) return true;
  return dns.length === 0 && (host.servers.length === 0 || host.servers.some(isLoopback));
}

/** Pure: the container's resolv.conf. `resolver` as of needsResolver. */
export function resolvConfText(
  resolver: boolean,
  wishes: ResolverWishes,
  host: HostResolver,
): string {
  const asked = wishes.dns.length > 0 ? wishes.dns : host.servers;
  // "." asks for no search domain at all, as dockerd's.
  const search = wishes.dnsSearch.length > 0 ? wishes.dnsSearch : host.search;
  const options = wishes.dnsOptions.length > 0 ? wishes.dnsOptions : host.options;
  const dots = resolver && !options.some((option) => option.startsWith("ndots:"));
  const words = [...options, ...(dots ? ["ndots:0"] : [])];
  return lines([
    ...(resolver ? ["127.0.0.11"] : asked).map((server) => `nameserver ${server}`),
    ...(search.length === 0 || search.includes(".") ? [] : [`search ${search.join(" ")}`]),
    ...(words.length === 0 ? [] : [`options ${words.join(" ")}`]),
  ]);
}

/** Pure: the container's hosts file. `extraHosts` are "name:address"; the address "host-gateway" is the node itself. */
export function hostsText(
  hostname: string,
  endpoints: readonly Pick<LocalEndpoint, "address">[],
  extraHosts: readonly string[],
  gateway: string,
): string {
  const short = hostname.includes(".") ? [hostname.replace(/\..*$/, "")] : [];
  return lines([
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "ff00::0\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
    ...extraHosts.flatMap((text) => {
      const [, name = "", address = ""] = /^([^:=]+)[:=](.*)$/.exec(text) ?? [];
      const ip = address === "host-gateway" ? gateway : address;
      return ip === "" ? [] : [`${ip}\t${name}`];
    }),
    // One with a domain is also called by its first part.
    ...endpoints.map(({ address }) => `${address}\t${[hostname, ...short].join(" ")}`),
  ]);
}

function isLoopback(server: string): boolean {
  return server.startsWith("127.") || server === "::1";
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
