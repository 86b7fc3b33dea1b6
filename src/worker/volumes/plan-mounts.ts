import { posix } from "node:path";
import { ClusterError } from "../../base/errors.ts";
import type { Mount } from "../../gen/skep/Mount.ts";
import { anonymousLabel, anonymousVolumeName } from "./volume.ts";

interface MountBase {
  /** Absolute and normal. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** A folder or file of the host. */
export interface PlannedBind extends MountBase {
  readonly kind: "bind";
  readonly source: string;
  readonly options: readonly string[];
  /** Whether a folder is made where there is nothing. */
  readonly makeSource: boolean;
}

/** A volume, which is made when it is not there. */
export interface PlannedVolume extends MountBase {
  readonly kind: "volume";
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly driver: string;
  readonly driverOptions: Readonly<Record<string, string>>;
  /** Whether a volume that is empty gets what the image has at the target. */
  readonly fill: boolean;
  /** The folder or file within it that is mounted; "" = all of it. */
  readonly subpath: string;
}

/** Memory that goes with the container. */
export interface PlannedTmpfs extends MountBase {
  readonly kind: "tmpfs";
  readonly options: readonly string[];
}

export type PlannedMount = PlannedBind | PlannedVolume | PlannedTmpfs;

export interface PlanMountsInput {
  readonly containerId: string;
  /** As asked for, placeholders filled in. `consistency` means something to macOS hosts only: it is not looked at. */
  readonly mounts: readonly Mount[];
  /** Paths that the image wants a volume at: each gets one without a name, unless something is mounted there. */
  readonly imageVolumes: readonly string[];
}

/** Pure: what to mount where, as Docker's local driver would. INVALID_ARGUMENT for what cannot be meant. */
export function planMounts({ containerId, mounts, imageVolumes }: PlanMountsInput): PlannedMount[] {
  const planned = mounts.map((mount) => planMount(containerId, mount));
  const targets = new Set<string>();
  for (const { target } of planned) {
    if (targets.has(target)) throw invalid(`Duplicate mount point: ${target}`);
    targets.add(target);
  }
  for (const path of imageVolumes) {
    const target = targetOf(posix.resolve("/", path));
    if (targets.has(target)) continue;
    targets.add(target);
    planned.push(planVolume(containerId, target, emptyVolumeMount));
  }
  return planned;
}

const emptyVolumeMount: Pick<Mount, "source" | "readOnly" | "volume"> = {
  source: "",
  readOnly: false,
  volume: null,
};

function planMount(containerId: string, mount: Mount): PlannedMount {
  const target = targetOf(mount.target);
  switch (mount.type) {
    case "BIND":
      return planBind(target, mount);
    case "VOLUME":
      return planVolume(containerId, target, mount);
    case "TMPFS":
      return { kind: "tmpfs", target, readOnly: mount.readOnly, options: tmpfsOptions(mount) };
    default:
      throw invalid(
        `mounts of type ${mount.type.toLowerCase()} are not available on Linux nodes of this cluster; use bind, volume or tmpfs`,
      );
  }
}

function planBind(target: string, { source, readOnly, bind }: Mount): PlannedBind {
  if (!posix.isAbsolute(source)) {
    throw invalid(
      `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
    );
  }
  return {
    kind: "bind",
    target,
    readOnly,
    source: posix.normalize(source),
    options: [
      bind?.nonRecursive === true ? "bind" : "rbind",
      bind?.propagation ? bind.propagation : "rprivate",
    ],
    makeSource: bind?.createMountpoint === true,
  };
}

function planVolume(
  containerId: string,
  target: string,
  { source, readOnly, volume }: Pick<Mount, "source" | "readOnly" | "volume">,
): PlannedVolume {
  const isAnonymous = source === "";
  return {
    kind: "volume",
    target,
    readOnly,
    name: isAnonymous ? anonymousVolumeName(containerId, target) : source,
    isAnonymous,
    labels: { ...volume?.labels, ...(isAnonymous ? { [anonymousLabel]: "" } : {}) },
    driver: volume?.driver ?? "",
    driverOptions: volume?.driverOptions ?? {},
    fill: volume?.noCopy !== true,
    subpath: subpathOf(isAnonymous, volume?.subpath ?? ""),
  };
}

function subpathOf(isAnonymous: boolean, given: string): string {
  if (given === "") return "";
  const refuse = (reason: string): ClusterError =>
    invalid(`invalid mount config for type "volume": ${reason}`);
  if (isAnonymous) throw refuse("must not set Subpath when using anonymous volumes");
  const path = posix.normalize(given);
  if (path.startsWith("/") || path === ".." || path.startsWith("../")) {
    throw refuse("subpath must be a relative path within the volume");
  }
  return path;
}

function tmpfsOptions({ tmpfs }: Mount): string[] {
  const size = tmpfs?.sizeBytes ?? 0;
  const mode = tmpfs?.mode ?? 0;
  return [...(size > 0 ? [`size=${size}`] : []), ...(mode > 0 ? [`mode=${mode.toString(8)}`] : [])];
}

function targetOf(given: string): string {
  const target = posix.normalize(`${given}/`).slice(0, -1);
  if (target === "") throw invalid("invalid mount config: destination can't be '/'");
  if (!target.startsWith("/")) {
    throw invalid(`invalid mount path: '${given}' mount path must be absolute`);
  }
  return target;
}

function invalid(message: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", message);
}
