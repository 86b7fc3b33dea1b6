import type { Mount } from "../../gen/skep/Mount.ts";
import type { MountSpec } from "../../runtime/container-spec.ts";

/** What hand-made containers need of the node's volumes. */
export interface ContainerVolumes {
  /** Makes a container's mounts ready, before each run; the same again for the same container. INVALID_ARGUMENT, NOT_FOUND, INTERNAL. */
  prepare(request: {
    readonly containerId: string;
    /** Unpacked layers of its image, topmost first. */
    readonly layerPaths: readonly string[];
    readonly mounts: readonly Mount[];
    /** Paths that get a volume without a name. */
    readonly imageVolumes: readonly string[];
  }): Promise<MountSpec[]>;
  /** Its program has ended, or it is gone. */
  release(containerId: string): Promise<void>;
  /** It is about to be removed, and its volumes without a name with it, at `release`. */
  abandon(containerId: string): Promise<void>;
}
