import type { NetworkJson } from "../../../rest/wire/network.ts";
import type { ServiceJson, ServiceSpecJson } from "../../../rest/wire/service.ts";
import type { Dependency } from "../dependencies.ts";
import { scopedName, stackLabel } from "../names.ts";
import type { StackModel } from "../stack-model.ts";
import {
  externalFiles,
  externalNetworks,
  type FileRequestJson,
  fileRequests,
  type NetworkRequest,
  networkRequests,
} from "../stack-objects.ts";
import { compareSpecs, type FieldChange } from "./compare-specs.ts";
import type { StackState } from "./stack-state.ts";

/** A secret or config and what to do with it. */
export interface FileStep {
  readonly request: FileRequestJson;
  readonly present?: { readonly id: string; readonly version: number };
  /** "check": only the cluster knows whether a secret's data differ; "changed" cannot be done, for data never change. */
  readonly action: "create" | "keep" | "check" | "labels" | "changed";
}

/** A service and what to do with it. */
export interface ServiceStep {
  readonly name: string;
  readonly spec: ServiceSpecJson;
  readonly dependsOn: readonly Dependency[];
  readonly present?: ServiceJson;
  /** Empty for one that is as it should be, and for a new one. */
  readonly changes: readonly FieldChange[];
}

/** All that a deploy does. */
export interface StackPlan {
  readonly networks: readonly NetworkRequest[];
  readonly secrets: readonly FileStep[];
  readonly configs: readonly FileStep[];
  /** In the order of deployment. */
  readonly services: readonly ServiceStep[];
  /** Services that the compose files no longer have. */
  readonly orphans: readonly ServiceJson[];
  readonly warnings: readonly string[];
}

/** Pure: what is missing in the cluster and not the stack's to make; empty when all is there. */
export function missingExternals(model: StackModel, state: StackState): string[] {
  const problems: string[] = [];
  for (const name of externalNetworks(model)) {
    const found = state.networks.find((network) => network.Name === name || network.Id === name);
    if (["host", "bridge", "none"].includes(name)) continue;
    if (found === undefined) {
      problems.push(
        `network "${name}" is declared as external, but could not be found. You need to create a swarm-scoped network before the stack is deployed`,
      );
    } else if (found.Scope !== "swarm") {
      problems.push(
        `network "${name}" is declared as external, but it is not in the right scope: "${found.Scope}" instead of "swarm"`,
      );
    }
  }
  for (const kind of ["secrets", "configs"] as const) {
    const known = new Set(state[kind].map(({ Spec }) => Spec.Name));
    for (const name of externalFiles(model, kind)) {
      if (!known.has(name)) problems.push(`${kind.slice(0, -1)} not found: ${name}`);
    }
  }
  return problems;
}

/** Pure: what to do so that the cluster has what the specs say. `specs` are those of the model's services, images resolved. */
export function planStack(
  stack: string,
  model: StackModel,
  specs: readonly ServiceSpecJson[],
  state: StackState,
): StackPlan {
  const networkNames = new Map(state.networks.map(({ Id, Name }) => [Id, Name]));
  const present = new Map(state.services.map((service) => [service.Spec.Name, service]));
  const services = model.services.map(({ name, dependsOn }): ServiceStep => {
    const full = scopedName(stack, name);
    const spec = specs.find(({ Name }) => Name === full);
    if (spec === undefined) throw new Error(`no spec was made for service ${full}`);
    const known = present.get(full);
    return {
      name: full,
      spec,
      dependsOn: dependsOn.map((one) => ({ ...one, service: scopedName(stack, one.service) })),
      ...(known === undefined ? {} : { present: known }),
      changes:
        known === undefined ? [] : compareSpecs(known.Spec, spec, (id) => networkNames.get(id)),
    };
  });
  const wanted = new Set(services.map(({ name }) => name));
  const requests = networkRequests(stack, model);
  return {
    networks: requests.filter(({ Name }) => !state.networks.some((one) => one.Name === Name)),
    secrets: fileRequests(stack, model.secrets).map((request) =>
      fileStep(request, state.secrets, () => undefined),
    ),
    configs: fileRequests(stack, model.configs).map((request) =>
      fileStep(request, state.configs, ({ Spec }) => Spec.Data),
    ),
    services,
    orphans: state.services.filter(({ Spec }) => !wanted.has(Spec.Name)),
    warnings: requests.flatMap((request) => networkWarning(request, state.networks)),
  };
}

/** Whether deploying would change anything; services that are no longer there count only when they are removed. */
export function hasChanges(plan: StackPlan, prune: boolean): boolean {
  return (
    plan.networks.length > 0 ||
    [...plan.secrets, ...plan.configs].some(({ action }) =>
      ["create", "labels", "changed"].includes(action),
    ) ||
    plan.services.some(({ present, changes }) => present === undefined || changes.length > 0) ||
    (prune && plan.orphans.length > 0)
  );
}

interface PresentFile {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Name: string; readonly Labels: Readonly<Record<string, string>> };
}

function fileStep<T extends PresentFile>(
  request: FileRequestJson,
  files: readonly T[],
  dataOf: (file: T) => string | undefined,
): FileStep {
  const known = files.find(({ Spec }) => Spec.Name === request.Name);
  if (known === undefined) return { request, action: "create" };
  const present = { id: known.ID, version: known.Version.Index };
  const data = dataOf(known);
  if (data !== undefined && data !== request.Data) return { request, present, action: "changed" };
  if (!sameMap(known.Spec.Labels, request.Labels)) return { request, present, action: "labels" };
  return { request, present, action: data === undefined ? "check" : "keep" };
}

// Networks are never changed, as with Docker; what differs is told.
function networkWarning(request: NetworkRequest, networks: readonly NetworkJson[]): string[] {
  const known = networks.find(({ Name }) => Name === request.Name);
  if (known === undefined) return [];
  const different = [
    ...(known.Driver === request.Driver ? [] : ["driver"]),
    ...(known.Internal === request.Internal ? [] : ["internal"]),
    ...(known.Attachable === request.Attachable ? [] : ["attachable"]),
    ...(sameMap(withoutOwn(known.Labels ?? {}), withoutOwn(request.Labels)) ? [] : ["labels"]),
    ...Object.entries(request.Options)
      .filter(([key, value]) => known.Options?.[key] !== value)
      .map(([key]) => `driver_opts.${key}`),
  ];
  if (different.length === 0) return [];
  return [
    `network ${request.Name} stays as it is, for networks cannot be changed (different: ${different.join(", ")}); remove it to have it made anew`,
  ];
}

function withoutOwn(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key !== stackLabel));
}

function sameMap(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
