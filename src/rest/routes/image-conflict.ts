import type { ContainerData } from "../backend/containers.ts";
import type { ImageData } from "../backend/images.ts";
import { withTag } from "../translate/image-name.ts";

export interface ImageRemoval {
  readonly image: ImageData;
  /** What the image was called in the request: an id, the begin of one, or a name. */
  readonly name: string;
  readonly force: boolean;
  readonly containers: readonly Pick<ContainerData, "id" | "imageId" | "state">[];
}

/** Pure: why an image must not be removed, in Docker's words; undefined when it may be. */
export function imageConflict(removal: ImageRemoval): string | undefined {
  const { image, name, force } = removal;
  const users = removal.containers.filter(({ imageId }) => imageId === image.id);
  const short = image.id.replace("sha256:", "").slice(0, 12);
  if (!isId(image, name)) {
    const [user] = users;
    // One name of several: the image stays.
    if (force || user === undefined || image.repoTags.length > 1) return undefined;
    return `conflict: unable to remove repository reference "${withTag(name)}" (must force) - container ${shortId(user)} is using its referenced image ${short}`;
  }
  const running = users.find(({ state }) => ["running", "paused", "restarting"].includes(state));
  const conflict = (how: string, reason: string): string =>
    `conflict: unable to delete ${short} (${how} be forced) - ${reason}`;
  if (running !== undefined) {
    return conflict("cannot", `image is being used by running container ${shortId(running)}`);
  }
  if (force) return undefined;
  if (image.repoTags.length > 1) {
    return conflict("must", "image is referenced in multiple repositories");
  }
  const [stopped] = users;
  if (stopped === undefined) return undefined;
  return conflict("must", `image is being used by stopped container ${shortId(stopped)}`);
}

function shortId({ id }: { readonly id: string }): string {
  return id.slice(0, 12);
}

function isId({ id, repoTags }: ImageData, name: string): boolean {
  const start = name.replace(/^sha256:/, "");
  return id.startsWith(`sha256:${start}`) && !repoTags.includes(withTag(name));
}
