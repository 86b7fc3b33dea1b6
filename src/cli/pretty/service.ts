import type { DriverJson } from "../../rest/wire/common.ts";
import type {
  MountJson,
  ResourcesJson,
  RestartPolicyJson,
  ServiceJson,
  TaskSpecJson,
  UpdateConfigJson,
} from "../../rest/wire/service.ts";
import { labelLines, type OutlineEntry, outline } from "../format/outline.ts";
import { formatMemory } from "../format/units.ts";
import { formatPort } from "../ports.ts";

/** A service for `service inspect --pretty`. */
export function prettyService(service: ServiceJson): string {
  const { Spec, Endpoint, UpdateStatus } = service;
  return outline([
    ["ID", service.ID],
    ["Name", Spec.Name],
    ["Labels", labelLines(Spec.Labels)],
    ["Mode", modeText(service)],
    [
      "Update status",
      [
        ["State", UpdateStatus?.State],
        ["Started at", UpdateStatus?.StartedAt],
        ["Completed at", UpdateStatus?.CompletedAt],
        ["Message", UpdateStatus?.Message],
      ],
    ],
    ["Placement", placementLines(Spec.TaskTemplate)],
    ["Update", updateLines(Spec.UpdateConfig)],
    ["Rollback", updateLines(Spec.RollbackConfig)],
    ["Container", containerLines(Spec.TaskTemplate)],
    ["Restart", restartLines(Spec.TaskTemplate.RestartPolicy)],
    ["Log driver", driverText(Spec.TaskTemplate.LogDriver)],
    ["Limits", resourceLines(Spec.TaskTemplate.Resources?.Limits)],
    ["Reservations", resourceLines(Spec.TaskTemplate.Resources?.Reservations)],
    ["Networks", (Spec.TaskTemplate.Networks ?? []).map(({ Target = "" }) => Target).join(", ")],
    ["Endpoint mode", Spec.EndpointSpec?.Mode],
    ["Ports", (Endpoint.Ports ?? []).map(formatPort).join(", ")],
  ]);
}

function modeText({ Spec: { Mode } }: ServiceJson): string {
  if (Mode.Global !== undefined) return "global";
  if (Mode.GlobalJob !== undefined) return "global job";
  if (Mode.ReplicatedJob !== undefined) {
    return `replicated job, ${Mode.ReplicatedJob.TotalCompletions ?? 1} completions`;
  }
  return `replicated, ${Mode.Replicated?.Replicas ?? 1} replicas`;
}

function placementLines({ Placement }: TaskSpecJson): OutlineEntry[] {
  const max = Placement?.MaxReplicas ?? 0;
  return [
    ["Constraints", (Placement?.Constraints ?? []).join(", ")],
    [
      "Preferences",
      (Placement?.Preferences ?? []).map(({ Spread }) => Spread?.SpreadDescriptor ?? "").join(", "),
    ],
    ["Max replicas per node", max === 0 ? undefined : max],
  ];
}

function updateLines(config: UpdateConfigJson | undefined): OutlineEntry[] {
  if (config === undefined) return [];
  return [
    ["Parallelism", config.Parallelism],
    ["Delay", secondsText(config.Delay)],
    ["On failure", config.FailureAction],
    ["Monitor", secondsText(config.Monitor)],
    ["Max failure ratio", config.MaxFailureRatio],
    ["Order", config.Order],
  ];
}

function containerLines({ ContainerSpec: spec = {} }: TaskSpecJson): OutlineEntry[] {
  return [
    ["Image", spec.Image],
    ["Command", (spec.Command ?? []).join(" ")],
    ["Args", (spec.Args ?? []).join(" ")],
    ["Env", (spec.Env ?? []).join(" ")],
    ["Dir", spec.Dir],
    ["User", spec.User],
    ["Hostname", spec.Hostname],
    ["Init", spec.Init],
    ["Groups", (spec.Groups ?? []).join(", ")],
    ["Hosts", (spec.Hosts ?? []).join(", ")],
    ["DNS servers", (spec.DNSConfig?.Nameservers ?? []).join(", ")],
    ["DNS search", (spec.DNSConfig?.Search ?? []).join(", ")],
    ["DNS options", (spec.DNSConfig?.Options ?? []).join(", ")],
    ["Capabilities added", (spec.CapabilityAdd ?? []).join(", ")],
    ["Capabilities dropped", (spec.CapabilityDrop ?? []).join(", ")],
    ["Sysctls", labelLines(spec.Sysctls ?? {})],
    [
      "Ulimits",
      (spec.Ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(", "),
    ],
    ["Health check", (spec.Healthcheck?.Test ?? []).join(" ")],
    ["Stop signal", spec.StopSignal],
    ["Stop grace period", secondsText(spec.StopGracePeriod)],
    ["Read only", spec.ReadOnly === true ? true : undefined],
    ["Mounts", (spec.Mounts ?? []).map(mountText).join(", ")],
    ["Secrets", (spec.Secrets ?? []).map(({ SecretName }) => SecretName).join(", ")],
    ["Configs", (spec.Configs ?? []).map(({ ConfigName }) => ConfigName).join(", ")],
  ];
}

function mountText({ Type, Source, Target, ReadOnly }: MountJson): string {
  return `${Type ?? "volume"}:${Source ?? ""}:${Target ?? ""}${ReadOnly === true ? ":ro" : ""}`;
}

function resourceLines(resources: ResourcesJson | undefined): OutlineEntry[] {
  const { NanoCPUs = 0, MemoryBytes = 0, Pids = 0 } = resources ?? {};
  const lines: OutlineEntry[] = [];
  if (NanoCPUs > 0) lines.push(["CPUs", NanoCPUs / 1e9]);
  if (MemoryBytes > 0) lines.push(["Memory", formatMemory(MemoryBytes)]);
  if (Pids > 0) lines.push(["Pids", Pids]);
  for (const { DiscreteResourceSpec, NamedResourceSpec } of resources?.GenericResources ?? []) {
    const resource = DiscreteResourceSpec ?? NamedResourceSpec;
    if (resource !== undefined) lines.push([resource.Kind, resource.Value]);
  }
  return lines;
}

function restartLines(policy: RestartPolicyJson | undefined): OutlineEntry[] {
  return [
    ["Condition", policy?.Condition],
    ["Delay", secondsText(policy?.Delay)],
    ["Max attempts", policy?.MaxAttempts || undefined],
    ["Window", secondsText(policy?.Window || undefined)],
  ];
}

function driverText(driver: DriverJson | undefined): string | undefined {
  if (driver === undefined) return undefined;
  const options = Object.entries(driver.Options ?? {}).map(([name, value]) => `${name}=${value}`);
  return [driver.Name, ...options].join(" ");
}

function secondsText(nanoseconds: number | undefined): string | undefined {
  return nanoseconds === undefined ? undefined : `${nanoseconds / 1e9}s`;
}
