import type { ImageData } from "../backend/images.ts";
import { type Filters, filterFlag, filterList, labelsAllow } from "../http/filters.ts";

/** The moments between which an image must have been made, besides what the filters say of it alone. */
export interface ImageAge {
  /** Later than this; milliseconds since 1970. */
  readonly afterMs: number;
  /** Earlier than this. */
  readonly beforeMs: number;
}

/** Whether an image is one of those asked for: `dangling`, `label`, `label!`, `reference`, and its age. 400 for a wrong value. */
export function matchesImage(image: ImageData, filters: Filters, age: ImageAge): boolean {
  const references = filterList(filters, "reference");
  const dangling = filterFlag(filters, "dangling");
  const madeMs = madeAtMs(image);
  return (
    (dangling === undefined || dangling === (image.repoTags.length === 0)) &&
    madeMs > age.afterMs &&
    madeMs < age.beforeMs &&
    labelsAllow(filters, image.config.labels) &&
    (references.length === 0 ||
      image.repoTags.some((name) => references.some((pattern) => matchesReference(name, pattern))))
  );
}

/** When the image was made; 0 when it does not say. */
export function madeAtMs(image: ImageData): number {
  return Date.parse(image.created) || 0;
}

// "*" stands for anything but a slash; a pattern without tag means any tag.
function matchesReference(name: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, "[^/]*")
    .replace(/\?/g, "[^/]");
  return new RegExp(`^${source}$`).test(name) || new RegExp(`^${source}:[^/:]*$`).test(name);
}
