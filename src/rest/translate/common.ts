import type { Annotations } from "../../gen/skep/Annotations.ts";
import type { Driver } from "../../gen/skep/Driver.ts";
import type { GenericResource } from "../../gen/skep/GenericResource.ts";
import type { Meta } from "../../gen/skep/Meta.ts";
import { badRequest } from "../http/http-error.ts";
import type { DriverJson, ObjectJson } from "../wire/common.ts";
import type { GenericResourceJson } from "../wire/service.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty } from "./omit-empty.ts";
import { timestampJson } from "./time.ts";

/** ID, Version and times. */
export function objectJson(id: string, meta: Meta | null): ObjectJson {
  return {
    ID: id,
    Version: { Index: meta?.version?.index ?? 0 },
    CreatedAt: timestampJson(meta?.createdAt ?? null),
    UpdatedAt: timestampJson(meta?.updatedAt ?? null),
  };
}

/** Name and Labels of a spec. */
export function annotationsJson(annotations: Annotations | null): {
  Name: string;
  Labels: Record<string, string>;
} {
  return { Name: annotations?.name ?? "", Labels: annotations?.labels ?? {} };
}

/** Name and Labels of a spec. */
export function readAnnotations(spec: JsonObject): Annotations {
  return { name: spec.text("Name"), labels: spec.textMap("Labels") };
}

/** undefined for null. */
export function driverJson(driver: Driver | null): DriverJson | undefined {
  return driver === null
    ? undefined
    : omitEmpty<DriverJson>({ Name: driver.name, Options: driver.options });
}

/** null when absent. */
export function readDriver(parent: JsonObject, name: string): Driver | null {
  const driver = parent.object(name);
  return driver === undefined
    ? null
    : { name: driver.text("Name"), options: driver.textMap("Options") };
}

/** A kind of resource with a count, or one named piece of it. */
export function genericResourceJson(resource: GenericResource): GenericResourceJson {
  if (resource.named !== undefined && resource.named !== null) {
    return { NamedResourceSpec: { Kind: resource.named.kind, Value: resource.named.value } };
  }
  const discrete = resource.discrete ?? { kind: "", value: 0 };
  return { DiscreteResourceSpec: { Kind: discrete.kind, Value: discrete.value } };
}

/** 400 when it is neither named nor discrete. */
export function readGenericResource(object: JsonObject): GenericResource {
  const named = object.object("NamedResourceSpec");
  if (named !== undefined) {
    return {
      resource: "named",
      named: { kind: named.text("Kind"), value: named.text("Value") },
    };
  }
  const discrete = object.object("DiscreteResourceSpec");
  if (discrete === undefined) {
    throw badRequest(
      `invalid ${object.path}: one of NamedResourceSpec, DiscreteResourceSpec is needed`,
    );
  }
  return {
    resource: "discrete",
    discrete: {
      kind: discrete.text("Kind"),
      value: discrete.integer("Value", { min: Number.MIN_SAFE_INTEGER }),
    },
  };
}
