import { ClusterError } from "../../base/errors.ts";

/** Marks what belongs to a stack; its value is the stack's name. The same label as Docker's, so that each sees the other's stacks. */
export const stackLabel = "com.docker.stack.namespace";

/** The image as the compose file names it, on the service (Docker's label). */
export const imageLabel = "com.docker.stack.image";

/** "web" of stack "shop" -> "shop_web". */
export function scopedName(stack: string, name: string): string {
  return `${stack}_${name}`;
}

/** What an object of the top is called in the cluster: its own name, else the key in the stack's scope. */
export function objectName(stack: string, key: string, object: { readonly name?: string }): string {
  return object.name ?? scopedName(stack, key);
}

/** The name of a service without its stack's. */
export function plainName(stack: string, name: string): string {
  return name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}

/** INVALID_ARGUMENT unless it can begin the names of services. */
export function checkStackName(name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(name)) return name;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    `"${name}" cannot be the name of a stack: use letters, digits, _ and -`,
  );
}

/** Labels with the mark of the stack. */
export function stackLabels(
  stack: string,
  labels: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { ...labels, [stackLabel]: stack };
}

/** Orders texts by their characters, whatever the language: results are the same everywhere. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
