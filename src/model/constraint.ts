import { isIPv4, isIPv6 } from "node:net";
import { ClusterError } from "../base/errors.ts";
import { parseSubnet, splitHostPort, subnetContains } from "../base/ip.ts";
import type { Node } from "../gen/skep/Node.ts";
import { normalizeArchitecture } from "./platform.ts";

/** A placement constraint, read: `node.labels.zone==a`. */
export interface Constraint {
  readonly attribute: Attribute;
  /** The label's key for `node.labels` and `engine.labels`, else empty. */
  readonly label: string;
  readonly operator: "==" | "!=";
  readonly value: string;
}

type Attribute = (typeof plainAttributes)[number] | (typeof labelAttributes)[number];

const plainAttributes = [
  "node.id",
  "node.hostname",
  "node.ip",
  "node.role",
  "node.platform.os",
  "node.platform.arch",
] as const;
const labelAttributes = ["node.labels", "engine.labels"] as const;

/**
 * Reads a constraint. The attribute's name is not case-sensitive, a label's key is. INVALID_ARGUMENT naming the text.
 */
export function parseConstraint(text: string): Constraint {
  const match = /^\s*([^=!\s]+)\s*(==|!=)\s*(.*?)\s*$/.exec(text);
  const key = match?.[1];
  const operator = match?.[2];
  const value = match?.[3] ?? "";
  if (key === undefined || (operator !== "==" && operator !== "!=") || value === "") {
    throw invalid(text, "write it as key==value or key!=value, such as node.labels.zone==a");
  }
  if (/[=!]/.test(value[0] ?? "")) throw invalid(text, "only the operators == and != exist");
  const { attribute, label } = parseKey(key, text);
  if (label !== "" && !/^[\w][\w.\-/]*$/.test(label)) {
    throw invalid(text, "a label's key has letters, digits, '.', '-', '_' and '/' only");
  }
  if (attribute === "node.ip") checkIp(value, text);
  return { attribute, label, operator, value };
}

/** Whether the node meets all the constraints. Values are compared without regard to case; an absent label is empty. */
export function matchesConstraints(
  constraints: readonly Constraint[],
  node: Pick<Node, "id" | "spec" | "description" | "status" | "role">,
): boolean {
  return constraints.every((constraint) => {
    const isEqual =
      constraint.attribute === "node.ip"
        ? ipMatches(constraint.value, node.status?.addr ?? "")
        : sameValue(constraint, attributeOf(constraint, node));
    return isEqual === (constraint.operator === "==");
  });
}

function parseKey(key: string, text: string): { attribute: Attribute; label: string } {
  const lower = key.toLowerCase();
  const plain = plainAttributes.find((name) => name === lower);
  if (plain !== undefined) return { attribute: plain, label: "" };
  for (const name of labelAttributes) {
    if (lower.startsWith(`${name}.`) && key.length > name.length + 1) {
      return { attribute: name, label: key.slice(name.length + 1) };
    }
  }
  throw invalid(
    text,
    `"${key}" is not known; use ${plainAttributes.join(", ")}, node.labels.KEY or engine.labels.KEY`,
  );
}

function sameValue(constraint: Constraint, actual: string): boolean {
  if (constraint.attribute === "node.platform.arch") {
    return normalizeArchitecture(constraint.value) === normalizeArchitecture(actual);
  }
  return constraint.value.toLowerCase() === actual.toLowerCase();
}

function attributeOf(
  constraint: Constraint,
  node: Pick<Node, "id" | "spec" | "description" | "role">,
): string {
  switch (constraint.attribute) {
    case "node.id":
      return node.id;
    case "node.hostname":
      return node.description?.hostname ?? "";
    case "node.role":
      return node.role;
    case "node.platform.os":
      return node.description?.platform?.os ?? "";
    case "node.platform.arch":
      return node.description?.platform?.architecture ?? "";
    case "node.labels":
      return own(node.spec?.annotations?.labels, constraint.label);
    case "engine.labels":
      return own(node.description?.engine?.labels, constraint.label);
    case "node.ip":
      return "";
  }
}

/** The label's value, empty when absent; never something inherited such as `constructor`. */
function own(labels: { readonly [key: string]: string } | undefined, key: string): string {
  return labels !== undefined && Object.hasOwn(labels, key) ? (labels[key] ?? "") : "";
}

function ipMatches(wanted: string, address: string): boolean {
  const ip = isIPv6(address) ? address : hostOf(address);
  if (!wanted.includes("/")) return wanted === ip;
  return isIPv4(ip) && subnetContains(parseSubnet(wanted), ip);
}

function hostOf(address: string): string {
  try {
    return splitHostPort(address, 0).host;
  } catch {
    return address; // an address we cannot read matches nothing
  }
}

function checkIp(value: string, text: string): void {
  if (value.includes("/")) {
    try {
      parseSubnet(value);
    } catch (error) {
      throw invalid(text, "give an IP address or a subnet such as 10.0.0.0/24", error);
    }
  } else if (!isIPv4(value) && !isIPv6(value)) {
    throw invalid(text, "give an IP address or a subnet such as 10.0.0.0/24");
  }
}

function invalid(text: string, remedy: string, cause?: unknown): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `placement constraint "${text}": ${remedy}`, {
    cause,
  });
}
