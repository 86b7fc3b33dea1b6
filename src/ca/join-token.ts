import { createHash, timingSafeEqual } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import { bytesToBase36 } from "../base/ids.ts";
import type { Random } from "../base/random.ts";

const digestChars = 50;
const secretChars = 25;
const secretBytes = 16;
const pattern = new RegExp(`^SWMTKN-1-([0-9a-z]{${digestChars}})-([0-9a-z]{${secretChars}})$`);

/** What a join token says. */
export interface JoinToken {
  /** SHA-256 of the root's PEM in base 36: tells the joiner whom to trust. */
  readonly digest: string;
  /** Tells the manager that the joiner may join, and as what. */
  readonly secret: string;
}

/** A new token for clusters with this root: `SWMTKN-1-<digest>-<secret>`, as Swarm's. */
export function newJoinToken(rootPem: string, random: Random): string {
  const secret = bytesToBase36(random.bytes(secretBytes)).padStart(secretChars, "0");
  return `SWMTKN-1-${rootDigest(rootPem)}-${secret}`;
}

/** SHA-256 of the PEM text in base 36, 50 digits. */
export function rootDigest(rootPem: string): string {
  return bytesToBase36(createHash("sha256").update(rootPem).digest()).padStart(digestChars, "0");
}

/** Reads a token. INVALID_ARGUMENT that says what is wrong with it, without repeating it. */
export function parseJoinToken(text: string): JoinToken {
  const match = pattern.exec(text.trim());
  const [digest, secret] = [match?.[1], match?.[2]];
  if (digest !== undefined && secret !== undefined) return { digest, secret };
  throw new ClusterError("INVALID_ARGUMENT", `invalid join token: ${flawOf(text.trim())}`);
}

/** FAILED_PRECONDITION when the root is not the one the token names. */
export function verifyDigest(rootPem: string, token: JoinToken): void {
  if (constantTimeEqual(rootDigest(rootPem), token.digest)) return;
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `remote CA does not match fingerprint. Expected: ${token.digest}. The token is of another cluster, or someone stands between`,
  );
}

/** Whether two texts are equal, in a time that does not tell where they differ. */
export function constantTimeEqual(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

function flawOf(text: string): string {
  if (text === "") return "it is empty";
  if (text.startsWith("SWMKEY-")) return "this is an unlock key, not a join token";
  if (text.startsWith("SWMTKN-2-")) return "tokens of FIPS clusters (SWMTKN-2) are not supported";
  if (!text.startsWith("SWMTKN-1-")) return "it does not begin with SWMTKN-1-";
  const wanted = "SWMTKN-1-".length + digestChars + 1 + secretChars;
  if (text.length < wanted) return `it is cut short: ${text.length} of ${wanted} characters`;
  if (text.length > wanted) return `it is too long: ${text.length} instead of ${wanted} characters`;
  return "it has other characters than digits and lower-case letters, or its parts have the wrong length";
}
