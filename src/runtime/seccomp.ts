import type { OciSeccomp, SeccompRule } from "./oci-types.ts";
import { architectureSyscalls, capabilitySyscalls, commonSyscalls } from "./syscall-lists.ts";

const allow = "SCMP_ACT_ALLOW";
const errno = "SCMP_ACT_ERRNO";
const eperm = 1;
const enosys = 38;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const cloneNamespaceFlags = 0x7e020000;
const familyAlg = 38;
const familyVsock = 40;
/** PER_LINUX, PER_LINUX32, UNAME26, both, and "only tell me". */
const personalities = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];

// Without x32, which nothing uses: each further table costs milliseconds at every start.
const architectureNames: Readonly<Record<string, readonly string[]>> = {
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
};

/**
 * The default system call filter for a process with these capabilities, by the rules of Docker's
 * default profile. `architecture` is Node's name ("x64").
 */
export function buildSeccomp(capabilities: readonly string[], architecture: string): OciSeccomp {
  const granted = new Set(capabilities);
  const rules: SeccompRule[] = [
    { names: [...commonSyscalls, ...(architectureSyscalls[architecture] ?? [])], action: allow },
    ...personalities.map((value) => ({
      names: ["personality"],
      action: allow,
      args: [{ index: 0, value, op: "SCMP_CMP_EQ" }],
    })),
    ...socketRules(),
  ];
  for (const [capability, names] of Object.entries(capabilitySyscalls)) {
    if (granted.has(capability)) rules.push({ names: [...names], action: allow });
  }
  if (!granted.has("CAP_SYS_ADMIN")) rules.push(...cloneRules());
  return {
    defaultAction: errno,
    defaultErrnoRet: eperm,
    architectures: [...(architectureNames[architecture] ?? [])],
    syscalls: rules,
  };
}

/** Every address family but the kernel crypto API and VM sockets, which reach past the container. */
function socketRules(): SeccompRule[] {
  const rule = (op: string, value: number): SeccompRule => ({
    names: ["socket"],
    action: allow,
    args: [{ index: 0, value, op }],
  });
  return [
    rule("SCMP_CMP_LT", familyAlg),
    rule("SCMP_CMP_EQ", familyAlg + 1),
    rule("SCMP_CMP_GT", familyVsock),
  ];
}

/** clone without new namespaces; clone3 hides its flags from filters, so the C library must fall back. */
function cloneRules(): SeccompRule[] {
  return [
    {
      names: ["clone"],
      action: allow,
      args: [{ index: 0, value: cloneNamespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
    },
    { names: ["clone3"], action: errno, errnoRet: enosys },
  ];
}
