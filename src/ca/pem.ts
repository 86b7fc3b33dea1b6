import { ClusterError } from "../base/errors.ts";

const pemCharsMax = 16 * 1024;
const blocksMax = 16;

/** The bytes of the one PEM block of this label that `text` must consist of. INVALID_ARGUMENT otherwise. */
export function decodePem(text: string, label: string): Uint8Array {
  if (text.length > pemCharsMax) throw invalid(label, `is longer than ${pemCharsMax} characters`);
  const lines = text.trim().split(/\r?\n/);
  if (lines.shift() !== `-----BEGIN ${label}-----` || lines.pop() !== `-----END ${label}-----`) {
    throw invalid(label, "is not one PEM block of that kind");
  }
  const base64 = lines.join("");
  if (base64 === "" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw invalid(label, "is not base64");
  }
  return Buffer.from(base64, "base64");
}

/** One PEM block, with a line end after it. */
export function encodePem(bytes: Uint8Array, label: string): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The blocks of this label in a text that may hold several, each in the form of `encodePem`. At most 16; INVALID_ARGUMENT for more. */
export function splitPem(text: string, label: string): string[] {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)]
    .filter(([, found]) => found === label)
    .map(([block]) => encodePem(decodePem(block, label), label));
  if (blocks.length > blocksMax) throw invalid(label, `comes more than ${blocksMax} times`);
  return blocks;
}

function invalid(label: string, reason: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", `the ${label.toLowerCase()} ${reason}`);
}
