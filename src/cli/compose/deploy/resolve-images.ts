import type { ServiceJson, ServiceSpecJson } from "../../../rest/wire/service.ts";
import { registryAuthHeaders } from "../../registry-auth.ts";
import { pinImage } from "../../service/pin-image.ts";
import type { Session } from "../../session.ts";
import { imageLabel } from "../names.ts";

/** When the registry is asked which image a tag means now. */
export type ResolveImage = "always" | "changed" | "never";

/**
 * The specs with digests for tags, as `docker stack deploy --resolve-image` says. An image that the compose file does not change stays
 * the one that runs, with "changed" and "never", and when the registry cannot tell. Each image is asked for once, so services that
 * share one get the same.
 */
export async function resolveImages(
  session: Session,
  specs: readonly ServiceSpecJson[],
  services: readonly ServiceJson[],
  when: ResolveImage,
): Promise<ServiceSpecJson[]> {
  const resolved: ServiceSpecJson[] = [];
  const asked = new Map<string, ServiceSpecJson>();
  for (const spec of specs) {
    const present = services.find((service) => service.Spec.Name === spec.Name)?.Spec;
    const image = spec.TaskTemplate.ContainerSpec?.Image ?? "";
    const isSame = present !== undefined && present.Labels[imageLabel] === image;
    if (when === "never" || (when === "changed" && isSame)) {
      resolved.push(isSame ? withImageOf(spec, present) : spec);
      continue;
    }
    const before = asked.get(image);
    const pinned =
      before === undefined
        ? await pinImage(session, spec, await registryAuthHeaders(image))
        : withImageOf(spec, before);
    asked.set(image, pinned);
    const unknown = pinned.TaskTemplate.ContainerSpec?.Image === image;
    resolved.push(unknown && isSame ? withImageOf(spec, present) : pinned);
  }
  return resolved;
}

// Pure: with the image and platforms that another spec was resolved to.
function withImageOf(spec: ServiceSpecJson, present: ServiceSpecJson): ServiceSpecJson {
  const { TaskTemplate } = spec;
  const Image = present.TaskTemplate.ContainerSpec?.Image ?? "";
  const Platforms = present.TaskTemplate.Placement?.Platforms;
  return {
    ...spec,
    TaskTemplate: {
      ...TaskTemplate,
      ContainerSpec: { ...TaskTemplate.ContainerSpec, Image },
      ...(Platforms === undefined ? {} : { Placement: { ...TaskTemplate.Placement, Platforms } }),
    },
  };
}
