import { createHash } from "node:crypto";
import { must } from "../../base/assert.ts";
import { ClusterError } from "../../base/errors.ts";
import { addressOf } from "../../base/ip.ts";
import type { Config } from "../../gen/skep/Config.ts";
import type { ContainerSpec as TaskContainerSpec } from "../../gen/skep/ContainerSpec.ts";
import type { GenericResource } from "../../gen/skep/GenericResource.ts";
import type { Mount } from "../../gen/skep/Mount.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { Secret } from "../../gen/skep/Secret.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { fillPlaceholders, type PlaceholderContext } from "../../model/placeholder.ts";
import { taskName } from "../../model/task-name.ts";
import type { ContainerSpec, MountSpec } from "../../runtime/container-spec.ts";
import { placeholderContext } from "./placeholder-context.ts";
import { planFiles } from "./plan-files.ts";

/** The part of an image's configuration that a container takes over. */
export interface ImageDefaults {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly stopSignal: string;
}

export interface PlanContainerInput {
  readonly task: Task;
  readonly nodeId: string;
  readonly node: NodeDescription;
  readonly image: ImageDefaults;
  readonly layerPaths: readonly string[];
  /** Undefined: the host's network. */
  readonly networkNamespacePath: string | undefined;
  /** Of `taskMounts`, made ready. */
  readonly mounts: readonly MountSpec[];
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly configs: ReadonlyMap<string, Config>;
  /** Name servers behind ours; the container itself asks 127.0.0.11. */
  readonly dnsServer: string;
}

/** The container id of a task: derived from it, so that a restarted daemon finds the container again. */
export function containerIdOf(taskId: string): string {
  return createHash("sha256").update(`task ${taskId}`).digest("hex");
}

/** Pure: everything the runtime must know. INVALID_ARGUMENT when the task cannot run as asked. */
export function planContainer(input: PlanContainerInput): ContainerSpec {
  const { task, image } = input;
  const spec = must(task.spec?.container, "container of a task");
  const context = placeholderContext(task, input.nodeId, input.node);
  const id = containerIdOf(task.id);
  const hostname =
    spec.hostname === "" ? id.slice(0, 12) : fillPlaceholders(spec.hostname, context);
  const env = [
    ...environmentOf(spec, image, hostname, context),
    ...resourceVariables(task.assignedGenericResources),
  ];
  return {
    id,
    name: taskName(task),
    layerPaths: input.layerPaths,
    args: commandOf(spec, image),
    env,
    cwd: spec.dir || image.workingDir || "/",
    user: spec.user || image.user,
    groups: spec.groups,
    hostname,
    tty: spec.tty,
    openStdin: spec.openStdin,
    readOnly: spec.readOnly,
    init: spec.init === "true",
    mounts: input.mounts,
    files: planFiles({ spec, secrets: input.secrets, configs: input.configs, context, env }),
    resources: limitsOf(task),
    capabilities: { add: spec.capabilityAdd, drop: spec.capabilityDrop },
    sysctls: spec.sysctls,
    ulimits: spec.ulimits,
    ...(spec.oomScoreAdj === 0 ? {} : { oomScoreAdj: spec.oomScoreAdj }),
    ...(input.networkNamespacePath === undefined
      ? { hostNetwork: true }
      : { networkNamespacePath: input.networkNamespacePath }),
    etcFiles: {
      hosts: hostsFile(task, spec, hostname),
      resolvConf: resolvConf(spec, input.dnsServer),
      hostname: `${hostname}\n`,
    },
    labels: labelsOf(task, spec, input.nodeId),
    stopSignal: spec.stopSignal || image.stopSignal || "SIGTERM",
    ...logSize(task),
  };
}

/** Pure: the mounts that a task asks for, placeholders filled in. INVALID_ARGUMENT when they cannot be. */
export function taskMounts(task: Task, nodeId: string, node: NodeDescription): Mount[] {
  const context = placeholderContext(task, nodeId, node);
  const fill = (text: string): string => fillPlaceholders(text, context);
  const fillValues = (texts: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fill(text)]));
  return (task.spec?.container?.mounts ?? []).map((mount) => ({
    ...mount,
    source: fill(mount.source),
    target: fill(mount.target),
    volume: mount.volume && {
      ...mount.volume,
      labels: fillValues(mount.volume.labels),
      driverOptions: fillValues(mount.volume.driverOptions),
    },
  }));
}

