import type { Config } from "../../gen/skep/Config.ts";
import type { ConfigSpec } from "../../gen/skep/ConfigSpec.ts";
import type { ConfigJson } from "../wire/config.ts";
import { readBase64 } from "./base64.ts";
import { annotationsJson, driverJson, objectJson, readAnnotations, readDriver } from "./common.ts";
import { JsonObject } from "./json-object.ts";
import { omitUndefined } from "./omit-empty.ts";

/** Docker's config. */
export function configJson(config: Config): ConfigJson {
  const { spec } = config;
  return {
    ...objectJson(config.id, config.meta),
    Spec: {
      ...annotationsJson(spec?.annotations ?? null),
      Data: Buffer.from(spec?.data ?? []).toString("base64"),
      ...omitUndefined({ Templating: driverJson(spec?.templating ?? null) }),
    },
  };
}

/** 400 naming the field that is wrong. Data is base64. */
export function readConfigSpec(body: unknown): ConfigSpec {
  const object = new JsonObject(body);
  return {
    annotations: readAnnotations(object),
    data: readBase64(object, "Data"),
    templating: readDriver(object, "Templating"),
  };
}
