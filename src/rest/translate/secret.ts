import type { Secret } from "../../gen/skep/Secret.ts";
import type { SecretSpec } from "../../gen/skep/SecretSpec.ts";
import type { SecretJson } from "../wire/secret.ts";
import { readBase64 } from "./base64.ts";
import { annotationsJson, driverJson, objectJson, readAnnotations, readDriver } from "./common.ts";
import { JsonObject } from "./json-object.ts";
import { omitUndefined } from "./omit-empty.ts";

/** Docker's secret: never the data. */
export function secretJson(secret: Secret): SecretJson {
  const { spec } = secret;
  return {
    ...objectJson(secret.id, secret.meta),
    Spec: {
      ...annotationsJson(spec?.annotations ?? null),
      ...omitUndefined({
        Driver: driverJson(spec?.driver ?? null),
        Templating: driverJson(spec?.templating ?? null),
      }),
    },
  };
}

/** 400 naming the field that is wrong. Data is base64. */
export function readSecretSpec(body: unknown): SecretSpec {
  const object = new JsonObject(body);
  return {
    annotations: readAnnotations(object),
    data: readBase64(object, "Data"),
    templating: readDriver(object, "Templating"),
    driver: readDriver(object, "Driver"),
  };
}
