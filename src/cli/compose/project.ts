import type { Decode } from "./decode.ts";
import {
  type ConfigFields,
  config,
  type NetworkFields,
  network,
  type SecretFields,
  type StackVolumeFields,
  secret,
  top,
  volume,
} from "./decode-objects.ts";
import { type ServiceFields, service } from "./decode-service.ts";
import type { Place, Problems } from "./problems.ts";
import { child, type MapTree } from "./tree.ts";

/** A service, and where it and its parts stand. */
export interface ProjectService {
  readonly name: string;
  readonly fields: ServiceFields;
  readonly tree: MapTree;
}

/** What the compose files say, checked by itself: every value is of its kind. */
export interface Project {
  readonly version?: string;
  readonly name?: string;
  readonly services: readonly ProjectService[];
  readonly networks: Readonly<Record<string, NetworkFields>>;
  readonly volumes: Readonly<Record<string, StackVolumeFields>>;
  readonly secrets: Readonly<Record<string, SecretFields>>;
  readonly configs: Readonly<Record<string, ConfigFields>>;
  /** Where objects stand: "secrets.key". */
  readonly places: ReadonlyMap<string, Place>;
}

/** Pure: the merged tree as a project. Problems are gathered; what is wrong is left out. */
export function decodeProject(tree: MapTree, problems: Problems): Project {
  const { version, name } = top(tree, "", problems) ?? {};
  const places = new Map<string, Place>();
  const read = <T extends object>(section: string, decode: Decode<T>): Record<string, T> =>
    objects(tree, section, decode, problems, places);
  return {
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { name }),
    services: decodeServices(tree, problems),
    networks: read("networks", network),
    volumes: read("volumes", volume),
    secrets: read("secrets", secret),
    configs: read("configs", config),
    places,
  };
}

/** Where a part of a service stands: the service itself when the part is missing. */
export function placeOf({ tree }: ProjectService, ...keys: readonly string[]): Place {
  let place = tree.place;
  let at: MapTree = tree;
  for (const key of keys) {
    const entry = at.entries.get(key);
    if (entry === undefined) break;
    place = entry.keyPlace;
    if (entry.value.kind !== "map") break;
    at = entry.value;
  }
  return place;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/;

function decodeServices(tree: MapTree, problems: Problems): ProjectService[] {
  const section = child(tree, "services");
  if (section?.kind !== "map") return [];
  return [...section.entries].flatMap(([name, { keyPlace, value }]) => {
    if (name.startsWith("x-")) return [];
    checkName("service", name, keyPlace, problems);
    const fields = service(value, `services.${name}`, problems);
    if (fields === undefined || value.kind !== "map") return [];
    return [{ name, fields, tree: { ...value, place: keyPlace } }];
  });
}

function objects<T extends object>(
  tree: MapTree,
  name: string,
  decode: Decode<T>,
  problems: Problems,
  places: Map<string, Place>,
): Record<string, T> {
  const section = child(tree, name);
  if (section?.kind !== "map") return {};
  const found: Record<string, T> = {};
  for (const [key, { keyPlace, value }] of section.entries) {
    if (key.startsWith("x-")) continue;
    places.set(`${name}.${key}`, keyPlace);
    checkName(name.slice(0, -1), key, keyPlace, problems);
    const empty = value.kind === "scalar" && value.value === null;
    const fields = empty ? ({} as T) : decode(value, `${name}.${key}`, problems);
    if (fields !== undefined) found[key] = fields;
  }
  return found;
}

function checkName(noun: string, name: string, place: Place, problems: Problems): void {
  if (namePattern.test(name)) return;
  problems.error(
    place,
    `"${name}" cannot be the name of a ${noun}: use letters, digits, ., _ and -`,
  );
}
