import type { ContainerSpecJson, ServiceSpecJson, TaskSpecJson } from "../../rest/wire/service.ts";
import { parsePublish } from "../ports.ts";
import { parseChoice, parseCount } from "../values.ts";
import { applyContainerFlags } from "./container-flags.ts";
import { type FileReferences, noFiles } from "./file-references.ts";
import type { ServiceFlags } from "./flags.ts";
import {
  parseGenericResource,
  parseHost,
  parseMount,
  parseNetwork,
  parsePreference,
  parseUlimit,
  resourceKind,
  splitWords,
} from "./items.ts";
import { changedLabels, changedList, changedOptional } from "./lists.ts";
import { setMaxConcurrent, setReplicas } from "./mode.ts";
import { withOwnLabels } from "./own-labels.ts";
import { checkRemovals, hostNameOf, isRemovedPort } from "./removals.ts";
import { applyTaskFlags, updateConfigOf } from "./task-flags.ts";

/** Pure: the service's spec with what `service update` changes. `networkRm` names networks by id, as the spec does. */
export function updatedSpec(
  before: ServiceSpecJson,
  flags: ServiceFlags,
  added: FileReferences = noFiles,
): ServiceSpecJson {
  checkRemovals(flags);
  const spec = structuredClone(before);
  const task = spec.TaskTemplate;
  task.ContainerSpec ??= {};
  const container = task.ContainerSpec;
  if (flags.image !== undefined) container.Image = flags.image;
  if (flags.args !== undefined) container.Args = splitWords(flags.args, "--args");
  if (flags.replicas !== undefined) setReplicas(spec, parseCount("--replicas", flags.replicas));
  if (flags.maxConcurrent !== undefined) {
    setMaxConcurrent(spec, parseCount("--max-concurrent", flags.maxConcurrent));
  }
  if (flags.force === true) task.ForceUpdate += 1;
  applyContainerFlags(container, flags);
  changeContainerLists(container, flags, added);
  applyTaskFlags(task, flags);
  changeTaskLists(task, flags);
  spec.Labels = withOwnLabels(
    changedLabels(spec.Labels, "label", flags.labelAdd, flags.labelRm),
    flags,
  );
  changeEndpoint(spec, flags);
  const update = updateConfigOf("update", flags, spec.UpdateConfig);
  if (update !== undefined) spec.UpdateConfig = update;
  const rollback = updateConfigOf("rollback", flags, spec.RollbackConfig);
  if (rollback !== undefined) spec.RollbackConfig = rollback;
  return spec;
}

function changeEndpoint(spec: ServiceSpecJson, flags: ServiceFlags): void {
  const kept = (spec.EndpointSpec?.Ports ?? []).filter(
    (port) => !isRemovedPort(port, flags.publishRm ?? []),
  );
  const ports = changedList(
    kept,
    (flags.publishAdd ?? []).flatMap((text) => parsePublish(text, "--publish-add")),
    [],
    (port) => `${port.TargetPort}/${port.Protocol ?? "tcp"}/${port.PublishedPort ?? 0}`,
  );
  spec.EndpointSpec = { ...spec.EndpointSpec, Ports: ports };
  if (flags.endpointMode !== undefined) {
    spec.EndpointSpec.Mode = parseChoice("--endpoint-mode", flags.endpointMode, ["vip", "dnsrr"]);
  }
}

