import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { Command, Option } from "commander";
import { ClusterError, errnoCode, errorMessage } from "../base/errors.ts";
import { parseSubnet } from "../base/ip.ts";
import { skepVersion } from "../base/version.ts";
import type { GenericResource } from "../gen/skep/GenericResource.ts";
import {
  type AddressPool,
  defaultAddressPools,
  parseAddressPool,
} from "../overlay/local/address-pool.ts";
import { type Flag, flags, ignoredFlags, refusedFlags } from "./flags.ts";
import { parseGenericResources } from "./generic-resources.ts";
import { badOption, checkedCgroup, checkedLabels, checkedRegistries } from "./option-checks.ts";

/** Everything a daemon is told from outside, checked. */
export interface DaemonConfig {
  readonly hosts: readonly string[];
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "fatal";
  readonly labels: Readonly<Record<string, string>>;
  readonly genericResources: readonly GenericResource[];
  readonly insecureRegistries: readonly string[];
  readonly defaultAdvertiseAddress: string;
  readonly cgroupParent: string;
  readonly dns: readonly string[];
  /** CIDR of the bridge containers reach the outside by. */
  readonly bridgeSubnet: string;
  /** Where local networks get their subnets from. */
  readonly addressPools: readonly AddressPool[];
  readonly socketGroup: string;
  /** host:port, "" = no metrics are served. */
  readonly metricsAddress: string;
  readonly validateOnly: boolean;
}

type RawValue = string | boolean | readonly string[];

/** sockaddr_un.sun_path, less its closing zero (unix(7)). */
const socketPathMax = 107;
const defaultConfigFile = "/etc/skep/daemon.json";
const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;

/**
 * Reads flags and the configuration file. INVALID_ARGUMENT names the option; an option in both places is refused, as dockerd does.
 * A CommanderError ends the process: it has told, what is wrong with the flags or `--help`. `warnings` names what was accepted and ignored.
 */
export function readConfig(argv: readonly string[]): { config: DaemonConfig; warnings: string[] } {
  const given = parseFlags(argv);
  const fromFile = readConfigFile(given);
  const warnings: string[] = [];
  for (const { name } of ignoredFlags) {
    if (given.has(name) || fromFile.has(name)) {
      warnings.push(`option --${name} of dockerd means nothing here and is ignored`);
    }
  }
  const clash = [...given.keys()].find((name) => fromFile.has(name));
  if (clash !== undefined) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `option ${clash} is given both as a flag and in the configuration file; remove one`,
    );
  }
  return { config: checkedConfig(new Map([...fromFile, ...given])), warnings };
}

function parseFlags(argv: readonly string[]): Map<string, RawValue> {
  const command = new Command("skepd")
    .description("The Skep daemon: cluster node and Docker Engine API server")
    .version(`skepd ${skepVersion}`, "-v, --version", "show the version and end")
    .allowExcessArguments(false)
    .exitOverride();
  for (const flag of [...flags, ...ignoredFlags]) {
    if (!flag.name.startsWith("no-")) command.addOption(toOption(flag));
  }
  for (const name of refusedFlags) {
    command.addOption(new Option(`--${name} [value]`).hideHelp());
  }
  // commander would read its name as the negation of an option "new-privileges".
  const rest = argv.filter((text) => !/^--no-new-privileges(=|$)/.test(text));
  command.parse(rest, { from: "user" });
  const values = new Map<string, RawValue>();
  if (rest.length < argv.length) values.set("no-new-privileges", true);
  for (const option of command.options) {
    const value = command.getOptionValue(option.attributeName()) as RawValue | undefined;
    if (value !== undefined) values.set((option.long ?? "").slice(2), value);
  }
  return values;
}

function toOption(flag: Flag): Option {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const argument = flag.kind === "bool" ? "[true|false]" : "<value>";
  const option = new Option(`${short}--${flag.name} ${argument}`, flag.help);
  if (flag.kind === "list") {
    option.argParser((value: string, previous: string[] | undefined) => [
      ...(previous ?? []),
      value,
    ]);
  }
  return option;
}

function readConfigFile(given: ReadonlyMap<string, RawValue>): Map<string, RawValue> {
  const path = textOf(given, "config-file", defaultConfigFile);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (errnoCode(error) === "ENOENT" && !given.has("config-file")) return new Map();
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `cannot read the configuration file ${path}: ${errorMessage(error)}`,
    );
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `the configuration file ${path} is not a JSON object`,
    );
  }
  const byKey = new Map([...flags, ...ignoredFlags].map((flag) => [flag.key ?? flag.name, flag]));
  const values = new Map<string, RawValue>();
  for (const [key, value] of Object.entries(parsed)) {
    const flag = byKey.get(key);
    if (flag === undefined) {
      throw new ClusterError("INVALID_ARGUMENT", `option "${key}" in ${path} is not known`);
    }
    values.set(
      flag.name,
      Array.isArray(value)
        ? value.map(itemText)
        : typeof value === "boolean"
          ? value
          : String(value),
    );
  }
  return values;
}

// A pool is an object in dockerd's file and "base=…,size=…" as a flag.
function itemText(item: unknown): string {
  if (typeof item !== "object" || item === null) return String(item);
  return Object.entries(item)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(",");
}

