import { posix } from "node:path";
import type { Mount } from "../../gen/skep/Mount.ts";
import { checkInteger, firstDuplicate, invalid, unimplemented } from "./refuse.ts";

const propagations = ["", "rprivate", "private", "rshared", "shared", "rslave", "slave"];

/** Checks each mount, and that no two have one target. */
export function checkMounts(field: string, mounts: readonly Mount[]): void {
  for (const mount of mounts) checkMount(`${field} "${mount.target}"`, mount);
  const twice = firstDuplicate(mounts.map((mount) => posix.normalize(`${mount.target}/`)));
  if (twice !== undefined) {
    throw invalid(`${field} "${twice}"`, "two mounts have this target: give each its own");
  }
}

function checkMount(field: string, mount: Mount): void {
  if (mount.target === "") throw invalid(field, "a mount needs a target");
  if (!mount.target.startsWith("/")) throw invalid(field, "the target must be an absolute path");
  if (posix.normalize(mount.target) === "/") throw invalid(field, "the target cannot be /");
  switch (mount.type) {
    case "BIND":
      checkBind(field, mount);
      break;
    case "VOLUME":
      checkVolume(field, mount);
      break;
    case "TMPFS":
      if (mount.source !== "") throw invalid(field, "a tmpfs mount takes no source: leave it out");
      checkInteger(`${field} tmpfs-size`, mount.tmpfs?.sizeBytes ?? 0, 0, 2 ** 50);
      checkInteger(`${field} tmpfs-mode`, mount.tmpfs?.mode ?? 0, 0, 0o7777);
      break;
    case "CLUSTER_VOLUME":
    case "NPIPE":
    case "IMAGE_MOUNT":
      throw unimplemented(field, "use a mount of type volume, bind or tmpfs");
  }
  if (mount.type !== "BIND" && mount.bind) throw invalid(field, "bind options need type=bind");
  if (mount.type !== "VOLUME" && mount.volume) {
    throw invalid(field, "volume options need type=volume");
  }
  if (mount.type !== "TMPFS" && mount.tmpfs) throw invalid(field, "tmpfs options need type=tmpfs");
}

function checkBind(field: string, mount: Mount): void {
  if (mount.source === "") throw invalid(field, "a bind mount needs a source on the node");
  if (!mount.source.startsWith("/")) throw invalid(field, "the source must be an absolute path");
  if (!propagations.includes(mount.bind?.propagation ?? "")) {
    throw invalid(`${field} bind-propagation`, `use one of ${propagations.slice(1).join(", ")}`);
  }
}

function checkVolume(field: string, mount: Mount): void {
  // Templates such as data-{{.Task.Slot}} become names on the node.
  const name = mount.source.replaceAll(/\{\{[^}]*\}\}/g, "x");
  if (name.startsWith("/")) {
    throw invalid(field, "the source of a volume is a name; use type=bind for a path");
  }
  if (name !== "" && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw invalid(`${field} source`, "use letters, digits, '_', '.' and '-'");
  }
  const subpath = mount.volume?.subpath ?? "";
  if (subpath === "") return;
  if (name === "") throw invalid(`${field} volume-subpath`, "name the volume that it is in");
  const path = posix.normalize(subpath);
  if (path.startsWith("/") || path === ".." || path.startsWith("../")) {
    throw invalid(`${field} volume-subpath`, "use a relative path within the volume");
  }
}
