import type { ContainerSpecJson, ServiceSpecJson, TaskSpecJson } from "../../rest/wire/service.ts";
import { parsePublish } from "../ports.ts";
import { parseChoice, parseLabels } from "../values.ts";
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
} from "./items.ts";
import { modeOf } from "./mode.ts";
import { checkNewSchedule, withOwnLabels } from "./own-labels.ts";
import { applyTaskFlags, updateConfigOf } from "./task-flags.ts";

/** Pure: the spec that `service create` asks for. Networks are resolved by the daemon: their names go as they are. */
export function specOfFlags(
  image: string,
  args: readonly string[],
  flags: ServiceFlags,
  files: FileReferences = noFiles,
): ServiceSpecJson {
  const container: ContainerSpecJson = { Image: image };
  if (args.length > 0) container.Args = [...args];
  checkNewSchedule(flags);
  const task: TaskSpecJson = { ContainerSpec: container, ForceUpdate: 0 };
  const spec: ServiceSpecJson = {
    Name: flags.name ?? "",
    Labels: withOwnLabels(parseLabels("--label", flags.label ?? []), flags),
    TaskTemplate: task,
    Mode: modeOf(flags),
    EndpointSpec: {
      Mode: parseChoice("--endpoint-mode", flags.endpointMode ?? "vip", ["vip", "dnsrr"]),
      Ports: (flags.publish ?? []).flatMap((text) => parsePublish(text)),
    },
  };
  applyContainerFlags(container, flags);
  applyContainerLists(container, flags);
  if (files.secrets.length > 0) container.Secrets = [...files.secrets];
  if (files.configs.length > 0) container.Configs = [...files.configs];
  applyTaskFlags(task, flags);
  applyTaskLists(task, flags);
  const update = updateConfigOf("update", flags, undefined);
  if (update !== undefined) spec.UpdateConfig = update;
  const rollback = updateConfigOf("rollback", flags, undefined);
  if (rollback !== undefined) spec.RollbackConfig = rollback;
  return spec;
}

function applyContainerLists(container: ContainerSpecJson, flags: ServiceFlags): void {
  if (flags.env !== undefined) container.Env = flags.env;
  if (flags.containerLabel !== undefined) {
    container.Labels = parseLabels("--container-label", flags.containerLabel);
  }
  if (flags.group !== undefined) container.Groups = flags.group;
  if (flags.mount !== undefined) container.Mounts = flags.mount.map((text) => parseMount(text));
  if (flags.host !== undefined) container.Hosts = flags.host.map((text) => parseHost(text));
  if (flags.sysctl !== undefined) container.Sysctls = parseLabels("--sysctl", flags.sysctl);
  if (flags.ulimit !== undefined) container.Ulimits = flags.ulimit.map((text) => parseUlimit(text));
  const { dns, dnsOption, dnsSearch } = flags;
  if (dns !== undefined || dnsOption !== undefined || dnsSearch !== undefined) {
    container.DNSConfig = {
      ...(dns === undefined ? {} : { Nameservers: dns }),
      ...(dnsOption === undefined ? {} : { Options: dnsOption }),
      ...(dnsSearch === undefined ? {} : { Search: dnsSearch }),
    };
  }
}

function applyTaskLists(task: TaskSpecJson, flags: ServiceFlags): void {
  const networks = (flags.network ?? []).map((text) => parseNetwork(text));
  if (networks.length > 0) task.Networks = networks;
  if (flags.constraint !== undefined || flags.placementPref !== undefined) {
    task.Placement = {
      ...task.Placement,
      ...(flags.constraint === undefined ? {} : { Constraints: flags.constraint }),
      ...(flags.placementPref === undefined
        ? {}
        : { Preferences: flags.placementPref.map((text) => parsePreference(text)) }),
    };
  }
  if (flags.genericResource !== undefined) {
    const GenericResources = flags.genericResource.map((text) => parseGenericResource(text));
    const { Limits = {}, Reservations = {} } = task.Resources ?? {};
    task.Resources = { Limits, Reservations: { ...Reservations, GenericResources } };
  }
}
