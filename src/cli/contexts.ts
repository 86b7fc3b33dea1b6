import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { ClusterError, errnoCode, errorMessage } from "../base/errors.ts";

/** A daemon by a name of its own. */
export interface Context {
  /** unix:///path or tcp://ip:port */
  readonly host: string;
  readonly description: string;
}

/** The contexts someone has made, and which one is used. */
export interface Contexts {
  /** "default" = where no context is named. */
  readonly current: string;
  readonly known: Readonly<Record<string, Context>>;
}

/** The context that is always there: this machine's daemon. */
export const defaultContext = "default";

const nameForm = /^[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,62}$/;

/** Where contexts are kept: `$SKEP_CONFIG`, or `.skep` in the home folder. */
export function contextsPath(env: Readonly<Record<string, string | undefined>>): string {
  return join(env["SKEP_CONFIG"] ?? join(env["HOME"] ?? "/", ".skep"), "contexts.json");
}

/** The contexts in a file; none when there is no file. FAILED_PRECONDITION when it cannot be read. */
export function readContexts(path: string): Contexts {
  try {
    const { current, known } = JSON.parse(readFileSync(path, "utf8")) as Partial<Contexts>;
    if (typeof current !== "string" || typeof known !== "object") throw new Error("not contexts");
    return { current, known };
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return { current: defaultContext, known: {} };
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `${path} cannot be read (${errorMessage(error)}); repair or remove it`,
    );
  }
}

export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${JSON.stringify(contexts, null, 2)}\n`, 0o600);
}

/** Pure: with one more context. INVALID_ARGUMENT, ALREADY_EXISTS. */
export function withContext(contexts: Contexts, name: string, context: Context): Contexts {
  if (!nameForm.test(name) || name === defaultContext) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `context name "${name}" is not allowed: letters, digits and _.+- (at most 63), and not "${defaultContext}"`,
    );
  }
  if (Object.hasOwn(contexts.known, name)) {
    throw new ClusterError(
      "ALREADY_EXISTS",
      `context "${name}" already exists; remove it first with "skep context rm ${name}"`,
    );
  }
  checkHost(context.host);
  return { ...contexts, known: { ...contexts.known, [name]: context } };
}

/** Pure: without a context. NOT_FOUND; FAILED_PRECONDITION for the one in use, unless forced. */
export function withoutContext(contexts: Contexts, name: string, force: boolean): Contexts {
  contextOf(contexts, name);
  if (name === defaultContext) {
    throw new ClusterError("INVALID_ARGUMENT", `context "${defaultContext}" cannot be removed`);
  }
  const used = contexts.current === name;
  if (used && !force) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `context "${name}" is in use; use another one first ("skep context use default"), or remove it with --force`,
    );
  }
  const known = { ...contexts.known };
  delete known[name];
  return { current: used ? defaultContext : contexts.current, known };
}

/** Pure: with another one in use. NOT_FOUND. */
export function usingContext(contexts: Contexts, name: string): Contexts {
  contextOf(contexts, name);
  return { ...contexts, current: name };
}

/** The context of that name; undefined for the default one. NOT_FOUND. */
export function contextOf(contexts: Contexts, name: string): Context | undefined {
  if (name === defaultContext) return undefined;
  const context = Object.hasOwn(contexts.known, name) ? contexts.known[name] : undefined;
  if (context !== undefined) return context;
  const names = [defaultContext, ...Object.keys(contexts.known)].join(", ");
  throw new ClusterError("NOT_FOUND", `context "${name}" does not exist; there are ${names}`);
}

/**
 * The daemon that a command line means: -H, then --context, then SKEP_HOST, SKEP_CONTEXT, the context in use, and where none is,
 * DOCKER_HOST.
 */
export function chooseHost(
  flags: { readonly host?: string; readonly context?: string },
  env: Readonly<Record<string, string | undefined>>,
  contexts: () => Contexts,
): string {
  if (flags.host !== undefined && flags.context !== undefined) {
    throw new ClusterError("INVALID_ARGUMENT", "--host and --context exclude each other");
  }
  if (flags.host !== undefined) return flags.host;
  if (flags.context === undefined && env["SKEP_HOST"]) return env["SKEP_HOST"];
  const known = contexts();
  const name = flags.context ?? (env["SKEP_CONTEXT"] || known.current);
  const chosen = contextOf(known, name)?.host;
  if (chosen !== undefined) return chosen;
  const isNamed = flags.context !== undefined || Boolean(env["SKEP_CONTEXT"]);
  return (isNamed ? undefined : env["DOCKER_HOST"]) || defaultHost();
}

/** INVALID_ARGUMENT unless it is unix:///path or tcp://ip:port. */
export function checkHost(host: string): void {
  const port = /^tcp:\/\/.+:(\d+)$/.exec(host)?.[1];
  if (/^unix:\/\/\/./.test(host) || (port !== undefined && Number(port) <= 65535)) return;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `host "${host}" is neither unix:///path nor tcp://ip:port`,
  );
}

/** This machine's daemon: ours, or Docker's where ours is not. */
export function defaultHost(): string {
  const own = "/var/run/skep.sock";
  const docker = "/var/run/docker.sock";
  return `unix://${existsSync(own) || !existsSync(docker) ? own : docker}`;
}
