import { ClusterError, errorMessage } from "../../base/errors.ts";
import type { TemplateFunction } from "../../base/template/functions.ts";
import type { Config } from "../../gen/skep/Config.ts";
import type { ContainerSpec as TaskContainerSpec } from "../../gen/skep/ContainerSpec.ts";
import type { FileTarget } from "../../gen/skep/FileTarget.ts";
import type { Secret } from "../../gen/skep/Secret.ts";
import { fillPlaceholders, type PlaceholderContext } from "../../model/placeholder.ts";
import type { FileSpec } from "../../runtime/container-spec.ts";

export interface PlanFilesInput {
  readonly spec: TaskContainerSpec;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly configs: ReadonlyMap<string, Config>;
  readonly context: PlaceholderContext;
  /** NAME=value of the container. */
  readonly env: readonly string[];
}

/** One secret or config of a task as it came. */
interface Payload {
  /** "secret NAME" or "config NAME". */
  readonly what: string;
  readonly path: string;
  /** What `{{secret "…"}}` and `{{config "…"}}` call it: its file's name. */
  readonly name: string;
  readonly file: FileTarget | null;
  readonly data: Uint8Array;
  readonly templated: boolean;
}

/**
 * Pure: the files of a task's secrets and configs, those with a template driver filled in. UNAVAILABLE while one has not arrived;
 * INVALID_ARGUMENT when a template is wrong.
 */
export function planFiles(input: PlanFilesInput): FileSpec[] {
  const secrets = secretPayloads(input);
  const configs = configPayloads(input);
  const functions = payloadFunctions(secrets, configs, input.env);
  return [...secrets, ...configs].map((payload) => ({
    path: payload.path,
    content: payload.templated ? filled(payload, input.context, functions) : payload.data,
    mode: payload.file?.mode || 0o444,
    uid: Number(payload.file?.uid ?? 0) || 0,
    gid: Number(payload.file?.gid ?? 0) || 0,
  }));
}

// What is wrong is shown to everybody who lists tasks, so it must show nothing of a secret: neither of its own text, nor of one
// that a config takes in.
function filled(
  { what, data }: Payload,
  context: PlaceholderContext,
  functions: Readonly<Record<string, TemplateFunction>>,
): Uint8Array {
  const text = textOf(data);
  try {
    return Buffer.from(fillPlaceholders(text, context, functions));
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const isOpen = cause instanceof MissingPayload && text.includes(`"${cause.wanted}"`);
    const isShown = what.startsWith("config ") && (isOpen || !text.includes("secret"));
    const detail = isShown ? `: ${errorMessage(cause)}` : "";
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `${what}: its template cannot be filled in${detail}; correct it, using .Service, .Node or .Task`,
    );
  }
}

/** A template names a secret or config that the service has not. */
class MissingPayload extends Error {
  readonly wanted: string;

  constructor(what: string, wanted: string) {
    super(`the service has no ${what} with target "${wanted}"; give it one`);
    this.wanted = wanted;
  }
}

function secretPayloads({ spec, secrets }: PlanFilesInput): Payload[] {
  return spec.secrets.map(({ secretId, secretName, file }) => {
    const secret = secrets.get(secretId);
    if (secret === undefined) throw notHere("secret", secretName);
    const name = file?.name || secretName;
    return {
      what: `secret ${secretName}`,
      path: name.startsWith("/") ? name : `/run/secrets/${name}`,
      name,
      file,
      data: secret.spec?.data ?? new Uint8Array(),
      templated: (secret.spec?.templating?.name ?? "") !== "",
    };
  });
}

function configPayloads({ spec, configs }: PlanFilesInput): Payload[] {
  return spec.configs
    .filter(({ runtime }) => !runtime)
    .map(({ configId, configName, file }) => {
      const config = configs.get(configId);
      if (config === undefined) throw notHere("config", configName);
      const name = file?.name || configName;
      return {
        what: `config ${configName}`,
        path: name.startsWith("/") ? name : `/${name}`,
        name,
        file,
        data: config.spec?.data ?? new Uint8Array(),
        templated: (config.spec?.templating?.name ?? "") !== "",
      };
    });
}

// As Swarm: what a template names is taken as it is, and not filled in itself.
function payloadFunctions(
  secrets: readonly Payload[],
  configs: readonly Payload[],
  env: readonly string[],
): Record<string, TemplateFunction> {
  const find =
    (what: string, payloads: readonly Payload[]): TemplateFunction =>
    (wanted) => {
      const found = payloads.find(({ name }) => name === wanted);
      if (found !== undefined) return textOf(found.data);
      throw new MissingPayload(what, String(wanted));
    };
  return {
    secret: find("secret", secrets),
    config: find("config", configs),
    env: (wanted) => {
      const start = `${String(wanted)}=`;
      return env.find((text) => text.startsWith(start))?.slice(start.length) ?? "";
    },
  };
}

function notHere(what: string, name: string): ClusterError {
  return new ClusterError("UNAVAILABLE", `${what} ${name} has not arrived on this node yet`);
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString("utf8");
}
