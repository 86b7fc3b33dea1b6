import { ClusterError } from "../../base/errors.ts";
import type { PortConfig } from "../../gen/skep/PortConfig.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { StoreView } from "../../store/store-view.ts";
import { isLeaving } from "./resolve.ts";

/**
 * INVALID_ARGUMENT when a published port of the spec is another service's: an ingress port is taken on every node, so it clashes with
 * any other use; ports published on hosts only are a matter of placement.
 */
export function checkPublishedPorts(view: StoreView, spec: ServiceSpec, ownId: string): void {
  const wanted = (spec.endpoint?.ports ?? []).filter((port) => port.publishedPort !== 0);
  if (wanted.length === 0) return;
  for (const service of view.all("service")) {
    if (service.id === ownId || isLeaving(service)) continue;
    for (const taken of portsOf(service)) {
      const clash = wanted.find((port) => clashes(port, taken));
      if (clash !== undefined) throw inUse(clash, service, taken);
    }
  }
}

function portsOf(service: Service): readonly PortConfig[] {
  return [...(service.spec?.endpoint?.ports ?? []), ...(service.endpoint?.ports ?? [])];
}

function clashes(a: PortConfig, b: PortConfig): boolean {
  return (
    a.publishedPort === b.publishedPort &&
    a.protocol === b.protocol &&
    (a.publishMode === "INGRESS" || b.publishMode === "INGRESS")
  );
}

function inUse(port: PortConfig, service: Service, taken: PortConfig): ClusterError {
  const as = taken.publishMode === "INGRESS" ? "an ingress port" : "a host-published port";
  const name = service.spec?.annotations?.name ?? "";
  return new ClusterError(
    "INVALID_ARGUMENT",
    `port '${port.publishedPort}' is already in use by service '${name}' (${service.id}) as ${as}`,
  );
}
