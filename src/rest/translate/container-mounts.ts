import { posix } from "node:path";
import type { Mount } from "../../gen/skep/Mount.ts";
import type { ContainerCreateOptions } from "../backend/container-create.ts";
import { badRequest, HttpError } from "../http/http-error.ts";
import type { JsonObject } from "./json-object.ts";
import { readMount } from "./mount.ts";

type Mounts = Pick<ContainerCreateOptions, "mounts" | "binds" | "tmpfs" | "volumes">;

/** Mounts of a new container, from -v, --mount and --tmpfs. 400 for what cannot be meant. */
export function readContainerMounts(config: JsonObject, host: JsonObject): Mounts {
  const binds = host.texts("Binds");
  const mounts = [
    ...binds.map(readBind),
    // --mount volume without a type is a volume here, unlike in a service.
    ...host.objects("Mounts", (mount) => readMount(mount)),
  ];
  const tmpfs = host.textMap("Tmpfs");
  const paths = config.keys("Volumes");
  // The CLI sends "v:/x" here, too, when it takes the volume's name for a drive of Windows.
  mounts.push(...paths.filter((path) => path.includes(":")).map(readBind));
  const volumes = paths
    .filter((path) => !path.includes(":"))
    .map((path) => {
      if (path.startsWith("/")) return posix.resolve(path);
      throw badRequest(`invalid volume "${path}": an absolute path in the container is needed`);
    });
  const targets = [...mounts.map(({ target }) => target), ...Object.keys(tmpfs)];
  const twice = targets.find((target, at) => targets.indexOf(target) !== at);
  if (twice !== undefined) throw badRequest(`Duplicate mount point: ${twice}`);
  return {
    binds,
    mounts,
    tmpfs,
    volumes: volumes.filter((target) => !targets.includes(target)),
  };
}

const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/** "source:target[:options]", where the source is a path or a volume's name; "/target" alone is a volume without a name. */
export function readBind(text: string): Mount {
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) {
    throw badRequest(`invalid volume specification: '${text}'`);
  }
  const [source, target, options] =
    parts.length === 1
      ? ["", parts[0] ?? "", ""]
      : [parts[0] ?? "", parts[1] ?? "", parts[2] ?? ""];
  if (!target.startsWith("/")) {
    throw badRequest(
      `invalid volume specification: '${text}': invalid mount config for type "${source.startsWith("/") ? "bind" : "volume"}": invalid mount path: '${target}' mount path must be absolute`,
    );
  }
  if (posix.normalize(target) === "/") {
    throw badRequest(`invalid volume specification: '${text}': destination can't be '/'`);
  }
  const words = options.split(",").filter((word) => word !== "");
  const known = ["ro", "rw", "nocopy", "z", "Z", "cached", "delegated", "consistent"];
  const unknown = words.find((word) => !known.includes(word) && !propagations.includes(word));
  if (unknown !== undefined) throw badRequest(`invalid mode: ${unknown} in '${text}'`);
  const common = {
    target: posix.resolve(target),
    readOnly: words.includes("ro"),
    consistency: "",
  };
  if (source.startsWith("/")) {
    const propagation = words.find((word) => propagations.includes(word)) ?? "";
    const bind = { propagation, nonRecursive: false, createMountpoint: true };
    return { ...common, type: "BIND", source, bind, volume: null, tmpfs: null };
  }
  if (words.some((word) => propagations.includes(word))) {
    throw new HttpError(
      400,
      `invalid mode: propagation belongs to a path of the host, not to volume ${source}`,
    );
  }
  const volume = {
    noCopy: words.includes("nocopy"),
    labels: {},
    driver: "",
    driverOptions: {},
    subpath: "",
  };
  return { ...common, type: "VOLUME", source, bind: null, volume, tmpfs: null };
}
