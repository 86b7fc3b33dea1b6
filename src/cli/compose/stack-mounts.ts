import type { MountJson } from "../../rest/wire/service.ts";
import { parseBytes } from "../values.ts";
import type { VolumeFields } from "./decode-service.ts";
import { objectName, stackLabels } from "./names.ts";
import type { StackModel } from "./stack-model.ts";

/** Pure: a volume of a service as the API has it. Volumes get the stack's name and label; anonymous ones have no source. */
export function mountOf(stack: string, volume: VolumeFields, model: StackModel): MountJson {
  const { type = "volume", source, target = "", read_only, bind, tmpfs } = volume;
  const mount: MountJson = { Type: type, Target: target };
  if (read_only === true) mount.ReadOnly = true;
  if (type === "bind") {
    mount.Source = source ?? "";
    if (bind !== undefined) {
      mount.BindOptions = {
        ...(bind.propagation === undefined ? {} : { Propagation: bind.propagation }),
        ...(bind.create_host_path === true ? { CreateMountpoint: true } : {}),
      };
    }
  } else if (type === "tmpfs") {
    if (tmpfs !== undefined) {
      mount.TmpfsOptions = {
        ...(tmpfs.size === undefined ? {} : { SizeBytes: tmpfs.size }),
        ...(tmpfs.mode === undefined ? {} : { Mode: tmpfs.mode }),
      };
    }
  } else setVolume(mount, stack, volume, model);
  return mount;
}

function setVolume(mount: MountJson, stack: string, fields: VolumeFields, model: StackModel): void {
  const { source, volume } = fields;
  const options: NonNullable<MountJson["VolumeOptions"]> = {};
  if (volume?.nocopy === true) options.NoCopy = true;
  if (volume?.subpath !== undefined) options.Subpath = volume.subpath;
  if (source !== undefined) {
    const top = model.volumes[source] ?? {};
    mount.Source = objectName(stack, source, top);
    if (top.external !== true) {
      options.Labels = stackLabels(stack, { ...top.labels, ...volume?.labels });
      if (top.driver !== undefined || top.driver_opts !== undefined) {
        options.DriverConfig = {
          ...(top.driver === undefined ? {} : { Name: top.driver }),
          ...(top.driver_opts === undefined ? {} : { Options: top.driver_opts }),
        };
      }
    }
  }
  if (Object.keys(options).length > 0) mount.VolumeOptions = options;
}

/** Pure: "/run:size=64m,mode=1777" of `tmpfs`. Options that say nothing to us are passed over. */
export function tmpfsMount(text: string): MountJson {
  const at = text.indexOf(":");
  const target = at < 0 ? text : text.slice(0, at);
  const mount: MountJson = { Type: "tmpfs", Target: target };
  const options = at < 0 ? "" : text.slice(at + 1);
  const size = /(?:^|,)size=([^,]+)/.exec(options)?.[1];
  const mode = /(?:^|,)mode=0?([0-7]+)/.exec(options)?.[1];
  if (size !== undefined || mode !== undefined) {
    mount.TmpfsOptions = {
      ...(size === undefined ? {} : { SizeBytes: parseBytes("tmpfs size", size) }),
      ...(mode === undefined ? {} : { Mode: Number.parseInt(mode, 8) }),
    };
  }
  return mount;
}
