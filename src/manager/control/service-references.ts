import { ClusterError } from "../../base/errors.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { StoreView } from "../../store/store-view.ts";
import { tryResolve } from "./resolve.ts";

/**
 * The spec with its networks named by id. NOT_FOUND for unknown networks, INVALID_ARGUMENT for the ingress network and for secrets
 * and configs that do not exist.
 */
export function resolveReferences(view: StoreView, spec: ServiceSpec): ServiceSpec {
  const task = spec.task;
  if (task === null) return spec;
  checkFiles(
    view,
    "secret",
    task.container?.secrets.map((ref) => [ref.secretId, ref.secretName]),
  );
  checkFiles(
    view,
    "config",
    task.container?.configs.map((ref) => [ref.configId, ref.configName]),
  );
  const networks = task.networks.map((attachment) => {
    const network = tryResolve(view, "network", attachment.target);
    if (network === undefined) {
      throw new ClusterError("NOT_FOUND", `network ${attachment.target} not found`);
    }
    if (network.spec?.ingress === true) {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `Service cannot be explicitly attached to the ingress network "${network.spec.annotations?.name ?? ""}"`,
      );
    }
    return { ...attachment, target: network.id };
  });
  const ids = networks.map(({ target }) => target);
  const twice = ids.find((id, position) => ids.indexOf(id) !== position);
  if (twice !== undefined) {
    throw new ClusterError("INVALID_ARGUMENT", `network ${twice} is attached more than once`);
  }
  return { ...spec, task: { ...task, networks } };
}

function checkFiles(
  view: StoreView,
  table: "secret" | "config",
  references: readonly (readonly [id: string, name: string])[] = [],
): void {
  const missing = references.filter(([id]) => view.get(table, id) === undefined);
  if (missing.length === 0) return;
  const names = missing.map(([id, name]) => name || id).join(", ");
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `${table}${missing.length > 1 ? "s" : ""} not found: ${names}`,
  );
}
