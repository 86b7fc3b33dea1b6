import type { IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import { isInsecureRegistry } from "../image/insecure-registry.ts";
import { registryHost } from "../image/reference.ts";
import { basicAuthorization, parseChallenge } from "../image/registry-auth.ts";
import { readDocument, sendRequest } from "../image/registry-http.ts";
import { readToken, tokenServer } from "../image/registry-token.ts";
import type { RegistryAuth } from "../rest/backend/images.ts";

export interface RegistryLoginDeps {
  readonly insecureRegistries: readonly string[];
  readonly clock: Clock;
}

/** Docker's name for its own registry in configurations of clients. */
const hubAddress = /^(?:https?:\/\/)?(?:index\.)?docker\.io(?:\/v1)?\/?$/;

/** Asks the registry whether it knows who this is. UNAUTHENTICATED; UNAVAILABLE when it does not answer. */
export async function loginToRegistry(
  auth: RegistryAuth,
  signal: AbortSignal,
  { insecureRegistries, clock }: RegistryLoginDeps,
): Promise<void> {
  const url = pingUrl(auth.serverAddress, insecureRegistries);
  const get = async (target: URL, authorization?: string): Promise<IncomingMessage> => {
    const headers = authorization === undefined ? {} : { authorization };
    return await sendRequest({ method: "GET", url: target, headers, signal }, clock);
  };
  const first = await get(url);
  first.resume();
  if (first.statusCode === 200) return;
  const challenge = parseChallenge(String(first.headers["www-authenticate"] ?? ""));
  if (first.statusCode !== 401 || challenge === undefined) throw failure(url, first);
  let authorization = basicAuthorization(auth);
  if (challenge.scheme === "bearer") {
    const realm = tokenServer(challenge, url);
    if (challenge.service !== "") realm.searchParams.set("service", challenge.service);
    realm.searchParams.set("account", auth.username);
    realm.searchParams.set("client_id", "docker");
    const answer = await get(realm, authorization);
    const bytes = await readDocument(answer, signal);
    if (answer.statusCode !== 200) throw failure(realm, answer);
    authorization = `Bearer ${readToken(bytes, realm)}`;
  }
  const second = await get(url, authorization);
  second.resume();
  if (second.statusCode !== 200) throw failure(url, second);
}

function pingUrl(address: string, insecure: readonly string[]): URL {
  if (hubAddress.test(address)) return new URL(`https://${registryHost("docker.io")}/v2/`);
  const registry = address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (!/^[\w.-]+(?::\d+)?$|^\[[\da-f:.]+\](?::\d+)?$/i.test(registry)) {
    throw new ClusterError("INVALID_ARGUMENT", `"${address}" is not the address of a registry`);
  }
  return new URL(`${isInsecureRegistry(registry, insecure) ? "http" : "https"}://${registry}/v2/`);
}

function failure(url: URL, { statusCode = 0 }: IncomingMessage): ClusterError {
  const isRefusal = statusCode === 401 || statusCode === 403;
  return new ClusterError(
    isRefusal ? "UNAUTHENTICATED" : "UNAVAILABLE",
    isRefusal
      ? `login attempt to ${url.origin}${url.pathname} failed: incorrect username or password`
      : `login attempt to ${url.origin}${url.pathname} failed with status ${statusCode}`,
  );
}