function checkedConfig(values: ReadonlyMap<string, RawValue>): DaemonConfig {
  const refused = refusedFlags.find((name) => values.has(name));
  if (refused !== undefined) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `option --${refused} is not available; serve the API on a unix socket`,
    );
  }
  const level = textOf(values, "log-level", "info");
  const logLevel = logLevels.find((name) => name === level);
  if (logLevel === undefined) {
    throw badOption("log-level", level, `one of ${logLevels.join(", ")}`);
  }
  const logFormat = textOf(values, "log-format", "json");
  if (!["text", "json"].includes(logFormat))
    throw badOption("log-format", logFormat, "text or json");
  checkIgnored(values);
  const hosts = listOf(values, "host");
  for (const host of hosts) checkHost(host);
  const bridgeSubnet = textOf(values, "bip", "172.18.0.0/16");
  checkBridge(bridgeSubnet);
  for (const server of listOf(values, "dns")) {
    if (isIP(server) === 0) throw badOption("dns", server, "an IP address");
  }
  const dataRoot = folderOf(values, "data-root", "/var/lib/skep");
  return {
    hosts: hosts.length > 0 ? hosts : ["unix:///var/run/skep.sock"],
    dataRoot,
    execRoot: folderOf(values, "exec-root", "/var/run/skep"),
    pidFile: textOf(values, "pidfile", ""),
    logLevel: isOn(values, "debug") ? "debug" : logLevel,
    labels: checkedLabels(listOf(values, "label")),
    genericResources: parseGenericResources(listOf(values, "node-generic-resource")),
    insecureRegistries: checkedRegistries(listOf(values, "insecure-registry")),
    defaultAdvertiseAddress: textOf(values, "swarm-default-advertise-addr", ""),
    cgroupParent: checkedCgroup(textOf(values, "cgroup-parent", "/skep")),
    dns: listOf(values, "dns"),
    bridgeSubnet,
    addressPools: addressPoolsOf(values),
    socketGroup: textOf(values, "group", ""),
    metricsAddress: metricsAddressOf(values),
    validateOnly: isOn(values, "validate"),
  };
}

// The API is root on this machine: a TCP socket is only served to the machine itself.
function checkHost(host: string): void {
  if (/^unix:\/\/\/./.test(host)) {
    if (Buffer.byteLength(host) - "unix://".length <= socketPathMax) return;
    throw badOption(
      "host",
      host,
      `a path of at most ${socketPathMax} bytes, as the kernel wants it`,
    );
  }
  const tcp = /^tcp:\/\/(\[[^\]]+\]|[^:]+):(\d+)$/.exec(host);
  if (Number(tcp?.[2] ?? 0) > 65535) throw badOption("host", host, "a port up to 65535");
  const ip = tcp?.[1] ?? "";
  if (ip === "localhost" || ip === "[::1]" || ip.startsWith("127.")) return;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    tcp === null
      ? `option --host: "${host}" is neither unix:///path nor tcp://ip:port`
      : `option --host: ${host} would give everyone who can reach it control of this machine; use a unix socket or a loopback address`,
  );
}

function metricsAddressOf(values: ReadonlyMap<string, RawValue>): string {
  const address = textOf(values, "metrics-addr", "");
  const port = /^(?:\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(address)?.[1];
  if (address === "" || Number(port ?? Number.NaN) <= 65535) return address;
  throw badOption("metrics-addr", address, "a host:port address");
}

function checkBridge(text: string): void {
  try {
    parseSubnet(text);
  } catch {
    throw badOption("bip", text, "a subnet such as 172.18.0.0/16");
  }
}

function addressPoolsOf(values: ReadonlyMap<string, RawValue>): readonly AddressPool[] {
  const pools = listOf(values, "default-address-pool").map((text) => {
    try {
      return parseAddressPool(text);
    } catch (error) {
      throw badOption(
        "default-address-pool",
        text,
        `a pool such as base=172.80.0.0/16,size=24 (${errorMessage(error)})`,
      );
    }
  });
  return pools.length === 0 ? defaultAddressPools : pools;
}

// A relative path would mean another folder after a start from elsewhere.
function folderOf(values: ReadonlyMap<string, RawValue>, name: string, fallback: string): string {
  const path = textOf(values, name, fallback);
  if (!path.startsWith("/")) throw badOption(name, path, "an absolute path");
  return path;
}

// What is ignored is read all the same: a slip in it is most likely one in what is not.
function checkIgnored(values: ReadonlyMap<string, RawValue>): void {
  for (const { name, kind } of ignoredFlags) {
    const value = values.get(name);
    if (value === undefined) continue;
    if (kind === "bool") isOn(values, name);
    if (kind === "int" && !/^-?\d+$/.test(String(value))) {
      throw badOption(name, String(value), "a whole number");
    }
  }
}

function textOf(values: ReadonlyMap<string, RawValue>, name: string, fallback: string): string {
  const value = values.get(name);
  return typeof value === "string" ? value : fallback;
}

function listOf(values: ReadonlyMap<string, RawValue>, name: string): readonly string[] {
  const value = values.get(name);
  if (value === undefined || typeof value === "boolean") return [];
  return typeof value === "string" ? [value] : value;
}

function isOn(values: ReadonlyMap<string, RawValue>, name: string): boolean {
  const value = values.get(name);
  if (value === undefined || value === false || value === "false" || value === "0") return false;
  if (value === true || value === "true" || value === "1") return true;
  throw badOption(name, String(value), "true or false");
}
