import type { ServiceSpecJson } from "../../../rest/wire/service.ts";
import { byText } from "../names.ts";

/** One field that differs; undefined where it is not there. */
export interface FieldChange {
  /** "TaskTemplate.ContainerSpec.Env[LOG_LEVEL]" */
  readonly field: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Values that never tell two specs apart: zero, false and empty are what is not said. */
const meaningful = ["Init"];

/** What items of lists are known by; other lists are one value each, their order counts. */
const identities: Readonly<Record<string, (item: Fields) => unknown>> = {
  Mounts: (item) => item["Target"],
  Ports: (item) =>
    `${item["PublishedPort"] ?? ""}:${item["TargetPort"]}/${item["Protocol"]}`.replace(/^:/, ""),
  Secrets: (item) => fieldsOf(item["File"])["Name"],
  Configs: (item) => fieldsOf(item["File"])["Name"],
  Networks: (item) => item["Target"],
  Ulimits: (item) => item["Name"],
};
const textSets = ["Constraints", "Hosts", "CapabilityAdd", "CapabilityDrop", "Groups"];

type Fields = Readonly<Record<string, unknown>>;

/**
 * Pure: field by field what an update to `wanted` would change. `networkName` gives the name of a network's id, for specs in the
 * cluster have ids. Equal specs give no changes.
 */
export function compareSpecs(
  present: ServiceSpecJson,
  wanted: ServiceSpecJson,
  networkName: (id: string) => string | undefined,
): FieldChange[] {
  const before = flatFields(present, networkName);
  const after = flatFields(wanted, networkName);
  const fields = [...new Set([...before.keys(), ...after.keys()])].sort(byText);
  return fields
    .map((field) => ({ field, before: before.get(field), after: after.get(field) }))
    .filter((change) => change.before !== change.after);
}

/** Pure: every field of a spec with its value as text. */
export function flatFields(
  spec: ServiceSpecJson,
  networkName: (id: string) => string | undefined = () => undefined,
): Map<string, string> {
  const { Mode, TaskTemplate, ...rest } = spec;
  const { ForceUpdate: _, Runtime: __, ...task } = TaskTemplate;
  const Networks = (task.Networks ?? []).map((network) => ({
    ...network,
    Aliases: [...(network.Aliases ?? [])].sort(byText),
    Target: networkName(network.Target ?? "") ?? network.Target,
  }));
  const flat = new Map<string, string>();
  flatten({ ...rest, TaskTemplate: { ...task, Networks } }, "", flat);
  // A mode is a mode also where it says nothing more, and no replicas are a number.
  for (const [mode, details] of Object.entries(Mode)) {
    const numbers = Object.entries(fieldsOf(details));
    flat.set("Mode", mode);
    for (const [name, value] of numbers) flat.set(`Mode.${mode}.${name}`, String(value));
  }
  return flat;
}

function flatten(value: unknown, at: string, flat: Map<string, string>): void {
  if (Array.isArray(value)) {
    flattenList(value, at, flat);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, field] of Object.entries(value)) {
      const path = at === "" ? key : isFreeMap(at) ? `${at}[${key}]` : `${at}.${key}`;
      if (isFreeMap(at)) flat.set(path, JSON.stringify(field));
      else flatten(field, path, flat);
    }
  } else if (!isEmpty(value) || meaningful.includes(lastName(at))) {
    if (value !== undefined && value !== null) flat.set(at, JSON.stringify(value));
  }
}

function flattenList(items: readonly unknown[], at: string, flat: Map<string, string>): void {
  if (items.length === 0) return;
  const name = lastName(at);
  const identity = identities[name];
  if (name === "Env") {
    for (const item of items) {
      const [, key = "", value = ""] = /^([^=]*)(.*)$/s.exec(String(item)) ?? [];
      flat.set(
        `${at}[${key}]`,
        JSON.stringify(value.slice(1)) + (value === "" ? " (not set)" : ""),
      );
    }
  } else if (identity !== undefined) {
    for (const item of items) {
      const path = `${at}[${identity(fieldsOf(item))}]`;
      flat.set(path, "(there)");
      flatten(item, path, flat);
    }
  } else {
    const texts = textSets.includes(name) ? items.map(String).sort(byText) : items;
    flat.set(at, JSON.stringify(texts.map(canonical)));
  }
}

// The same text for the same value, whatever the order of its fields and what is said of nothing.
function canonical(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([, field]) => !isEmpty(field));
  return Object.fromEntries(
    kept.sort(([a], [b]) => byText(a, b)).map(([key, field]) => [key, canonical(field)]),
  );
}

// Maps whose keys people choose: an empty value says something there.
function isFreeMap(at: string): boolean {
  return ["Labels", "Options", "Sysctls", "DriverOpts"].includes(lastName(at));
}

function lastName(at: string): string {
  return /([^.\]]+)$/.exec(at)?.[1] ?? "";
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === 0 || value === false;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
