import type { RegistryAuth } from "../backend/images.ts";
import { badRequest } from "./http-error.ts";

/** Credentials of the X-Registry-Auth header (base64url JSON); undefined for none. 400 if malformed. */
export function parseRegistryAuth(header: string | undefined): RegistryAuth | undefined {
  if (header === undefined || header === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  } catch {
    throw badRequest("invalid X-Registry-Auth header: not base64url JSON");
  }
  if (typeof value !== "object" || value === null) {
    throw badRequest("invalid X-Registry-Auth header: not a JSON object");
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (name: string): string => {
    const field = fields.get(name);
    return typeof field === "string" ? field : "";
  };
  const auth = {
    username: text("username"),
    password: text("password"),
    identityToken: text("identitytoken"),
    serverAddress: text("serveraddress"),
  };
  return auth.username === "" && auth.identityToken === "" ? undefined : auth;
}
