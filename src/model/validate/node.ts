import type { NodeSpec } from "../../gen/skep/NodeSpec.ts";
import { checkLabels } from "./annotations.ts";

/** Checks what people may say of a node. INVALID_ARGUMENT. Role and availability are held to their words by the schema. */
export function validateNodeSpec(spec: NodeSpec): void {
  checkLabels("node", spec.annotations);
}
