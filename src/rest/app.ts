import type { Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Backend } from "./backend.ts";
import { ExecRegistry } from "./exec-registry.ts";
import { apiVersionMax, apiVersionText, engineVersion, splitVersion } from "./http/api-version.ts";
import { fromCluster, fromLocal, HttpError, notManagerError } from "./http/http-error.ts";
import type { Reply } from "./http/reply.ts";
import type { RestContext, RestRequest } from "./http/request.ts";
import { Router } from "./http/router.ts";
import { allRoutes } from "./routes/all-routes.ts";

/** One request as it comes from a socket or from `inject`. */
export interface AppRequest {
  readonly method: string;
  /** Path with query, as on the request line. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
  readonly signal: AbortSignal;
}

export interface AppDeps {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Headers of every answer. */
export const commonHeaders: Readonly<Record<string, string>> = {
  "Api-Version": apiVersionText(apiVersionMax),
  "Docker-Experimental": "false",
  Ostype: "linux",
  Server: `Docker/${engineVersion} (linux)`,
};

/** The Docker Engine API as a function of requests; knows no sockets. */
export class RestApp {
  readonly #context: RestContext;
  readonly #router = new Router(allRoutes);

  constructor(deps: AppDeps) {
    this.#context = { ...deps, execs: new ExecRegistry() };
  }

  /** Never rejects: errors become replies with Docker's JSON body. */
  async handle(request: AppRequest): Promise<Reply> {
    try {
      return await this.#dispatch(request);
    } catch (error) {
      return this.#errorReply(request, fromLocal(error), error);
    }
  }

  async #dispatch(request: AppRequest): Promise<Reply> {
    const at = request.url.indexOf("?");
    const fullPath = at < 0 ? request.url : request.url.slice(0, at);
    const { path, minor } = splitVersion(fullPath);
    const found =
      this.#router.find(request.method, path) ??
      (request.method === "HEAD" ? this.#router.find("GET", path) : undefined);
    if (found === undefined) throw new HttpError(404, "page not found");
    const restRequest: RestRequest = {
      method: request.method,
      path,
      params: found.params,
      query: new URLSearchParams(at < 0 ? "" : request.url.slice(at + 1)),
      headers: request.headers,
      apiVersion: minor,
      body: request.body,
      signal: request.signal,
    };
    if (found.route.cluster !== true) return found.route.handler(restRequest, this.#context);
    const refusal = notManagerError(this.#context.backend.node.swarmState());
    if (refusal !== undefined) throw refusal;
    try {
      return await found.route.handler(restRequest, this.#context);
    } catch (error) {
      throw fromCluster(error);
    }
  }

  #errorReply(request: AppRequest, shown: HttpError, error: unknown): Reply {
    const fields = { method: request.method, status: shown.status, err: error };
    // An update of an old version is the client's affair, though Docker answers it with 500.
    const isOurs = shown.status === 500 && !shown.message.endsWith("update out of sequence");
    if (isOurs) this.#context.log.warn(fields, "request failed");
    else this.#context.log.debug(fields, "request refused");
    return { kind: "json", status: shown.status, body: { message: shown.message } };
  }
}
