import type { NetworkAttachmentConfig } from "../../gen/skep/NetworkAttachmentConfig.ts";
import type { Placement } from "../../gen/skep/Placement.ts";
import type { ResourceRequirements } from "../../gen/skep/ResourceRequirements.ts";
import type { Resources } from "../../gen/skep/Resources.ts";
import type { RestartPolicy } from "../../gen/skep/RestartPolicy.ts";
import type { TaskSpec } from "../../gen/skep/TaskSpec.ts";
import { HttpError } from "../http/http-error.ts";
import type {
  NetworkAttachmentConfigJson,
  PlacementJson,
  ResourceRequirementsJson,
  ResourcesJson,
  RestartPolicyJson,
  TaskSpecJson,
} from "../wire/service.ts";
import { driverJson, genericResourceJson, readDriver, readGenericResource } from "./common.ts";
import { containerSpecJson, readContainerSpec } from "./container-spec.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { durationJson, readDuration } from "./time.ts";
import { restartConditionWords, wordFor } from "./words.ts";

/** Docker's TaskTemplate of a service and Spec of a task. */
export function taskSpecJson(spec: TaskSpec): TaskSpecJson {
  return {
    ...omitUndefined({
      ContainerSpec: spec.container === null ? undefined : containerSpecJson(spec.container),
      Resources: spec.resources === null ? undefined : requirementsJson(spec.resources),
      RestartPolicy: spec.restart === null ? undefined : restartPolicyJson(spec.restart),
      Placement: spec.placement === null ? undefined : placementJson(spec.placement),
      Networks: spec.networks.length === 0 ? undefined : spec.networks.map(attachmentJson),
      LogDriver: driverJson(spec.logDriver),
      NetworkAttachmentSpec:
        spec.attachment === null ? undefined : { ContainerID: spec.attachment.containerId },
    }),
    ForceUpdate: spec.forceUpdate,
    Runtime: spec.attachment === null ? "container" : "attachment",
  };
}

/** 400 for wrong types; 501 for plugins as tasks. */
export function readTaskSpec(object: JsonObject): TaskSpec {
  const runtime = object.text("Runtime", "container");
  if ((runtime !== "container" && runtime !== "") || object.has("PluginSpec")) {
    throw new HttpError(501, `service runtime ${runtime} is not supported: only container is`);
  }
  const container = object.object("ContainerSpec");
  return {
    container: container === undefined ? null : readContainerSpec(container),
    resources: readRequirements(object.object("Resources")),
    restart: readRestartPolicy(object.object("RestartPolicy")),
    placement: readPlacement(object.object("Placement")),
    logDriver: readDriver(object, "LogDriver"),
    networks: object.objects("Networks", readAttachment),
    forceUpdate: object.integer("ForceUpdate"),
    attachment: null,
  };
}

/** Which network a task joins. */
export function readAttachment(object: JsonObject): NetworkAttachmentConfig {
  return {
    target: object.text("Target"),
    aliases: object.texts("Aliases"),
    driverOptions: object.textMap("DriverOpts"),
    addresses: [],
  };
}

/** Docker's NanoCPUs, MemoryBytes, Pids and GenericResources, without those that are 0. */
export function resourcesJson(resources: Resources): ResourcesJson {
  return omitEmpty<ResourcesJson>({
    NanoCPUs: resources.nanoCpus,
    MemoryBytes: resources.memoryBytes,
    Pids: resources.pids,
    GenericResources: resources.generic.map(genericResourceJson),
  });
}

function attachmentJson(config: NetworkAttachmentConfig): NetworkAttachmentConfigJson {
  return omitEmpty<NetworkAttachmentConfigJson>({
    Target: config.target,
    Aliases: config.aliases,
    DriverOpts: config.driverOptions,
  });
}

function requirementsJson(requirements: ResourceRequirements): ResourceRequirementsJson {
  const { limits, reservations } = requirements;
  return omitUndefined({
    Limits: limits === null ? undefined : resourcesJson(limits),
    Reservations: reservations === null ? undefined : resourcesJson(reservations),
  });
}

function readRequirements(object: JsonObject | undefined): ResourceRequirements | null {
  if (object === undefined) return null;
  return {
    limits: readResources(object.object("Limits")),
    reservations: readResources(object.object("Reservations")),
  };
}

function readResources(object: JsonObject | undefined): Resources | null {
  if (object === undefined) return null;
  const anyInteger = { min: Number.MIN_SAFE_INTEGER };
  return {
    nanoCpus: object.integer("NanoCPUs", anyInteger),
    memoryBytes: object.integer("MemoryBytes", anyInteger),
    pids: object.integer("Pids", anyInteger),
    generic: object.objects("GenericResources", readGenericResource),
  };
}

function restartPolicyJson(restart: RestartPolicy): RestartPolicyJson {
  return omitUndefined({
    Condition: wordFor(restartConditionWords, restart.condition),
    Delay: durationJson(restart.delay),
    MaxAttempts: restart.maxAttempts,
    Window: durationJson(restart.window),
  });
}

function readRestartPolicy(object: JsonObject | undefined): RestartPolicy | null {
  if (object === undefined) return null;
  return {
    condition: object.word("Condition", restartConditionWords, "RESTART_ANY"),
    delay: readDuration(object, "Delay"),
    maxAttempts: object.integer("MaxAttempts"),
    window: readDuration(object, "Window"),
  };
}

function placementJson(placement: Placement): PlacementJson {
  return omitEmpty<PlacementJson>({
    Constraints: placement.constraints,
    Preferences: placement.preferences.map(({ spread }) => ({
      Spread: { SpreadDescriptor: spread?.descriptor ?? "" },
    })),
    MaxReplicas: placement.maxReplicasPerNode,
    Platforms: placement.platforms.map(({ architecture, os }) =>
      omitEmpty({ Architecture: architecture, OS: os }),
    ),
  });
}

function readPlacement(object: JsonObject | undefined): Placement | null {
  if (object === undefined) return null;
  return {
    constraints: object.texts("Constraints"),
    preferences: object.objects("Preferences", (preference) => ({
      preference: "spread" as const,
      spread: { descriptor: preference.object("Spread")?.text("SpreadDescriptor") ?? "" },
    })),
    platforms: object.objects("Platforms", (platform) => ({
      architecture: platform.text("Architecture"),
      os: platform.text("OS"),
    })),
    maxReplicasPerNode: object.integer("MaxReplicas"),
  };
}
