import type { BindOptions } from "../../gen/skep/BindOptions.ts";
import type { Mount } from "../../gen/skep/Mount.ts";
import type { TmpfsOptions } from "../../gen/skep/TmpfsOptions.ts";
import type { VolumeOptions } from "../../gen/skep/VolumeOptions.ts";
import { notImplemented } from "../http/http-error.ts";
import type { MountJson } from "../wire/service.ts";
import type { JsonObject } from "./json-object.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { mountTypeWords, wordFor } from "./words.ts";

/** Docker's mount of a service. */
export function mountJson(mount: Mount): MountJson {
  const { bind, volume, tmpfs } = mount;
  return {
    ...omitEmpty<MountJson>({
      Type: wordFor(mountTypeWords, mount.type),
      Source: mount.source,
      Target: mount.target,
      ReadOnly: mount.readOnly,
      Consistency: mount.consistency,
    }),
    ...omitUndefined({
      BindOptions: bind === null ? undefined : bindJson(bind),
      VolumeOptions: volume === null ? undefined : volumeJson(volume),
      TmpfsOptions:
        tmpfs === null
          ? undefined
          : omitEmpty<NonNullable<MountJson["TmpfsOptions"]>>({
              SizeBytes: tmpfs.sizeBytes,
              Mode: tmpfs.mode,
            }),
    }),
  };
}

/** 501 for options that this daemon has not. */
export function readMount(object: JsonObject): Mount {
  if (object.object("ClusterOptions") !== undefined) {
    throw notImplemented("ClusterOptions of a mount");
  }
  if ((object.object("ImageOptions")?.text("Subpath") ?? "") !== "") {
    throw notImplemented("ImageOptions.Subpath of a mount");
  }
  return {
    type: object.word("Type", mountTypeWords, "BIND"),
    source: object.text("Source"),
    target: object.text("Target"),
    readOnly: object.flag("ReadOnly"),
    consistency: object.text("Consistency"),
    bind: readBind(object.object("BindOptions")),
    volume: readVolume(object.object("VolumeOptions")),
    tmpfs: readTmpfs(object.object("TmpfsOptions")),
  };
}

function bindJson(bind: BindOptions): NonNullable<MountJson["BindOptions"]> {
  return omitEmpty<NonNullable<MountJson["BindOptions"]>>({
    Propagation: bind.propagation,
    NonRecursive: bind.nonRecursive,
    CreateMountpoint: bind.createMountpoint,
  });
}

function volumeJson(volume: VolumeOptions): NonNullable<MountJson["VolumeOptions"]> {
  return omitEmpty<NonNullable<MountJson["VolumeOptions"]>>({
    NoCopy: volume.noCopy,
    Labels: volume.labels,
    Subpath: volume.subpath,
    DriverConfig: omitEmpty({ Name: volume.driver, Options: volume.driverOptions }),
  });
}

function readBind(object: JsonObject | undefined): BindOptions | null {
  if (object === undefined) return null;
  for (const name of ["ReadOnlyNonRecursive", "ReadOnlyForceRecursive"]) {
    if (object.flag(name)) throw notImplemented(`BindOptions.${name} of a mount`);
  }
  return {
    propagation: object.text("Propagation"),
    nonRecursive: object.flag("NonRecursive"),
    createMountpoint: object.flag("CreateMountpoint"),
  };
}

function readVolume(object: JsonObject | undefined): VolumeOptions | null {
  if (object === undefined) return null;
  const driver = object.object("DriverConfig");
  return {
    noCopy: object.flag("NoCopy"),
    labels: object.textMap("Labels"),
    driver: driver?.text("Name") ?? "",
    driverOptions: driver?.textMap("Options") ?? {},
    subpath: object.text("Subpath"),
  };
}

function readTmpfs(object: JsonObject | undefined): TmpfsOptions | null {
  if (object === undefined) return null;
  if (object.list("Options", (value) => value).length > 0) {
    throw notImplemented("TmpfsOptions.Options of a mount");
  }
  return {
    sizeBytes: object.integer("SizeBytes"),
    mode: object.integer("Mode", { max: 0xffffffff }),
  };
}
