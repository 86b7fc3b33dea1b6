import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Backoff } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { isInsecureRegistry } from "./insecure-registry.ts";
import { type Descriptor, manifestMediaTypes } from "./manifest.ts";
import { type Reference, registryHost } from "./reference.ts";
import {
  basicAuthorization,
  type Challenge,
  parseChallenge,
  type RegistryAuth,
} from "./registry-auth.ts";
import { type HttpRequest, readBody, readDocument, sendRequest } from "./registry-http.ts";
import { readToken, tokenServer } from "./registry-token.ts";

const triesMax = 4;
const redirectsMax = 5;

export interface RegistryClientOptions {
  readonly auth?: RegistryAuth;
  /** "host:port" or subnets of registries that are spoken to without TLS; those on this machine always are. */
  readonly insecureRegistries: readonly string[];
  readonly signal?: AbortSignal;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: string;
  readonly mediaType: string;
}

/**
 * Reads from one repository by the OCI distribution specification. NOT_FOUND, UNAUTHENTICATED,
 * PERMISSION_DENIED, RESOURCE_EXHAUSTED (rate limit), UNAVAILABLE (after four tries), DATA_LOSS.
 */
export class RegistryClient {
  readonly #reference: Reference;
  readonly #options: RegistryClientOptions;
  readonly #deps: { readonly clock: Clock; readonly random: Random };
  readonly #base: URL;
  #authorization: string | undefined;

  constructor(
    reference: Reference,
    options: RegistryClientOptions,
    deps: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#reference = reference;
    this.#options = options;
    this.#deps = deps;
    const { registry, repository } = reference;
    const plain = isInsecureRegistry(registry, options.insecureRegistries);
    const scheme = plain ? "http" : "https";
    this.#base = new URL(`${scheme}://${registryHost(registry)}/v2/${repository}/`);
  }

  /** A manifest or index by tag or digest; by digest it is verified. */
  async manifest(reference: string): Promise<FetchedManifest> {
    return await this.#retry(async () => {
      const headers = { accept: manifestMediaTypes.join(", ") };
      const response = await this.#get(`manifests/${reference}`, headers);
      const bytes = await readDocument(response, this.#options.signal);
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if (reference.startsWith("sha256:") && digest !== reference) {
        throw new ClusterError(
          "DATA_LOSS",
          `manifest ${reference} arrived damaged: it is ${digest}`,
        );
      }
      return { bytes, digest, mediaType: response.headers["content-type"] ?? "" };
    });
  }

  /** Hands a blob's stream to `keep`, anew for each try. */
  async blob<T>(
    descriptor: Descriptor,
    keep: (stream: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    return await this.#retry(async () => {
      const response = await this.#get(`blobs/${descriptor.digest}`, {});
      try {
        return await keep(readBody(response, this.#options.signal));
      } finally {
        response.destroy();
      }
    });
  }

  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const url = new URL(path, this.#base);
    let response = await this.#send(url, headers);
    if (response.statusCode === 401) {
      response.resume();
      await this.#authenticate(String(response.headers["www-authenticate"] ?? ""));
      response = await this.#send(url, headers);
    }
    if (response.statusCode === 200) return response;
    throw await this.#failure(response, path);
  }

  /** Follows redirects; credentials go to the registry only, never to where it sends us. */
  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    let target = url;
    for (let hop = 0; hop <= redirectsMax; hop += 1) {
      const own = target.origin === this.#base.origin && this.#authorization !== undefined;
      const authorization = own ? { authorization: this.#authorization ?? "" } : {};
      const response = await this.#request({
        method: "GET",
        url: target,
        headers: { ...headers, ...authorization },
      });
      const location = response.headers.location;
      const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0);
      if (!isRedirect || location === undefined) return response;
      response.resume();
      const next = new URL(location, target);
      if (
        !/^https?:$/.test(next.protocol) ||
        (target.protocol === "https:" && next.protocol === "http:")
      ) {
        throw new ClusterError(
          "UNAVAILABLE",
          `registry ${this.#base.host} redirects to ${next.origin}`,
        );
      }
      target = next;
    }
    throw new ClusterError("UNAVAILABLE", `registry ${this.#base.host} redirects in circles`);
  }

  async #request(request: Omit<HttpRequest, "signal">): Promise<IncomingMessage> {
    const { signal } = this.#options;
    return await sendRequest(
      { ...request, ...(signal === undefined ? {} : { signal }) },
      this.#deps.clock,
    );
  }

  async #authenticate(header: string): Promise<void> {
    const challenge = parseChallenge(header);
    const { auth } = this.#options;
    if (challenge?.scheme === "bearer") {
      this.#authorization = `Bearer ${await this.#token(challenge)}`;
    } else if (challenge?.scheme === "basic" && auth !== undefined) {
      this.#authorization = basicAuthorization(auth);
    } else {
      throw new ClusterError(
        "UNAUTHENTICATED",
        `registry ${this.#reference.registry} wants a login for ${this.#reference.repository}`,
      );
    }
  }

  /** A token by the Docker token protocol; with an identity token by OAuth 2. */
  async #token(challenge: Extract<Challenge, { scheme: "bearer" }>): Promise<string> {
    const url = tokenServer(challenge, this.#base);
    const { auth } = this.#options;
    const scope = challenge.scope || `repository:${this.#reference.repository}:pull`;
    const response = await this.#request(tokenRequest(url, challenge.service, scope, auth));
    const bytes = await readDocument(response, this.#options.signal);
    if (response.statusCode !== 200) {
      const code = (response.statusCode ?? 0) >= 500 ? "UNAVAILABLE" : "UNAUTHENTICATED";
      throw new ClusterError(code, `token server ${url.host} answered ${response.statusCode}`);
    }
    return readToken(bytes, url);
  }

  async #failure(response: IncomingMessage, path: string): Promise<ClusterError> {
    const { registry, repository } = this.#reference;
    const name = `${registry}/${repository}`;
    const status = response.statusCode ?? 0;
    await readDocument(response, this.#options.signal).catch(() => {});
    if (status === 404) return new ClusterError("NOT_FOUND", `${name} has no ${path}`);
    if (status === 401)
      return new ClusterError("UNAUTHENTICATED", `the login for ${name} is refused`);
    if (status === 403) return new ClusterError("PERMISSION_DENIED", `access to ${name} is denied`);
    if (status === 429) {
      return new ClusterError("RESOURCE_EXHAUSTED", `registry ${registry} limits our rate`);
    }
    return new ClusterError("UNAVAILABLE", `registry ${registry} answered ${status} for ${path}`);
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#deps;
    const backoff = new Backoff({ initialMs: 200, maxMs: 5000, random });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const again = isClusterError(error, "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DATA_LOSS");
        if (!again || attempt >= triesMax) throw error;
        await sleep(clock, backoff.nextMs(), this.#options.signal);
      }
    }
  }
}

function tokenRequest(
  realm: URL,
  service: string,
  scope: string,
  auth: RegistryAuth | undefined,
): Omit<HttpRequest, "signal"> {
  if (auth !== undefined && auth.identityToken !== "") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: auth.identityToken,
      client_id: "skep",
      service,
      scope,
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  const headers: Record<string, string> =
    auth === undefined ? {} : { authorization: basicAuthorization(auth) };
  return { method: "GET", url, headers };
}
