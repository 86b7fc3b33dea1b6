import type { VolumeData } from "../backend/volumes.ts";
import type { VolumeJson } from "../wire/volume.ts";
import { millisJson } from "./time.ts";

/** Docker's volume; `usage` adds what /system/df shows. */
export function volumeJson(volume: VolumeData, usage = false): VolumeJson {
  return {
    Name: volume.name,
    Driver: volume.driver,
    Mountpoint: volume.mountpoint,
    // Whole seconds, as Docker shows it.
    CreatedAt: millisJson(Math.floor(volume.createdAtMs / 1000) * 1000).replace(/\.0+Z$/, "Z"),
    Labels: orNull(volume.labels),
    Options: orNull(volume.options),
    Scope: "local",
    ...(usage ? { UsageData: { Size: volume.sizeBytes, RefCount: volume.references } } : {}),
  };
}

// As Docker shows a set without elements.
function orNull(texts: Readonly<Record<string, string>>): Record<string, string> | null {
  return Object.keys(texts).length === 0 ? null : { ...texts };
}
