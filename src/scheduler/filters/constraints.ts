import { isClusterError } from "../../base/errors.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { type Constraint, matchesConstraints, parseConstraint } from "../../model/constraint.ts";
import { type Filter, nodes } from "./filter.ts";

/** The node meets all placement constraints. */
export const constraintsFilter: Filter = {
  isFixed: true,
  appliesTo: (task) => (task.spec?.placement?.constraints.length ?? 0) > 0,
  check(task) {
    const constraints = read(task);
    if (constraints === undefined) return () => false;
    return (info) => matchesConstraints(constraints, info.node);
  },
  explain: (count) => `scheduling constraints not satisfied on ${nodes(count)}`,
};

/** `undefined` when one cannot be read; the control API lets none of these in. */
function read(task: Task): readonly Constraint[] | undefined {
  try {
    return (task.spec?.placement?.constraints ?? []).map(parseConstraint);
  } catch (error) {
    if (isClusterError(error, "INVALID_ARGUMENT")) return undefined;
    throw error;
  }
}
