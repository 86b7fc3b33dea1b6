import type { ConfigReferenceJson, SecretReferenceJson } from "../../rest/wire/service.ts";
import { invalid, parseEntries } from "../values.ts";

/** What one `--secret` or `--config` asks for, its object still by name. */
export interface FileRequest {
  readonly source: string;
  readonly target: string;
  readonly uid: string;
  readonly gid: string;
  readonly mode: number;
}

/** References with the objects' ids. */
export interface FileReferences {
  readonly secrets: readonly SecretReferenceJson[];
  readonly configs: readonly ConfigReferenceJson[];
}

export const noFiles: FileReferences = { secrets: [], configs: [] };

/** NAME or source=NAME,target=FILE,uid=0,gid=0,mode=0444. */
export function parseFileRequest(
  flag: `--${"secret" | "config"}${"" | "-add"}`,
  text: string,
): FileRequest {
  const wanted = "NAME or source=NAME[,target=FILE][,uid=0][,gid=0][,mode=0444]";
  const fields = new Map(text.includes("=") ? parseEntries(text) : [["source", text] as const]);
  const unknown = [...fields.keys()].find(
    (key) => !["source", "src", "target", "uid", "gid", "mode"].includes(key),
  );
  const source = fields.get("source") ?? fields.get("src") ?? "";
  const mode = fields.get("mode") ?? "0444";
  if (
    unknown !== undefined ||
    source === "" ||
    !/^0?[0-7]{3}$/.test(mode) ||
    fields.get("target") === ""
  ) {
    throw invalid(flag, text, wanted);
  }
  return {
    source,
    target: fields.get("target") ?? (flag.startsWith("--config") ? `/${source}` : source),
    uid: fields.get("uid") ?? "0",
    gid: fields.get("gid") ?? "0",
    mode: Number.parseInt(mode, 8),
  };
}

/** Pure: the API's reference to a secret. */
export function secretReference(request: FileRequest, id: string): SecretReferenceJson {
  return { File: fileOf(request), SecretID: id, SecretName: request.source };
}

/** Pure: the API's reference to a config. */
export function configReference(request: FileRequest, id: string): ConfigReferenceJson {
  return { File: fileOf(request), ConfigID: id, ConfigName: request.source };
}

function fileOf({ target, uid, gid, mode }: FileRequest) {
  return { Name: target, UID: uid, GID: gid, Mode: mode };
}
