import { isIP } from "node:net";
import type { ConfigReference } from "../../gen/skep/ConfigReference.ts";
import type { ContainerSpec } from "../../gen/skep/ContainerSpec.ts";
import type { Duration } from "../../gen/skep/Duration.ts";
import type { FileTarget } from "../../gen/skep/FileTarget.ts";
import type { HealthConfig } from "../../gen/skep/HealthConfig.ts";
import type { SecretReference } from "../../gen/skep/SecretReference.ts";
import { fillPlaceholders, probeContext } from "../placeholder.ts";
import { durationMs } from "../time.ts";
import { checkImageReference } from "./image-reference.ts";
import { checkMounts } from "./mounts.ts";
import { checkProcess } from "./process.ts";
import { checkDuration, checkInteger, firstDuplicate, invalid } from "./refuse.ts";

/** Checks what runs in a task of a service with these labels. */
export function checkContainer(
  container: ContainerSpec,
  labels: Readonly<Record<string, string>> = {},
): void {
  checkImageReference("image", container.image);
  checkMounts("mount", container.mounts);
  checkProcess(container);
  checkNames(container);
  checkDuration("stop-grace-period", container.stopGracePeriod);
  if (container.healthcheck) checkHealth(container.healthcheck);
  checkSecrets(container.secrets);
  checkConfigs(container.configs);
  checkPlaceholders(container, labels);
}

// A wrong one would only be seen when a task starts.
function checkPlaceholders(
  { hostname, env, mounts }: ContainerSpec,
  labels: Readonly<Record<string, string>>,
): void {
  const context = probeContext(labels);
  for (const text of [hostname, ...env, ...mounts.map(({ source }) => source)]) {
    fillPlaceholders(text, context);
  }
}

function checkNames(container: ContainerSpec): void {
  const hostname = container.hostname.replaceAll(/\{\{[^}]*\}\}/g, "x");
  if (hostname !== "" && !/^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/.test(hostname)) {
    throw invalid(`hostname "${container.hostname}"`, "use letters, digits, '-' and '.'");
  }
  if (hostname.length > 253) throw invalid("hostname", "it is longer than 253 characters");
  for (const server of container.dns?.nameservers ?? []) {
    if (isIP(server) === 0)
      throw invalid(`dns "${server}"`, "give the IP address of a name server");
  }
  for (const option of container.dns?.options ?? []) {
    if (!/^\S+$/.test(option))
      throw invalid(`dns-option "${option}"`, "write one option, as ndots:2");
  }
  for (const domain of container.dns?.search ?? []) {
    if (domain !== "." && !/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?\.?$/.test(domain)) {
      throw invalid(`dns-search "${domain}"`, "give a domain, as example.com");
    }
    if (domain.length > 253) throw invalid("dns-search", "it is longer than 253 characters");
  }
  for (const entry of container.hosts) {
    const [ip = "", ...names] = entry.trim().split(/\s+/);
    if (isIP(ip) === 0 || names.length === 0) {
      throw invalid(`host "${entry}"`, "give an IP address and a name");
    }
  }
}

function checkHealth(health: HealthConfig): void {
  const [kind] = health.test;
  if (kind !== undefined && !["", "NONE", "CMD", "CMD-SHELL"].includes(kind)) {
    throw invalid("healthcheck test", `it begins with NONE, CMD or CMD-SHELL, not "${kind}"`);
  }
  if (kind === "NONE" && health.test.length > 1) {
    throw invalid("healthcheck test", "NONE takes no command");
  }
  const durations: readonly (readonly [string, Duration | null])[] = [
    ["interval", health.interval],
    ["timeout", health.timeout],
    ["start-period", health.startPeriod],
    ["start-interval", health.startInterval],
  ];
  for (const [name, duration] of durations) {
    checkDuration(`health-${name}`, duration);
    const ms = durationMs(duration, 0);
    if (ms > 0 && ms < 1) {
      throw invalid(`health-${name}`, "it must be 0 (the default) or at least 1 ms");
    }
  }
  checkInteger("health-retries", health.retries, 0, 1_000_000);
}

function checkSecrets(references: readonly SecretReference[]): void {
  for (const { secretId, secretName, file } of references) {
    const field = `secret "${secretName || secretId}"`;
    if (secretId === "" || secretName === "") {
      throw invalid(field, "a reference needs the secret's id and name");
    }
    checkTarget(field, file);
  }
  checkTargetsDiffer("secret", references);
}

function checkConfigs(references: readonly ConfigReference[]): void {
  for (const { configId, configName, file, runtime } of references) {
    const field = `config "${configName || configId}"`;
    if (configId === "" || configName === "") {
      throw invalid(field, "a reference needs the config's id and name");
    }
    if (!runtime) checkTarget(field, file);
  }
  checkTargetsDiffer(
    "config",
    references.filter((reference) => !reference.runtime),
  );
}

function checkTarget(field: string, file: FileTarget | null): void {
  const name = file?.name ?? "";
  if (name === "") throw invalid(field, "name the target file");
  if (name.split("/").includes("..") || name.endsWith("/") || name.includes("\0")) {
    throw invalid(`${field} target "${name}"`, "give the path of a file, without '..'");
  }
  for (const [key, id] of Object.entries({ uid: file?.uid ?? "", gid: file?.gid ?? "" })) {
    if (!/^\d{0,10}$/.test(id)) throw invalid(`${field} ${key} "${id}"`, "give a number");
  }
  checkInteger(`${field} mode`, file?.mode ?? 0, 0, 0o7777);
}

function checkTargetsDiffer(
  what: string,
  references: readonly { readonly file: FileTarget | null }[],
): void {
  const twice = firstDuplicate(references.map((reference) => reference.file?.name ?? ""));
  if (twice !== undefined) {
    throw invalid(
      `${what} target "${twice}"`,
      "two references have this target: give each its own",
    );
  }
}