function commandOf(spec: TaskContainerSpec, image: ImageDefaults): string[] {
  // As Docker: an own entrypoint also drops the image's command.
  const own = spec.command.length > 0;
  const entrypoint = own ? spec.command : image.entrypoint;
  const args = spec.args.length > 0 || own ? spec.args : image.cmd;
  const command = [...entrypoint, ...args];
  if (command.length === 0) {
    throw new ClusterError("INVALID_ARGUMENT", `image ${spec.image} names no command; give one`);
  }
  return command;
}

function environmentOf(
  spec: TaskContainerSpec,
  image: ImageDefaults,
  hostname: string,
  context: PlaceholderContext,
): string[] {
  const variables = new Map<string, string>([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOSTNAME", hostname],
    ...(spec.tty ? ([["TERM", "xterm"]] as const) : []),
  ]);
  const given = spec.env.map((text) => fillPlaceholders(text, context));
  for (const text of [...image.env, ...given]) {
    const at = text.indexOf("=");
    if (at > 0) variables.set(text.slice(0, at), text.slice(at + 1));
    else variables.delete(text);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

// Which generic resources the task was given, as Swarm tells it: DOCKER_RESOURCE_GPU=UUID-1,UUID-2.
function resourceVariables(assigned: readonly GenericResource[]): string[] {
  const byKind = new Map<string, (string | number)[]>();
  for (const { named, discrete } of assigned) {
    const given = named ?? discrete;
    if (given) byKind.set(given.kind, [...(byKind.get(given.kind) ?? []), given.value]);
  }
  return [...byKind].map(
    ([kind, values]) => `DOCKER_RESOURCE_${kind.toUpperCase()}=${values.join(",")}`,
  );
}

function limitsOf(task: Task): ContainerSpec["resources"] {
  const limits = task.spec?.resources?.limits;
  return {
    ...(limits && limits.memoryBytes > 0 ? { memoryBytes: limits.memoryBytes } : {}),
    ...(limits && limits.nanoCpus > 0 ? { nanoCpus: limits.nanoCpus } : {}),
    ...(limits && limits.pids > 0 ? { pids: limits.pids } : {}),
  };
}

function hostsFile(task: Task, spec: TaskContainerSpec, hostname: string): string {
  const own = task.networks.flatMap(({ addresses }) =>
    addresses.map((address) => `${addressOf(address)}\t${hostname}`),
  );
  return [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...spec.hosts.map((line) => line.replace(/\s+/, "\t")),
    ...own,
    "",
  ].join("\n");
}

function resolvConf(spec: TaskContainerSpec, dnsServer: string): string {
  const options = ["ndots:0", ...(spec.dns?.options ?? []).filter((text) => text !== "ndots:0")];
  return [
    ...(spec.dns?.search.length ? [`search ${spec.dns.search.join(" ")}`] : []),
    `nameserver ${dnsServer}`,
    `options ${options.join(" ")}`,
    "",
  ].join("\n");
}

function labelsOf(task: Task, spec: TaskContainerSpec, nodeId: string): Record<string, string> {
  return {
    ...spec.labels,
    "com.docker.swarm.node.id": nodeId,
    "com.docker.swarm.service.id": task.serviceId,
    "com.docker.swarm.service.name": task.serviceAnnotations?.name ?? "",
    "com.docker.swarm.task": "",
    "com.docker.swarm.task.id": task.id,
    "com.docker.swarm.task.name": taskName(task),
  };
}

function logSize(task: Task): { logMaxBytes?: number } {
  const text = task.spec?.logDriver?.options["max-size"] ?? task.logDriver?.options["max-size"];
  const match = /^(\d+)([kmg]?)b?$/i.exec(text ?? "");
  if (match?.[1] === undefined) return {};
  const factor = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ""] ?? 1;
  return { logMaxBytes: Number(match[1]) * factor };
}
