import { ClusterError } from "../base/errors.ts";
import type { StoredImage } from "./image-index.ts";
import {
  familiarDigest,
  familiarTag,
  isDigest,
  parseReference,
  type Reference,
} from "./reference.ts";

/** The image of this name, id or unique id prefix. Names win, as in Docker. */
export function findStored(images: readonly StoredImage[], text: string): StoredImage | undefined {
  if (isDigest(text)) return images.find((image) => image.id === text);
  const reference = tryParse(text);
  if (reference !== undefined) {
    const { digest } = reference;
    const named =
      digest === undefined
        ? images.find((image) => image.tags.includes(familiarTag(reference)))
        : images.find((image) => image.digests.includes(familiarDigest(reference, digest)));
    if (named !== undefined) return named;
  }
  const prefix = text.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{2,64}$/.test(prefix)) return undefined;
  const matches = images.filter((image) => image.id.startsWith(`sha256:${prefix}`));
  return matches.length === 1 ? matches[0] : undefined;
}

/** What removing `text` does to the image it names: `kept` undefined means that it goes. */
export interface RemovalPlan {
  readonly untagged: readonly string[];
  readonly kept: StoredImage | undefined;
}

/** FAILED_PRECONDITION when an id with several names is not forced. */
export function planRemoval(image: StoredImage, text: string, force: boolean): RemovalPlan {
  const reference = isDigest(text) ? undefined : tryParse(text);
  const tag = reference === undefined ? "" : familiarTag(reference);
  if (reference?.digest === undefined && image.tags.includes(tag)) {
    const tags = image.tags.filter((one) => one !== tag);
    if (tags.length > 0) return { untagged: [tag], kept: { ...image, tags } };
    return { untagged: [tag, ...image.digests], kept: undefined };
  }
  if (reference?.digest !== undefined) {
    const name = familiarDigest(reference, reference.digest);
    const digests = image.digests.filter((one) => one !== name);
    const last = image.tags.length === 0 && digests.length === 0;
    return { untagged: [name], kept: last ? undefined : { ...image, digests } };
  }
  if (image.tags.length > 1 && !force) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `image ${text} has several names (${image.tags.join(", ")}); remove them or use force`,
    );
  }
  return { untagged: [...image.tags, ...image.digests], kept: undefined };
}

function tryParse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
