import { invalid } from "./refuse.ts";

const lengthMax = 255;
const hostPart =
  /^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:\d+)?$/;
const pathPart = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;
const tagPart = /^\w[\w.-]{0,127}$/;
const digestPart = /^sha256:[0-9a-f]{64}$/;

/** Checks `[registry/]name[:tag][@sha256:…]` (the OCI distribution specification's grammar). INVALID_ARGUMENT. */
export function checkImageReference(field: string, reference: string): void {
  if (reference === "") throw invalid(field, "name an image, such as nginx:1.27");
  const [named = "", digest, ...more] = reference.split("@");
  if (more.length > 0 || (digest !== undefined && !digestPart.test(digest))) {
    throw wrong(field, reference, "after '@' comes sha256: and 64 hexadecimal digits");
  }
  const slashAt = named.indexOf("/");
  const first = named.slice(0, Math.max(0, slashAt));
  // The first part is a registry when it looks like a host; else it belongs to the name.
  const hasHost = slashAt > 0 && (/[.:]/.test(first) || first === "localhost");
  if (hasHost && !hostPart.test(first)) {
    throw wrong(field, reference, `"${first}" is not a registry's host[:port]`);
  }
  const [path = "", tag, ...tags] = (hasHost ? named.slice(slashAt + 1) : named).split(":");
  if (tags.length > 0 || (tag !== undefined && !tagPart.test(tag))) {
    throw wrong(field, reference, "a tag has up to 128 letters, digits, '_', '.' and '-'");
  }
  if (!path.split("/").every((part) => pathPart.test(part))) {
    throw wrong(
      field,
      reference,
      "a name has lower-case letters, digits, and single '.', '_', '-'",
    );
  }
  if (path.length > lengthMax) throw wrong(field, reference, "the name is too long");
  if (!hasHost && tag === undefined && digest === undefined && /^[0-9a-f]{64}$/.test(path)) {
    throw wrong(field, reference, "an image id cannot be pulled by other nodes: give its name");
  }
}

function wrong(field: string, reference: string, why: string): Error {
  return invalid(`${field} "${reference}"`, why);
}
