import { ClusterError } from "../../base/errors.ts";
import type { ImageHealthcheck } from "../executor/health-check.ts";
import type { ContainerConfig, ImageDefaults } from "./container-config.ts";

/**
 * Pure: what was asked, with the image's part filled in, as Docker shows it by inspect. INVALID_ARGUMENT when it has no
 * command; see check-config.ts for the rest.
 */
export function resolveConfig(
  asked: ContainerConfig,
  image: ImageDefaults,
  containerId: string,
): ContainerConfig {
  const ownEntrypoint = asked.entrypoint !== undefined && asked.entrypoint.length > 0;
  // An own entrypoint drops the image's command; [""] drops the image's entrypoint alone.
  const entrypoint = ownEntrypoint ? (asked.entrypoint ?? []) : image.entrypoint;
  const hasCmd = asked.cmd !== undefined && asked.cmd.length > 0;
  const cmd = hasCmd ? (asked.cmd ?? []) : ownEntrypoint ? [] : image.cmd;
  const resolved: ContainerConfig = {
    ...asked,
    entrypoint: entrypoint.length === 1 && entrypoint[0] === "" ? [] : entrypoint,
    cmd,
    env: mergeEnv(image.env, asked.env),
    labels: { ...image.labels, ...asked.labels },
    workingDir: asked.workingDir || image.workingDir,
    user: asked.user || image.user,
    hostname: asked.hostname || hostnameOf(asked, containerId),
    stopSignal: asked.stopSignal || image.stopSignal,
    healthcheck: mergeHealthcheck(asked.healthcheck, image.healthcheck),
    volumes: [...new Set([...asked.volumes, ...image.volumes])],
    exposedPorts: [
      ...new Set([
        ...image.exposedPorts.map((port) => (port.includes("/") ? port : `${port}/tcp`)),
        ...asked.exposedPorts,
        ...asked.portBindings.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`),
      ]),
    ],
  };
  if (argsOf(resolved).length === 0) throw invalid("no command specified");
  return resolved;
}

/** What a container runs. */
export function argsOf({ entrypoint, cmd }: ContainerConfig): string[] {
  return [...(entrypoint ?? []), ...(cmd ?? [])];
}

function hostnameOf({ networkMode, hostNamespaces }: ContainerConfig, containerId: string): string {
  // With the host's network, or its names, the host's name is taken at each start.
  const isHosts = networkMode === "host" || hostNamespaces?.includes("uts") === true;
  return isHosts ? "" : containerId.slice(0, 12);
}

/** Variables of an image with those asked for over them; "NAME" without a value takes one away. */
export function mergeEnv(image: readonly string[], asked: readonly string[]): string[] {
  const variables = new Map<string, string>();
  for (const text of [...image, ...asked]) {
    const at = text.indexOf("=");
    if (at > 0) variables.set(text.slice(0, at), text.slice(at + 1));
    else variables.delete(text);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** Each field from what was asked, else from the image. ["NONE"] switches the image's check off. */
export function mergeHealthcheck(
  asked: ImageHealthcheck | undefined,
  image: ImageHealthcheck | undefined,
): ImageHealthcheck | undefined {
  if (asked === undefined) return image;
  return {
    test: asked.test.length > 0 ? asked.test : (image?.test ?? []),
    intervalMs: asked.intervalMs || (image?.intervalMs ?? 0),
    timeoutMs: asked.timeoutMs || (image?.timeoutMs ?? 0),
    retries: asked.retries || (image?.retries ?? 0),
    startPeriodMs: asked.startPeriodMs || (image?.startPeriodMs ?? 0),
    startIntervalMs: asked.startIntervalMs || (image?.startIntervalMs ?? 0),
  };
}

function invalid(message: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", message);
}
