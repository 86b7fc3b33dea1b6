import { isIP } from "node:net";
import type { PortJson, ServiceSpecJson } from "../../rest/wire/service.ts";
import { parsePublish } from "../ports.ts";
import { invalid } from "../values.ts";
import type { ServiceFlags } from "./flags.ts";
import { parsePreference, resourceKind } from "./items.ts";

type RemovalFlag = Extract<keyof ServiceFlags, `${string}Rm`>;

interface Removal {
  readonly flag: string;
  /** What one value must look like, and the words for it. */
  readonly pattern: RegExp;
  readonly wanted: string;
  /** What the service has that a value may name; absent for networks, which the daemon is asked for. */
  readonly present?: (spec: ServiceSpecJson) => readonly (string | undefined)[];
}

const key = { pattern: /^[^=\s]+$/, wanted: "a key, without =value" };
const name = { pattern: /^[^=\s]+$/, wanted: "a name alone" };
const whole = { pattern: /\S/, wanted: "what was given when it was added" };
const containerOf = ({ TaskTemplate }: ServiceSpecJson) => TaskTemplate.ContainerSpec ?? {};

const removals: Readonly<Record<Exclude<RemovalFlag, "publishRm">, Removal>> = {
  configRm: {
    flag: "--config-rm",
    ...name,
    present: (spec) => containerOf(spec).Configs?.map(({ ConfigName }) => ConfigName) ?? [],
  },
  constraintRm: {
    flag: "--constraint-rm",
    ...whole,
    present: ({ TaskTemplate }) => TaskTemplate.Placement?.Constraints ?? [],
  },
  containerLabelRm: {
    flag: "--container-label-rm",
    ...key,
    present: (spec) => Object.keys(containerOf(spec).Labels ?? {}),
  },
  dnsRm: {
    flag: "--dns-rm",
    pattern: /^[\da-f.:]+$/i,
    wanted: "an IP address",
    present: (spec) => containerOf(spec).DNSConfig?.Nameservers ?? [],
  },
  dnsOptionRm: {
    flag: "--dns-option-rm",
    ...whole,
    present: (spec) => containerOf(spec).DNSConfig?.Options ?? [],
  },
  dnsSearchRm: {
    flag: "--dns-search-rm",
    ...whole,
    present: (spec) => containerOf(spec).DNSConfig?.Search ?? [],
  },
  envRm: {
    flag: "--env-rm",
    pattern: /^[^=]+$/,
    wanted: "the NAME of a variable, without =value",
    present: (spec) => containerOf(spec).Env?.map((text) => text.split("=")[0]) ?? [],
  },
  genericResourceRm: {
    flag: "--generic-resource-rm",
    pattern: /^[^=\s]+$/,
    wanted: "a KIND, without =n",
    present: ({ TaskTemplate }) =>
      TaskTemplate.Resources?.Reservations?.GenericResources?.map(resourceKind) ?? [],
  },
  groupRm: {
    flag: "--group-rm",
    ...name,
    present: (spec) => containerOf(spec).Groups ?? [],
  },
  hostRm: {
    flag: "--host-rm",
    pattern: /^[^:=\s]+([:=].*)?$/,
    wanted: "a host's name",
    present: (spec) => containerOf(spec).Hosts?.flatMap((line) => line.split(" ").slice(1)) ?? [],
  },
  labelRm: { flag: "--label-rm", ...key, present: ({ Labels }) => Object.keys(Labels) },
  mountRm: {
    flag: "--mount-rm",
    pattern: /^\//,
    wanted: "the target of a mount, an absolute path",
    present: (spec) => containerOf(spec).Mounts?.map(({ Target }) => Target) ?? [],
  },
  networkRm: {
    flag: "--network-rm",
    ...name,
  },
  placementPrefRm: {
    flag: "--placement-pref-rm",
    pattern: /^spread=./,
    wanted: "spread=node.labels.KEY",
    present: ({ TaskTemplate }) =>
      TaskTemplate.Placement?.Preferences?.map(
        ({ Spread }) => `spread=${Spread?.SpreadDescriptor ?? ""}`,
      ) ?? [],
  },
  secretRm: {
    flag: "--secret-rm",
    ...name,
    present: (spec) => containerOf(spec).Secrets?.map(({ SecretName }) => SecretName) ?? [],
  },
  sysctlRm: {
    flag: "--sysctl-rm",
    ...key,
    present: (spec) => Object.keys(containerOf(spec).Sysctls ?? {}),
  },
  ulimitRm: {
    flag: "--ulimit-rm",
    ...name,
    present: (spec) => containerOf(spec).Ulimits?.map(({ Name }) => Name) ?? [],
  },
};

/** INVALID_ARGUMENT for a value of `--…-rm` that can name nothing. */
export function checkRemovals(flags: ServiceFlags): void {
  for (const [{ flag, pattern, wanted }, texts] of given(flags)) {
    for (const text of texts) if (!pattern.test(text)) throw invalid(flag, text, wanted);
  }
  for (const text of flags.dnsRm ?? []) {
    if (isIP(text) === 0) throw invalid("--dns-rm", text, "an IP address");
  }
  for (const text of flags.placementPrefRm ?? []) parsePreference(text, "--placement-pref-rm");
  for (const text of flags.publishRm ?? []) parsePublish(text, "--publish-rm");
}

/** Pure: what `--…-rm` names and the service has not; docker says nothing then. */
export function unusedRemovals(before: ServiceSpecJson, flags: ServiceFlags): string[] {
  const told: string[] = [];
  const tell = (flag: string, text: string): void => {
    told.push(`${flag} ${text}: the service has nothing of that name, so nothing was removed`);
  };
  for (const [{ flag, present }, texts] of given(flags)) {
    const known = present?.(before);
    if (known === undefined) continue;
    for (const text of texts) {
      if (!known.includes(flag === "--host-rm" ? hostNameOf(text) : text)) tell(flag, text);
    }
  }
  const ports = before.EndpointSpec?.Ports ?? [];
  for (const text of flags.publishRm ?? []) {
    if (!ports.some((port) => isRemovedPort(port, [text]))) tell("--publish-rm", text);
  }
  return told;
}

/** Whether `--publish-rm` names the port by its target: "80" of any protocol, "80/udp"; "8080:80" is 80 too. */
export function isRemovedPort(port: PortJson, texts: readonly string[]): boolean {
  return texts.some((text) =>
    parsePublish(text, "--publish-rm").some(
      ({ TargetPort, Protocol }) =>
        TargetPort === port.TargetPort &&
        (!/\/|protocol=/.test(text) || Protocol === (port.Protocol ?? "tcp")),
    ),
  );
}

/** "name" of "name", "name:ip" and "name=ip", as `--host-rm` takes them. */
export function hostNameOf(text: string): string {
  return /^[^:=]*/.exec(text)?.[0] ?? text;
}

function given(flags: ServiceFlags): (readonly [Removal, readonly string[]])[] {
  return Object.entries(removals).map(([field, removal]) => [
    removal,
    flags[field as RemovalFlag] ?? [],
  ]);
}
