import type {
  EndpointSpecJson,
  NetworkAttachmentConfigJson,
  ResourceRequirementsJson,
  ResourcesJson,
  RestartPolicyJson,
  ServiceModeJson,
  ServiceSpecJson,
  TaskSpecJson,
  UpdateConfigJson,
} from "../../rest/wire/service.ts";
import { parseCpus, parseDuration } from "../values.ts";
import type { ServiceFields } from "./decode-service.ts";
import { imageLabel, objectName, scopedName, stackLabels } from "./names.ts";
import { containerOf, type FileIds } from "./stack-container.ts";
import type { StackModel, StackService } from "./stack-model.ts";

type Deploy = NonNullable<ServiceFields["deploy"]>;

/** Names of networks that containers know no names on. */
const plainNetworks = ["host", "bridge", "none"];

/** Pure: the spec of a service as `docker stack deploy` makes it. Networks are named, not numbered. */
export function serviceSpecOf(
  stack: string,
  service: StackService,
  model: StackModel,
  ids: FileIds,
): ServiceSpecJson {
  const { fields } = service;
  const deploy: Deploy = fields.deploy ?? {};
  const spec: ServiceSpecJson = {
    Name: scopedName(stack, service.name),
    Labels: { ...stackLabels(stack, deploy.labels), [imageLabel]: fields.image ?? "" },
    TaskTemplate: taskOf(stack, service, model, ids),
    Mode: modeOf(deploy),
    EndpointSpec: endpointOf(fields),
  };
  if (deploy.update_config !== undefined) spec.UpdateConfig = updateOf(deploy.update_config);
  if (deploy.rollback_config !== undefined) spec.RollbackConfig = updateOf(deploy.rollback_config);
  return spec;
}

function taskOf(
  stack: string,
  service: StackService,
  model: StackModel,
  ids: FileIds,
): TaskSpecJson {
  const { fields } = service;
  const deploy: Deploy = fields.deploy ?? {};
  const task: TaskSpecJson = {
    ContainerSpec: containerOf(stack, service, model, ids),
    Networks: attachments(stack, service, model),
    ForceUpdate: 0,
  };
  const { placement, resources } = deploy;
  const restart = restartOf(fields);
  if (restart !== undefined) task.RestartPolicy = restart;
  if (resources !== undefined) task.Resources = requirements(resources);
  if (fields.logging !== undefined) {
    task.LogDriver = { Name: fields.logging.driver ?? "", Options: fields.logging.options ?? {} };
  }
  if (placement !== undefined) {
    task.Placement = {
      ...(placement.constraints === undefined ? {} : { Constraints: placement.constraints }),
      ...(placement.preferences === undefined
        ? {}
        : {
            Preferences: placement.preferences.map(({ spread = "" }) => ({
              Spread: { SpreadDescriptor: spread },
            })),
          }),
      ...(placement.max_replicas_per_node === undefined
        ? {}
        : { MaxReplicas: placement.max_replicas_per_node }),
    };
  }
  return task;
}

// Each service answers to its own name on each of its networks; the stack's default network is for those that name none.
function attachments(
  stack: string,
  { name, fields }: StackService,
  { networks }: StackModel,
): NetworkAttachmentConfigJson[] {
  const own = fields.networks ?? {};
  const wanted = Object.keys(own).length === 0 ? { default: null } : own;
  return Object.entries(wanted)
    .map(([key, options]) => {
      const top = networks[key] ?? {};
      const target = objectName(stack, key, top);
      const isPlain = top.external === true && plainNetworks.includes(target);
      return {
        Target: target,
        ...(isPlain ? {} : { Aliases: [...(options?.aliases ?? []), name] }),
        ...(options?.driver_opts === undefined ? {} : { DriverOpts: options.driver_opts }),
      };
    })
    .sort((a, b) => (a.Target < b.Target ? -1 : 1));
}

function modeOf({ mode = "replicated", replicas = 1 }: Deploy): ServiceModeJson {
  switch (mode) {
    case "replicated":
      return { Replicated: { Replicas: replicas } };
    case "global":
      return { Global: {} };
    case "replicated-job":
      return { ReplicatedJob: { MaxConcurrent: replicas, TotalCompletions: replicas } };
    case "global-job":
      return { GlobalJob: {} };
  }
}

function endpointOf({ deploy, ports = [] }: StackService["fields"]): EndpointSpecJson {
  return {
    Mode: deploy?.endpoint_mode ?? "vip",
    Ports: ports
      .map(({ name, target = 0, published, protocol = "tcp", mode = "ingress" }) => ({
        ...(name === undefined ? {} : { Name: name }),
        Protocol: protocol,
        TargetPort: target,
        ...(published === undefined ? {} : { PublishedPort: published }),
        PublishMode: mode,
      }))
      .sort((a, b) => (a.PublishedPort ?? 0) - (b.PublishedPort ?? 0)),
  };
}

// `restart` is what counts where deploy says nothing.
function restartOf({ deploy, restart }: StackService["fields"]): RestartPolicyJson | undefined {
  const policy = deploy?.restart_policy;
  if (policy !== undefined) {
    return {
      ...(policy.condition === undefined ? {} : { Condition: policy.condition }),
      ...(policy.delay === undefined ? {} : { Delay: nanos(policy.delay) }),
      ...(policy.max_attempts === undefined ? {} : { MaxAttempts: policy.max_attempts }),
      ...(policy.window === undefined ? {} : { Window: nanos(policy.window) }),
    };
  }
  if (restart === "always" || restart === "unless-stopped") return { Condition: "any" };
  const [, attempts] = /^on-failure(?::(\d+))?$/.exec(restart ?? "") ?? [];
  if (restart?.startsWith("on-failure") !== true) return undefined;
  return {
    Condition: "on-failure",
    ...(attempts === undefined ? {} : { MaxAttempts: Number(attempts) }),
  };
}

function updateOf(config: NonNullable<Deploy["update_config"]>): UpdateConfigJson {
  return {
    Parallelism: config.parallelism ?? 1,
    ...(config.delay === undefined ? {} : { Delay: nanos(config.delay) }),
    FailureAction: config.failure_action ?? "pause",
    ...(config.monitor === undefined ? {} : { Monitor: nanos(config.monitor) }),
    MaxFailureRatio: config.max_failure_ratio ?? 0,
    Order: config.order ?? "stop-first",
  };
}

function requirements(resources: NonNullable<Deploy["resources"]>): ResourceRequirementsJson {
  const { limits, reservations } = resources;
  const json: ResourceRequirementsJson = {};
  if (limits !== undefined) {
    json.Limits = {
      ...amounts(limits),
      ...(limits.pids === undefined ? {} : { Pids: limits.pids }),
    };
  }
  if (reservations === undefined) return json;
  json.Reservations = amounts(reservations);
  const generic = reservations.generic_resources;
  if (generic !== undefined) {
    json.Reservations.GenericResources = generic.map(
      ({ discrete_resource_spec: count, named_resource_spec: named }) =>
        named === undefined
          ? { DiscreteResourceSpec: { Kind: count?.kind ?? "", Value: count?.value ?? 0 } }
          : { NamedResourceSpec: { Kind: named.kind ?? "", Value: named.value ?? "" } },
    );
  }
  return json;
}

function amounts({ cpus, memory }: { cpus?: string; memory?: string }): ResourcesJson {
  return {
    ...(cpus === undefined ? {} : { NanoCPUs: parseCpus("cpus", cpus) }),
    ...(memory === undefined ? {} : { MemoryBytes: Number(memory) }),
  };
}

function nanos(text: string): number {
  return parseDuration("duration", text);
}
