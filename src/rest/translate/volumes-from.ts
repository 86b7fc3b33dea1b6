import type { Mount } from "../../gen/skep/Mount.ts";
import type { ContainerCreateOptions } from "../backend/container-create.ts";
import type { ContainerData, ContainerMountData } from "../backend/containers.ts";
import { badRequest, HttpError } from "../http/http-error.ts";

/** A container whose volumes and bound paths another one gets at the same places (`--volumes-from NAME[:ro]`). */
export interface VolumesFrom {
  readonly ref: string;
  readonly readOnly: boolean;
}

/** Reads "NAME", "NAME:ro". 400 for another mode. */
export function readVolumesFrom(text: string): VolumesFrom {
  const [ref = "", mode = "rw", ...rest] = text.split(":");
  if (ref === "" || rest.length > 0) throw badRequest(`invalid volumes-from "${text}"`);
  const words = mode.split(",");
  const unknown = words.find((word) => !["ro", "rw", "z", "Z", "nocopy"].includes(word));
  if (unknown !== undefined) throw badRequest(`invalid mode: ${unknown} in volumes-from "${text}"`);
  return { ref, readOnly: words.includes("ro") };
}

/**
 * Pure: what is asked, with the mounts of other containers where it has none of its own; the last one named wins. 409 for a
 * container whose volumes are not made yet.
 */
export function withVolumesFrom(
  asked: ContainerCreateOptions,
  sources: readonly { readonly container: ContainerData; readonly readOnly: boolean }[],
): ContainerCreateOptions {
  const own = new Set([...asked.mounts.map(({ target }) => target), ...Object.keys(asked.tmpfs)]);
  const inherited = new Map<string, Mount>();
  for (const { container, readOnly } of sources) {
    for (const mount of mountsOf(container, readOnly)) {
      if (!own.has(mount.target)) inherited.set(mount.target, mount);
    }
  }
  return {
    ...asked,
    mounts: [...asked.mounts, ...inherited.values()],
    volumes: asked.volumes.filter((target) => !inherited.has(target)),
    inheritedMounts: inherited.size,
  };
}

function mountsOf(container: ContainerData, readOnly: boolean): Mount[] {
  const { asked, startedAtMs, name, mounts } = container;
  if (startedAtMs > 0 || asked === undefined) {
    return mounts.flatMap((mount) => inheritedMount(mount, readOnly));
  }
  if (asked.volumes.length > 0 || asked.mounts.some(isAnonymous)) {
    throw new HttpError(
      409,
      `volumes-from ${name}: its volumes without a name are made when it starts: start it once`,
    );
  }
  return asked.mounts
    .filter(({ type }) => type === "BIND" || type === "VOLUME")
    .map((mount) => ({ ...mount, readOnly: mount.readOnly || readOnly }));
}

function isAnonymous({ type, source }: Mount): boolean {
  return type === "VOLUME" && source === "";
}

function inheritedMount(mount: ContainerMountData, readOnly: boolean): Mount[] {
  if (mount.type === "tmpfs") return [];
  const common = {
    target: mount.target,
    readOnly: mount.readOnly || readOnly,
    consistency: "",
    tmpfs: null,
  };
  if (mount.type === "bind") {
    const bind = {
      propagation: mount.propagation,
      nonRecursive: false,
      createMountpoint: false,
    };
    return [{ ...common, type: "BIND", source: mount.source, bind, volume: null }];
  }
  const volume = { noCopy: true, labels: {}, driver: "", driverOptions: {}, subpath: "" };
  return [{ ...common, type: "VOLUME", source: mount.name, bind: null, volume }];
}
