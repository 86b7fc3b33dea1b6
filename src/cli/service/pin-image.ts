import { errorMessage, isClusterError } from "../../base/errors.ts";
import type { DistributionJson } from "../../rest/wire/image.ts";
import type { ServiceSpecJson } from "../../rest/wire/service.ts";
import type { Session } from "../session.ts";

/** A registry that does not answer must not hold up the command. */
const answerMs = 15_000;

/**
 * The spec with its image's tag resolved to a digest by the manager, so that all nodes run the same image, and with the platforms
 * there are images for. As it is, with a warning, when the registry cannot tell (Docker's `--no-resolve-image` asks nothing). UNAVAILABLE without a daemon.
 */
export async function pinImage(
  session: Session,
  spec: ServiceSpecJson,
  headers: Readonly<Record<string, string>>,
): Promise<ServiceSpecJson> {
  const image = spec.TaskTemplate.ContainerSpec?.Image ?? "";
  if (image === "" || image.includes("@")) return spec;
  const signal = AbortSignal.any([session.interrupted, AbortSignal.timeout(answerMs)]);
  try {
    const found = await session.client.get<DistributionJson>(
      `/distribution/${image}/json`,
      {},
      { headers, signal },
    );
    return withDigest(spec, image, found);
  } catch (error) {
    // Where no daemon is there is more to say than that its registry is not.
    if (isClusterError(error, "UNAVAILABLE") && !signal.aborted) throw error;
    session.warn(
      `image ${image} could not be accessed on a registry to record its digest; nodes may run different versions of it (${errorMessage(error)})`,
    );
    return spec;
  }
}

/** Pure. */
export function withDigest(
  spec: ServiceSpecJson,
  image: string,
  { Descriptor, Platforms }: DistributionJson,
): ServiceSpecJson {
  const pinned = structuredClone(spec);
  const task = pinned.TaskTemplate;
  task.ContainerSpec = { ...task.ContainerSpec, Image: `${image}@${Descriptor.digest}` };
  if (Platforms.length > 0) {
    task.Placement = {
      ...task.Placement,
      Platforms: Platforms.map(({ os, architecture }) => ({ OS: os, Architecture: architecture })),
    };
  }
  return pinned;
}
