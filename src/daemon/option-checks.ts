import { isIP } from "node:net";
import { ClusterError } from "../base/errors.ts";

/** INVALID_ARGUMENT naming the option and what it must be. */
export function badOption(name: string, text: string, wanted: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `option --${name}: "${text}" is not ${wanted}`);
}

/** `--label`s as an object. Two values of one would leave it to their order which one constraints see. INVALID_ARGUMENT. */
export function checkedLabels(texts: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of texts.map(parseLabel)) {
    if (labels[key] !== undefined && labels[key] !== value) {
      throw badOption("label", `${key}=${value}`, `the same as ${key}=${labels[key]}: give one`);
    }
    labels[key] = value;
  }
  return labels;
}

/** `--insecure-registry`: hosts, and subnets of them. INVALID_ARGUMENT. */
export function checkedRegistries(registries: readonly string[]): readonly string[] {
  for (const text of registries) {
    const [address = "", bits] = text.split("/");
    const isSubnet = isIP(address) !== 0 && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
    if (bits === undefined ? /^[\w.:[\]-]+$/.test(text) : isSubnet) continue;
    throw badOption("insecure-registry", text, "host, host:port or a subnet such as 10.1.0.0/16");
  }
  return registries;
}

/** `--cgroup-parent`. Whole cgroups are taken away below it: it must not be another place than it seems. INVALID_ARGUMENT. */
export function checkedCgroup(path: string): string {
  if (/^(\/[\w.:@-]+)+$/.test(path) && !/\/\.\.?(\/|$)/.test(path)) return path;
  throw badOption("cgroup-parent", path, "an absolute path such as /skep, without . and ..");
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) {
    throw new ClusterError("INVALID_ARGUMENT", `option --label: "${text}" is not key=value`);
  }
  return [text.slice(0, at), text.slice(at + 1)];
}
