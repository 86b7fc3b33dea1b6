import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { createNetworkNamespace, inNetworkNamespace, unmount } from "../base/linux.ts";
import { setSysctls } from "./kernel.ts";

/** Whether a network namespace is kept at `path`; a file left by a reboot is none. */
export function namespaceExists(path: string): boolean {
  if (!existsSync(path)) return false;
  try {
    return inNetworkNamespace(path, () => true);
  } catch {
    return false;
  }
}

/** Makes a network namespace at `path`; whatever a crash left there goes first. */
export function makeNamespace(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  removeNamespaceFile(path);
  createNetworkNamespace(path);
  setSysctls(path, {
    // Each new namespace passes bridged frames to the forward hooks; ours are balanced elsewhere.
    "bridge/bridge-nf-call-iptables": "0",
    // Links get no IPv6 address of their own: the networks are IPv4 only.
    "ipv6/conf/default/disable_ipv6": "1",
  });
}

/** Lets go of the namespace at `path`; it ends with its last process. Absent is no error. */
export function removeNamespaceFile(path: string): void {
  if (!existsSync(path)) return;
  unmount(path);
  rmSync(path, { force: true });
}
