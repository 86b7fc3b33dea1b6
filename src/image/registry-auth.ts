import { ClusterError } from "../base/errors.ts";

/** Credentials of one registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly serverAddress: string;
}

/** A WWW-Authenticate challenge. */
export type Challenge =
  | { readonly scheme: "basic" }
  | {
      readonly scheme: "bearer";
      readonly realm: string;
      readonly service: string;
      readonly scope: string;
    };

/** Reads Docker's X-Registry-Auth (base64 or base64url JSON); undefined when it names nobody. INVALID_ARGUMENT when it is damaged. */
export function parseRegistryAuth(text: string): RegistryAuth | undefined {
  if (text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString());
  } catch (cause) {
    throw new ClusterError("INVALID_ARGUMENT", "the registry credentials are not base64 JSON", {
      cause,
    });
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const field = (name: string): string => {
    const found = fields[name];
    return typeof found === "string" ? found : "";
  };
  const auth = {
    username: field("username"),
    password: field("password"),
    identityToken: field("identitytoken"),
    serverAddress: field("serveraddress"),
  };
  return auth.username === "" && auth.identityToken === "" ? undefined : auth;
}

/** Reads a WWW-Authenticate header; undefined when it asks for something else. */
export function parseChallenge(header: string): Challenge | undefined {
  if (/^basic\b/i.test(header)) return { scheme: "basic" };
  if (!/^bearer\b/i.test(header)) return undefined;
  const values: Record<string, string> = {};
  for (const match of header.matchAll(/([a-z_]+)="([^"]*)"/gi)) {
    values[(match[1] ?? "").toLowerCase()] = match[2] ?? "";
  }
  const { realm = "", service = "", scope = "" } = values;
  return realm === "" ? undefined : { scheme: "bearer", realm, service, scope };
}

/** The value of an Authorization header with a user's name and password. */
export function basicAuthorization(auth: RegistryAuth): string {
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
}
