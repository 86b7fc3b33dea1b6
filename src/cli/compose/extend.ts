import { mergeServices } from "./merge.ts";
import type { Place, Problems } from "./problems.ts";
import { child, type MapTree, type Tree, textOf, withChild } from "./tree.ts";

/** Gives the services of another file, in long forms and with their own `extends` unresolved; undefined when it cannot be read. */
export type OpenFile = (
  path: string,
  place: Place,
) => { services: MapTree; open: OpenFile } | undefined;

interface Source {
  readonly name: string;
  /** Tells services of one name in several files apart. */
  readonly services: MapTree;
  readonly open: OpenFile;
}

/** Pure but for `open`: the services with what they extend put under them. Circles and missing services are told. */
export function resolveExtends(services: MapTree, open: OpenFile, problems: Problems): MapTree {
  let result = services;
  for (const [name, { value }] of services.entries) {
    if (child(value, "extends") === undefined) continue;
    result = withChild(result, name, extended(value, { name, services, open }, [], problems));
  }
  return result;
}

function extended(
  service: Tree,
  source: Source,
  chain: readonly Source[],
  problems: Problems,
): Tree {
  const clause = child(service, "extends");
  if (service.kind !== "map" || clause === undefined) return service;
  const own = withChild(service, "extends", undefined);
  const base = baseOf(clause, source, problems);
  if (base === undefined) return own;
  const seen = [...chain, source];
  if (seen.some(({ name, services }) => name === base.name && services === base.services)) {
    problems.error(clause.place, `service ${base.name} extends itself`);
    return own;
  }
  const tree = child(base.services, base.name);
  if (tree === undefined) {
    problems.error(clause.place, `there is no service ${base.name} to extend`);
    return own;
  }
  return mergeServices(extended(tree, base, seen, problems), own);
}

function baseOf(clause: Tree, source: Source, problems: Problems): Source | undefined {
  const name = textOf(clause) ?? textOf(child(clause, "service"));
  if (name === undefined) {
    problems.error(clause.place, "extends must name a service: {service: NAME, file: PATH}");
    return undefined;
  }
  const file = child(clause, "file");
  const path = textOf(file);
  if (file === undefined || path === undefined) return { ...source, name };
  const opened = source.open(path, file.place);
  return opened === undefined ? undefined : { name, ...opened };
}