function changeContainerLists(
  container: ContainerSpecJson,
  flags: ServiceFlags,
  added: FileReferences,
): void {
  const same = (text: string): string => text;
  const set = <K extends keyof ContainerSpecJson>(
    key: K,
    value: ContainerSpecJson[K] | undefined,
  ): void => {
    if (value !== undefined) container[key] = value;
  };
  const { Env, Groups, Mounts, Hosts, Ulimits, Secrets, Configs, Labels, Sysctls } = container;
  set(
    "Env",
    changedOptional(Env, flags.envAdd, flags.envRm, (text) => text.split("=")[0]),
  );
  set("Groups", changedOptional(Groups, flags.groupAdd, flags.groupRm, same));
  const mounts = flags.mountAdd?.map((text) => parseMount(text, "--mount-add"));
  set(
    "Mounts",
    changedOptional(Mounts, mounts, flags.mountRm, ({ Target }) => Target),
  );
  const hosts = flags.hostAdd?.map((text) => parseHost(text, "--host-add"));
  const names = flags.hostRm?.map(hostNameOf);
  set("Hosts", changedOptional(Hosts, hosts, names, hostName));
  const ulimits = flags.ulimitAdd?.map((text) => parseUlimit(text, "--ulimit-add"));
  set(
    "Ulimits",
    changedOptional(Ulimits, ulimits, flags.ulimitRm, ({ Name }) => Name),
  );
  set(
    "Secrets",
    changedOptional(Secrets, added.secrets, flags.secretRm, (ref) => ref.SecretName),
  );
  set(
    "Configs",
    changedOptional(Configs, added.configs, flags.configRm, (ref) => ref.ConfigName),
  );
  if (flags.containerLabelAdd !== undefined || flags.containerLabelRm !== undefined) {
    const { containerLabelAdd, containerLabelRm } = flags;
    set("Labels", changedLabels(Labels, "container-label", containerLabelAdd, containerLabelRm));
  }
  if (flags.sysctlAdd !== undefined || flags.sysctlRm !== undefined) {
    set("Sysctls", changedLabels(Sysctls, "sysctl", flags.sysctlAdd, flags.sysctlRm));
  }
  changeDns(container, flags);
}

function changeDns(container: ContainerSpecJson, flags: ServiceFlags): void {
  const same = (text: string): string => text;
  const before = container.DNSConfig;
  const lists = {
    Nameservers: changedOptional(before?.Nameservers, flags.dnsAdd, flags.dnsRm, same),
    Options: changedOptional(before?.Options, flags.dnsOptionAdd, flags.dnsOptionRm, same),
    Search: changedOptional(before?.Search, flags.dnsSearchAdd, flags.dnsSearchRm, same),
  };
  const given = Object.entries(lists).filter(([, list]) => list !== undefined);
  if (given.length > 0) container.DNSConfig = Object.fromEntries(given);
}

// "ip name" -> "name"
function hostName(line: string): string | undefined {
  return line.split(" ")[1];
}

function changeTaskLists(task: TaskSpecJson, flags: ServiceFlags): void {
  const constraints = changedOptional(
    task.Placement?.Constraints,
    flags.constraintAdd,
    flags.constraintRm,
    (text) => text,
  );
  const preferences = changedOptional(
    task.Placement?.Preferences,
    flags.placementPrefAdd?.map((text) => parsePreference(text, "--placement-pref-add")),
    flags.placementPrefRm,
    ({ Spread }) => `spread=${Spread?.SpreadDescriptor ?? ""}`,
  );
  if (constraints !== undefined) task.Placement = { ...task.Placement, Constraints: constraints };
  if (preferences !== undefined) task.Placement = { ...task.Placement, Preferences: preferences };
  const networks = changedOptional(
    task.Networks,
    flags.networkAdd?.map((text) => parseNetwork(text, "--network-add")),
    flags.networkRm,
    ({ Target }) => Target,
  );
  if (networks !== undefined) task.Networks = networks;
  const generic = changedOptional(
    task.Resources?.Reservations?.GenericResources,
    flags.genericResourceAdd?.map((text) => parseGenericResource(text, "--generic-resource-add")),
    flags.genericResourceRm,
    resourceKind,
  );
  if (generic !== undefined) {
    const { Limits = {}, Reservations = {} } = task.Resources ?? {};
    task.Resources = { Limits, Reservations: { ...Reservations, GenericResources: generic } };
  }
}
