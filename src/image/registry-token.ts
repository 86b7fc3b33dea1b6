import { ClusterError } from "../base/errors.ts";
import type { Challenge } from "./registry-auth.ts";

/** Where a registry sends its clients for tokens. UNAUTHENTICATED when a secure registry names a server that is not. */
export function tokenServer(
  { realm }: Extract<Challenge, { scheme: "bearer" }>,
  registry: URL,
): URL {
  const url = new URL(realm);
  if (url.protocol === "https:" || registry.protocol !== "https:") return url;
  throw new ClusterError(
    "UNAUTHENTICATED",
    `the registry's token server ${url.host} is not secure`,
  );
}

/** The token in what that server answered (Docker's token protocol, or OAuth 2). UNAUTHENTICATED when there is none. */
export function readToken(bytes: Buffer, { host }: URL): string {
  try {
    const value = JSON.parse(bytes.toString()) as { token?: unknown; access_token?: unknown };
    const token = value.token ?? value.access_token;
    if (typeof token === "string" && token !== "") return token;
  } catch {
    // said below
  }
  throw new ClusterError("UNAUTHENTICATED", `token server ${host} gave no token`);
}
