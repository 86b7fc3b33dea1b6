import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Backend } from "../backend.ts";
import type { ExecRegistry } from "../exec-registry.ts";
import type { Reply } from "./reply.ts";

/** One request, after the router has found its route. */
export interface RestRequest {
  readonly method: string;
  /** Without the version prefix, still escaped. */
  readonly path: string;
  /** Unescaped values of the pattern's `{names}`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** 50 for API version 1.50. */
  readonly apiVersion: number;
  readonly body: Readable;
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** What routes work with. */
export interface RestContext {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly execs: ExecRegistry;
}

export type Handler = (request: RestRequest, context: RestContext) => Promise<Reply>;

/** One method and path. */
export interface Route {
  readonly method: string;
  /** "/services/{id}/update"; `{name*}` takes several segments (image names). */
  readonly pattern: string;
  readonly handler: Handler;
  /** Only for managers: 503 elsewhere, and errors keep gRPC's prefix. */
  readonly cluster?: boolean;
}

/** The unescaped value of `{name}` of the pattern. */
export function param(request: RestRequest, name: string): string {
  return request.params[name] ?? "";
}
