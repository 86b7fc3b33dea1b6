import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { UpdateConfig } from "../../gen/skep/UpdateConfig.ts";
import { badRequest } from "../http/http-error.ts";
import type { ServiceModeJson, ServiceSpecJson, UpdateConfigJson } from "../wire/service.ts";
import { annotationsJson, readAnnotations } from "./common.ts";
import { endpointSpecJson, readEndpointSpec } from "./endpoint.ts";
import { JsonObject } from "./json-object.ts";
import { omitUndefined } from "./omit-empty.ts";
import { readAttachment, readTaskSpec, taskSpecJson } from "./task-spec.ts";
import { durationJson, readDuration, readDurationOrUnset } from "./time.ts";
import { failureActionWords, updateOrderWords, wordFor } from "./words.ts";

/** Docker's ServiceSpec (Docker API v1.50, /services/create). */
export function serviceSpecJson(spec: ServiceSpec): ServiceSpecJson {
  return {
    ...annotationsJson(spec.annotations),
    TaskTemplate:
      spec.task === null ? { ForceUpdate: 0, Runtime: "container" } : taskSpecJson(spec.task),
    Mode: modeJson(spec),
    ...omitUndefined({
      UpdateConfig: spec.update === null ? undefined : updateConfigJson(spec.update),
      RollbackConfig: spec.rollback === null ? undefined : updateConfigJson(spec.rollback),
      EndpointSpec: spec.endpoint === null ? undefined : endpointSpecJson(spec.endpoint),
    }),
  };
}

/** 400 naming the field that is wrong; 501 for what this daemon has not. */
export function readServiceSpec(body: unknown): ServiceSpec {
  const object = new JsonObject(body);
  const task = readTaskSpec(object.object("TaskTemplate") ?? new JsonObject({}));
  // Before API 1.25 networks were named beside the task.
  if (task.networks.length === 0) task.networks = object.objects("Networks", readAttachment);
  return {
    annotations: readAnnotations(object),
    task,
    ...readMode(object.object("Mode")),
    update: readUpdateConfig(object.object("UpdateConfig")),
    rollback: readUpdateConfig(object.object("RollbackConfig")),
    endpoint: readEndpointSpec(object.object("EndpointSpec")),
  };
}

type Mode = Pick<ServiceSpec, "mode" | "replicated" | "global" | "replicatedJob" | "globalJob">;

function modeJson(spec: ServiceSpec): ServiceModeJson {
  switch (spec.mode) {
    case "global":
      return { Global: {} };
    case "globalJob":
      return { GlobalJob: {} };
    case "replicatedJob":
      return {
        ReplicatedJob: {
          MaxConcurrent: spec.replicatedJob?.maxConcurrent ?? 0,
          TotalCompletions: spec.replicatedJob?.totalCompletions ?? 0,
        },
      };
    default:
      return { Replicated: { Replicas: spec.replicated?.replicas ?? 0 } };
  }
}

function readMode(object: JsonObject | undefined): Mode {
  const names = ["Replicated", "Global", "ReplicatedJob", "GlobalJob"];
  const given = names.filter((name) => object?.has(name));
  if (given.length > 1) throw badRequest("invalid Mode: must specify only one service mode");
  if (given[0] === "Global") return { mode: "global", global: {} };
  if (given[0] === "GlobalJob") return { mode: "globalJob", globalJob: {} };
  if (given[0] === "ReplicatedJob") {
    const job = object?.object("ReplicatedJob");
    const total = job?.optionalInteger("TotalCompletions");
    const concurrent = job?.optionalInteger("MaxConcurrent") ?? 1;
    return {
      mode: "replicatedJob",
      replicatedJob: { maxConcurrent: concurrent, totalCompletions: total ?? concurrent },
    };
  }
  const replicas = object?.object("Replicated")?.optionalInteger("Replicas") ?? 1;
  return { mode: "replicated", replicated: { replicas } };
}

function updateConfigJson(update: UpdateConfig): UpdateConfigJson {
  return {
    Parallelism: update.parallelism,
    ...omitUndefined({
      Delay: durationJson(update.delay),
      Monitor: durationJson(update.monitor),
    }),
    FailureAction: wordFor(failureActionWords, update.failureAction),
    MaxFailureRatio: update.maxFailureRatio,
    Order: wordFor(updateOrderWords, update.order),
  };
}

function readUpdateConfig(object: JsonObject | undefined): UpdateConfig | null {
  if (object === undefined) return null;
  return {
    parallelism: object.integer("Parallelism"),
    delay: readDuration(object, "Delay"),
    failureAction: object.word("FailureAction", failureActionWords, "PAUSE_UPDATE"),
    monitor: readDurationOrUnset(object, "Monitor"),
    maxFailureRatio: object.number("MaxFailureRatio"),
    order: object.word("Order", updateOrderWords, "STOP_FIRST"),
  };
}
