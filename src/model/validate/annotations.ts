import type { Annotations } from "../../gen/skep/Annotations.ts";
import { invalid } from "./refuse.ts";

const dnsNameMax = 63;
const fileNameMax = 64;
/** By which docker knows what belongs to a stack. */
const stackLabel = "com.docker.stack.namespace";

/** A name that becomes a DNS name: of a service or a network. Up to 63 letters, digits, '-', '_'. */
export function checkDnsName(what: string, annotations: Annotations | null): void {
  const name = annotations?.name ?? "";
  checkStackName(name, annotations, dnsNameMax);
  if (name === "") throw invalid(`${what} name`, "it must be given");
  if (name.length > dnsNameMax) {
    throw invalid(`${what} name "${name}"`, `it is longer than ${dnsNameMax} characters`);
  }
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$/.test(name)) {
    throw invalid(
      `${what} name "${name}"`,
      "use letters, digits, '-' and '_', beginning and ending with a letter or digit",
    );
  }
  checkLabels(what, annotations);
}

/** A name that becomes a file name: of a secret or a config. Up to 64 letters, digits, '-', '_', '.'. */
export function checkFileName(what: string, annotations: Annotations | null): void {
  const name = annotations?.name ?? "";
  checkStackName(name, annotations, fileNameMax);
  if (name === "") throw invalid(`${what} name`, "it must be given");
  if (name.length > fileNameMax) {
    throw invalid(`${what} name "${name}"`, `it is longer than ${fileNameMax} characters`);
  }
  if (!/^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/.test(name)) {
    throw invalid(
      `${what} name "${name}"`,
      "use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    );
  }
  checkLabels(what, annotations);
}

// docker takes any name for a stack; what is wrong with the first of its objects' names is then the stack's.
function checkStackName(name: string, annotations: Annotations | null, max: number): void {
  const stack = annotations?.labels[stackLabel];
  if (stack === undefined || !name.startsWith(`${stack}_`)) return;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(stack)) {
    throw invalid(
      `stack name "${stack}"`,
      "use letters, digits, '-' and '_', the first no '-' or '_'",
    );
  }
  if (name.length > max) {
    const text = `with it "${name}" is longer than ${max} characters: give a shorter one`;
    throw invalid(`stack name "${stack}"`, text);
  }
}

/** Every label has a key. */
export function checkLabels(what: string, annotations: Annotations | null): void {
  if (Object.keys(annotations?.labels ?? {}).some((key) => key.trim() === "")) {
    throw invalid(`${what} labels`, "a label needs a key: write key=value");
  }
}
