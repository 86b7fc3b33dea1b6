import { rootDigest } from "../ca/join-token.ts";
import { splitPem } from "../ca/pem.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";

/**
 * Whether a join token is of the cluster that this worker is in already: then joining again only tells it where the managers are now,
 * and its tasks run on.
 */
export function isTokenOfOwnCluster(
  { role, rootCaPem }: Pick<TlsIdentity, "role" | "rootCaPem">,
  token: string,
): boolean {
  if (role !== "worker") return false;
  const roots = [rootCaPem, ...splitPem(rootCaPem, "CERTIFICATE")];
  return roots.some((root) => token.trim().startsWith(`SWMTKN-1-${rootDigest(root)}-`));
}
