import { badRequest } from "../http/http-error.ts";
import type { JsonObject } from "./json-object.ts";

/** A field of base64, standard or URL alphabet; empty when absent. 400 for other characters. */
export function readBase64(object: JsonObject, name: string): Buffer {
  const text = object.text(name);
  if (!/^[A-Za-z0-9+/_\-\r\n]*={0,2}[\r\n]*$/.test(text)) {
    throw badRequest(`invalid ${name}: not base64`);
  }
  return Buffer.from(text, "base64");
}
