import { isIP } from "node:net";
import { must } from "../../base/assert.ts";
import type {
  GenericResourceJson,
  MountJson,
  NetworkAttachmentConfigJson,
} from "../../rest/wire/service.ts";
import {
  invalid,
  parseBytes,
  parseChoice,
  parseEntries,
  parseSwitch,
  splitPair,
} from "../values.ts";

const mountTypes = ["bind", "volume", "tmpfs"] as const;

/** One `--network`: a name, or name=NAME,alias=OTHER,driver-opt=k=v. */
export function parseNetwork(text: string, flag = "--network"): NetworkAttachmentConfigJson {
  if (text === "") throw invalid(flag, text, "the name of a network");
  if (!text.includes("=")) return { Target: text };
  const network: NetworkAttachmentConfigJson = {};
  for (const [key, value] of parseEntries(text)) {
    if (key === "name") network.Target = value;
    else if (key === "alias") network.Aliases = [...(network.Aliases ?? []), value];
    else if (key === "driver-opt") {
      const [option, setting] = splitPair(value);
      if (option === "" || setting === "") throw invalid(`${flag} driver-opt`, value, "key=value");
      network.DriverOpts = { ...network.DriverOpts, [option]: setting };
    } else throw invalid(flag, text, "NAME or name=NAME[,alias=OTHER][,driver-opt=k=v]");
  }
  if ((network.Target ?? "") === "") throw invalid(flag, text, "given with a name=NAME");
  if (network.Aliases?.includes("") === true) {
    throw invalid(flag, text, "given with a name after each alias=");
  }
  return network;
}

/** One `--mount`. */
export function parseMount(text: string, flag = "--mount"): MountJson {
  const entries = parseEntries(text);
  const type = entries.find(([key]) => key === "type")?.[1] ?? "volume";
  const mount: MountJson = { Type: parseChoice(`${flag} type`, type, mountTypes) };
  for (const [key, value] of entries) setMountField(mount, key, value, text, flag);
  if ((mount.Target ?? "") === "") throw invalid(flag, text, "given with a target=/path");
  if (mount.Type === "bind" && (mount.Source ?? "") === "") {
    throw invalid(flag, text, "given with a source=/path, for a bind mount");
  }
  return mount;
}

function setMountField(
  mount: MountJson,
  key: string,
  value: string,
  text: string,
  flag: string,
): void {
  const volume = (): NonNullable<MountJson["VolumeOptions"]> => {
    mount.VolumeOptions ??= {};
    return mount.VolumeOptions;
  };
  const driver = (): { Name?: string; Options?: Record<string, string> } => {
    const options = volume();
    options.DriverConfig ??= {};
    return options.DriverConfig;
  };
  const [name, setting] = splitPair(value);
  switch (key) {
    case "type":
      return;
    case "source":
    case "src":
      mount.Source = value;
      return;
    case "target":
    case "dst":
    case "destination":
      mount.Target = value;
      return;
    case "readonly":
    case "ro":
      mount.ReadOnly = parseSwitch(`${flag} readonly`, value);
      return;
    case "bind-propagation":
      mount.BindOptions = { ...mount.BindOptions, Propagation: value };
      return;
    case "bind-nonrecursive":
      mount.BindOptions = {
        ...mount.BindOptions,
        NonRecursive: parseSwitch(`${flag} bind-nonrecursive`, value),
      };
      return;
    case "bind-recursive":
      parseChoice(`${flag} bind-recursive`, value, ["enabled", "disabled"]);
      mount.BindOptions = { ...mount.BindOptions, NonRecursive: value === "disabled" };
      return;
    case "bind-create-src":
      mount.BindOptions = {
        ...mount.BindOptions,
        CreateMountpoint: parseSwitch(`${flag} bind-create-src`, value),
      };
      return;
    case "volume-nocopy":
      volume().NoCopy = parseSwitch(`${flag} volume-nocopy`, value);
      return;
    case "volume-subpath":
      volume().Subpath = value;
      return;
    case "volume-label":
      if (name === "") throw invalid(`${flag} volume-label`, value, "key=value");
      volume().Labels = { ...mount.VolumeOptions?.Labels, [name]: setting };
      return;
    case "volume-driver":
      driver().Name = value;
      return;
    case "volume-opt":
      if (name === "") throw invalid(`${flag} volume-opt`, value, "key=value");
      driver().Options = { ...mount.VolumeOptions?.DriverConfig?.Options, [name]: setting };
      return;
    case "tmpfs-size":
      mount.TmpfsOptions = {
        ...mount.TmpfsOptions,
        SizeBytes: parseBytes(`${flag} tmpfs-size`, value),
      };
      return;
    case "tmpfs-mode":
      if (!/^[0-7]{1,4}$/.test(value)) throw invalid(`${flag} tmpfs-mode`, value, "octal, as 1777");
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
      return;
    default:
      throw invalid(
        flag,
        text,
        `made of known fields such as type, source, target, readonly ("${key}" is not one)`,
      );
  }
}

/** One `--placement-pref`. */
export function parsePreference(
  text: string,
  flag = "--placement-pref",
): { Spread: { SpreadDescriptor: string } } {
  const match = /^spread=(.+)$/.exec(text);
  if (match?.[1] === undefined) throw invalid(flag, text, "spread=node.labels.KEY");
  return { Spread: { SpreadDescriptor: match[1] } };
}

/** One `--host`, name:ip or name=ip, as the API keeps it: "ip name". An IPv6 address may stand in brackets. */
export function parseHost(text: string, flag = "--host"): string {
  const [, name = "", bracketed, plain] = /^([^:=\s]+)[:=](?:\[(.*)\]|(.*))$/.exec(text) ?? [];
  const ip = bracketed ?? plain ?? "";
  if (name === "" || isIP(ip) === 0) throw invalid(flag, text, "name:ip such as db:10.0.0.5");
  return `${ip} ${name}`;
}

/** One `--ulimit`: name=soft[:hard]. */
export function parseUlimit(
  text: string,
  flag = "--ulimit",
): { Name: string; Soft: number; Hard: number } {
  const match = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) throw invalid(flag, text, "name=soft[:hard] such as nofile=1024:2048");
  const [, name = "", soft = "", hard = soft] = match;
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

/** One `--generic-resource`: KIND=N counts, KIND=VALUE names. */
export function parseGenericResource(
  text: string,
  flag = "--generic-resource",
): GenericResourceJson {
  const [kind, value] = splitPair(text);
  if (kind === "" || value === "") throw invalid(flag, text, "KIND=n");
  return /^\d+$/.test(value)
    ? { DiscreteResourceSpec: { Kind: kind, Value: Number(value) } }
    : { NamedResourceSpec: { Kind: kind, Value: value } };
}

/** Kind of a generic resource. */
export function resourceKind(resource: GenericResourceJson): string | undefined {
  return (resource.DiscreteResourceSpec ?? resource.NamedResourceSpec)?.Kind;
}

/** `--env NAME` takes the value of the client's own environment; without one the variable stays out. */
export function withClientValue(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (text.includes("=")) return text;
  const value = environment[text];
  return value === undefined ? text : `${text}=${value}`;
}

/** Splits a command line at blanks; quotes keep blanks together. INVALID_ARGUMENT for a quote that does not end. */
export function splitWords(text: string, flag: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => {
    if (c?.startsWith('"') || c?.startsWith("'")) {
      throw invalid(flag, text, "a command line whose quotes are closed");
    }
    return must(a ?? b ?? c, "a word");
  });
}
