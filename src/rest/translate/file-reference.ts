import type { ConfigReference } from "../../gen/skep/ConfigReference.ts";
import type { FileTarget } from "../../gen/skep/FileTarget.ts";
import type { SecretReference } from "../../gen/skep/SecretReference.ts";
import type { ConfigReferenceJson, FileTargetJson, SecretReferenceJson } from "../wire/service.ts";
import type { JsonObject } from "./json-object.ts";
import { omitUndefined } from "./omit-empty.ts";

/** A secret of a service and the file it becomes. */
export function secretReferenceJson(reference: SecretReference): SecretReferenceJson {
  return {
    ...omitUndefined({ File: fileTargetJson(reference.file) }),
    SecretID: reference.secretId,
    SecretName: reference.secretName,
  };
}

export function readSecretReference(object: JsonObject): SecretReference {
  return {
    secretId: object.text("SecretID"),
    secretName: object.text("SecretName"),
    file: readFileTarget(object.object("File")),
  };
}

/** A config of a service and the file it becomes, or `Runtime` when it is not mounted. */
export function configReferenceJson(reference: ConfigReference): ConfigReferenceJson {
  return {
    ...omitUndefined({
      File: fileTargetJson(reference.file),
      Runtime: reference.runtime ? {} : undefined,
    }),
    ConfigID: reference.configId,
    ConfigName: reference.configName,
  };
}

export function readConfigReference(object: JsonObject): ConfigReference {
  return {
    configId: object.text("ConfigID"),
    configName: object.text("ConfigName"),
    file: readFileTarget(object.object("File")),
    runtime: object.object("Runtime") !== undefined,
  };
}

function fileTargetJson(file: FileTarget | null): FileTargetJson | undefined {
  return file === null
    ? undefined
    : { Name: file.name, UID: file.uid, GID: file.gid, Mode: file.mode };
}

function readFileTarget(object: JsonObject | undefined): FileTarget | null {
  if (object === undefined) return null;
  return {
    name: object.text("Name"),
    uid: object.text("UID"),
    gid: object.text("GID"),
    mode: object.integer("Mode", { max: 0xffffffff }),
  };
}
