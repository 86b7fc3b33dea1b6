import type { Annotations } from "../../gen/skep/Annotations.ts";
import { invalid } from "./refuse.ts";

const dnsNameMax = 63;
const fileNameMax = 64;

/** A name that becomes a DNS name: of a service or a network. Up to 63 letters, digits, '-', '_'. */
export function checkDnsName(what: string, annotations: Annotations | null): void {
  const name = annotations?.name ?? "";
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

/** Every label has a key. */
export function checkLabels(what: string, annotations: Annotations | null): void {
  if (Object.keys(annotations?.labels ?? {}).some((key) => key.trim() === "")) {
    throw invalid(`${what} labels`, "a label needs a key: write key=value");
  }
}
