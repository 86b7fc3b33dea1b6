import type { ObjectJson } from "../../rest/wire/common.ts";
import { labelLines, outline } from "../format/outline.ts";

/** A secret or config as its `inspect` gives it; only a config has its data. */
export interface FileObjectJson extends ObjectJson {
  readonly Spec: {
    readonly Name: string;
    readonly Labels?: Record<string, string>;
    readonly Data?: string;
  };
}

/** A secret or config for `inspect --pretty`. */
export function prettyFileObject(object: FileObjectJson): string {
  const head = outline([
    ["ID", object.ID],
    ["Name", object.Spec.Name],
    ["Labels", labelLines(object.Spec.Labels)],
    ["Created at", object.CreatedAt],
    ["Updated at", object.UpdatedAt],
  ]);
  if (object.Spec.Data === undefined) return head;
  return `${head}\nData:\n${Buffer.from(object.Spec.Data, "base64").toString("utf8")}`;
}
