import { ClusterError } from "../base/errors.ts";
import { capabilityName, capabilityNames, isCapability } from "../model/capability-names.ts";

/** What a container has unless its spec says otherwise: Docker's fourteen. */
export const defaultCapabilities: readonly string[] =
  `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE
SYS_CHROOT KILL AUDIT_WRITE`
    .split(/\s+/)
    .map((name) => `CAP_${name}`);

/** The capabilities whose bits are set in a /proc/PID/status mask such as "000001fffeffffff". */
export function capabilitiesOfMask(hexMask: string): ReadonlySet<string> {
  const mask = BigInt(`0x${hexMask}`);
  return new Set(capabilityNames.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n));
}

/**
 * The defaults plus `add` minus `drop` ("NET_ADMIN", "cap_net_admin", "ALL"), of those that this
 * process can give. `missing` are the ones asked for by name that it cannot.
 * INVALID_ARGUMENT for a name the kernel does not know.
 */
export function resolveCapabilities(
  wanted: { readonly add: readonly string[]; readonly drop: readonly string[] },
  available: ReadonlySet<string>,
): { readonly granted: string[]; readonly missing: string[] } {
  const add = wanted.add.map(canonicalName);
  const drop = new Set(wanted.drop.map(canonicalName));
  const base = add.includes("ALL") ? capabilityNames : drop.has("ALL") ? [] : defaultCapabilities;
  const chosen = new Set([...base, ...add.filter((name) => name !== "ALL")]);
  for (const name of drop) if (!add.includes(name)) chosen.delete(name);
  const ordered = capabilityNames.filter((name) => chosen.has(name));
  return {
    granted: ordered.filter((name) => available.has(name)),
    missing: add.filter((name) => name !== "ALL" && !available.has(name)),
  };
}

function canonicalName(text: string): string {
  const name = capabilityName(text);
  if (!isCapability(name)) {
    throw new ClusterError("INVALID_ARGUMENT", `"${text}" is not a capability of this kernel`);
  }
  return name;
}
