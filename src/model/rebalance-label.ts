import type { ServiceSpec } from "../gen/skep/ServiceSpec.ts";
import { isReplicated } from "./service-mode.ts";
import { invalid } from "./validate/refuse.ts";

/** The label that has a service rebalanced whenever it has become uneven; as a label any Docker client can set it. */
export const rebalanceLabel = "skep.rebalance";

const values = ["auto", "manual"];

/** INVALID_ARGUMENT for a value that means nothing, and for "auto" where no task can be moved. */
export function checkRebalance(spec: ServiceSpec): void {
  const value = spec.annotations?.labels[rebalanceLabel];
  if (value === undefined) return;
  if (!values.includes(value)) {
    throw invalid(`rebalance "${value}" (label ${rebalanceLabel})`, `use ${values.join(" or ")}`);
  }
  if (value === "auto" && !isReplicated({ spec })) {
    throw invalid(
      `rebalance (label ${rebalanceLabel})`,
      "only a replicated service can be rebalanced: leave it out",
    );
  }
}
