import { type Namespace, tryIn } from "./kernel.ts";

const addressesMax = 64;

/**
 * Ends UDP flows to addresses that no longer serve: an asker that goes on from the same port would never be sent
 * elsewhere. Best effort: at most 64 addresses, and nothing when the program is missing.
 */
export async function forgetFlows(
  namespace: Namespace,
  addresses: readonly string[],
): Promise<void> {
  for (const address of addresses.slice(0, addressesMax)) {
    await tryIn(namespace, "conntrack", ["-D", "-p", "udp", "--reply-src", address]);
  }
}
