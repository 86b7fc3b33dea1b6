import { ClusterError } from "../base/errors.ts";

const defaultRegistry = "docker.io";
const defaultRegistryHost = "registry-1.docker.io";
const component = "[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const registryPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const nameLengthMax = 255;

/** An image's full name. */
export interface Reference {
  /** "docker.io" or "127.0.0.1:5000". */
  readonly registry: string;
  /** "library/busybox". */
  readonly repository: string;
  /** "latest" when neither tag nor digest was given. */
  readonly tag: string | undefined;
  /** "sha256:…" */
  readonly digest: string | undefined;
}

/**
 * Reads a name as Docker does: "busybox" is docker.io/library/busybox:latest. The first part is a registry
 * when it has a dot, a colon or is "localhost". INVALID_ARGUMENT otherwise.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string) =>
    new ClusterError("INVALID_ARGUMENT", `invalid reference format: "${text}" ${why}`);
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0) throw fail("has more than one @");
  if (digest !== undefined && !digestPattern.test(digest))
    throw fail("has no sha256 digest after @");
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hasRegistry = /[.:]/.test(first) || first === "localhost";
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(":");
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (hasRegistry && !registryPattern.test(first)) throw fail("names no registry");
  if (tag !== undefined && !tagPattern.test(tag)) throw fail("has a bad tag");
  if (/[A-Z]/.test(path)) throw fail("must be lower case");
  if (!repositoryPattern.test(path) || path.length > nameLengthMax) throw fail("is no name");
  const registry = hasRegistry && first !== "index.docker.io" ? first : defaultRegistry;
  return {
    registry,
    repository: registry === defaultRegistry && !path.includes("/") ? `library/${path}` : path,
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest,
  };
}

/** The short form that people see: "busybox", "127.0.0.1:5000/web". */
export function familiarName(reference: Pick<Reference, "registry" | "repository">): string {
  const { registry, repository } = reference;
  if (registry !== defaultRegistry) return `${registry}/${repository}`;
  return repository.startsWith("library/") ? repository.slice("library/".length) : repository;
}

/** "busybox:latest" */
export function familiarTag(reference: Reference): string {
  return `${familiarName(reference)}:${reference.tag ?? "latest"}`;
}

/** "busybox@sha256:…" */
export function familiarDigest(
  reference: Pick<Reference, "registry" | "repository">,
  digest: string,
): string {
  return `${familiarName(reference)}@${digest}`;
}

/** host[:port] that serves the registry's API. */
export function registryHost(registry: string): string {
  return registry === defaultRegistry ? defaultRegistryHost : registry;
}

/** Whether the registry is on this machine, where plain HTTP is safe. */
export function isLoopbackRegistry(registry: string): boolean {
  const host = registry.replace(/:\d+$/, "");
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether it is a sha256 digest. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}
