import type { ZoneInput } from "../../dns/zone.ts";
import type { AssignmentSet } from "../agent/assignment-set.ts";

/** Pure: what the leader has told this node, as names need it. */
export function assignedZoneInput(
  set: AssignmentSet,
): Pick<ZoneInput, "networks" | "endpoints" | "services"> {
  return {
    networks: [...set.network.values()],
    endpoints: [...set.endpoint.values()],
    services: [...set.service.values()].map((service) => ({
      ...service,
      mode: service.mode === "DNSRR" ? ("dnsrr" as const) : ("vip" as const),
    })),
  };
}
