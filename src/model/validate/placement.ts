import type { Placement } from "../../gen/skep/Placement.ts";
import { parseConstraint } from "../constraint.ts";
import type { ServiceMode } from "../service-mode.ts";
import { checkInteger, invalid } from "./refuse.ts";

/** Checks constraints, preferences and the limit per node. */
export function checkPlacement(placement: Placement | null, mode: ServiceMode): void {
  if (!placement) return;
  for (const text of placement.constraints) parseConstraint(text);
  for (const { spread } of placement.preferences) {
    const descriptor = spread?.descriptor ?? "";
    if (!/^(node|engine)\.labels\.\S+$/.test(descriptor)) {
      throw invalid(
        `placement-pref "${descriptor}"`,
        "write it as spread=node.labels.KEY or spread=engine.labels.KEY",
      );
    }
  }
  checkInteger("replicas-max-per-node", placement.maxReplicasPerNode, 0, Number.MAX_SAFE_INTEGER);
  if (placement.maxReplicasPerNode > 0 && (mode === "global" || mode === "globalJob")) {
    throw invalid(
      "replicas-max-per-node",
      "a global service has one task a node anyway: leave it out, or use a replicated mode",
    );
  }
}
