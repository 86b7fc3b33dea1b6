import { ClusterError } from "../../base/errors.ts";
import type { Annotations } from "../../gen/skep/Annotations.ts";
import type { Service } from "../../gen/skep/Service.ts";
import { isLeaving } from "./resolve.ts";

// Rules that secrets and configs share.

export function nameConflict(kind: "secret" | "config" | "network", name: string): ClusterError {
  return new ClusterError("ALREADY_EXISTS", `${kind} ${name} already exists`);
}

/** INVALID_ARGUMENT when a service uses it. */
export function checkUnused(
  kind: "secret" | "config",
  name: string,
  services: readonly Service[],
): void {
  const users = services
    .filter((service) => !isLeaving(service))
    .map((service) => service.spec?.annotations?.name ?? service.id);
  if (users.length === 0) return;
  const noun = users.length === 1 ? "service" : "services";
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `${kind} '${name}' is in use by the following ${noun}: ${users.join(", ")}`,
  );
}

interface FileSpec {
  readonly annotations: Annotations | null;
  readonly data: Buffer;
}

/** The current spec with the wanted labels. INVALID_ARGUMENT when anything else would change; absent data means unchanged. */
export function checkOnlyLabelsChange<Spec extends FileSpec>(current: Spec, wanted: Spec): Spec {
  const sameName = wanted.annotations?.name === current.annotations?.name;
  const sameData = wanted.data.length === 0 || Buffer.compare(wanted.data, current.data) === 0;
  if (!sameName || !sameData) {
    throw new ClusterError("INVALID_ARGUMENT", "only updates to Labels are allowed");
  }
  return { ...current, annotations: wanted.annotations };
}
