import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RootCaPem } from "../../src/ca/root-ca.ts";

/** Keys that openssl makes, by the words of its `-newkey`. */
export const opensslKeys = {
  p256: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
  p521: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
  rsa2048: ["rsa:2048"],
  rsa1024: ["rsa:1024"],
  ed25519: ["ed25519"],
} as const;

export interface OpensslRootOptions {
  readonly key?: keyof typeof opensslKeys;
  readonly subject?: string;
  /** Days until its end; a negative number for one that has ended. */
  readonly days?: number;
  /** `name=value` of extensions; a CA's by default. */
  readonly extensions?: readonly string[];
}

/** A self-signed certificate as a user would make it, by the openssl program. */
export function opensslRoot(options: OpensslRootOptions = {}): RootCaPem {
  const { key = "p256", subject = "/CN=corporate", days = 30 } = options;
  const { extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign"] } = options;
  return inFolder((folder) => {
    const extra = extensions.flatMap((text) => ["-addext", text]);
    const args = ["req", "-x509", "-newkey", ...opensslKeys[key], "-nodes", "-keyout", "k"];
    // Without a config of its own openssl adds what the system's says.
    writeFileSync(join(folder, "c"), "[req]\ndistinguished_name=dn\n[dn]\n");
    const all = [...args, "-config", "c", "-out", "c.pem", "-subj", subject, ...extra];
    openssl(folder, ...all, ...["-days", String(days)]);
    return {
      certificatePem: readFileSync(join(folder, "c.pem"), "utf8"),
      privateKeyPem: readFileSync(join(folder, "k"), "utf8"),
    };
  });
}

/** Whether openssl, which checks every server of ours, finds that the chain leads to one of the roots. Gives its words when not. */
export function opensslVerify(
  chain: readonly string[],
  roots: string,
  atMs: number = Date.now(),
): string {
  const [leaf = "", ...others] = chain;
  return inFolder((folder) => {
    writeFileSync(join(folder, "leaf"), leaf);
    writeFileSync(join(folder, "roots"), roots);
    writeFileSync(join(folder, "others"), others.join(""));
    const untrusted = others.length > 0 ? ["-untrusted", "others"] : [];
    const time = ["-attime", String(Math.floor(atMs / 1000))];
    try {
      openssl(folder, "verify", ...time, "-CAfile", "roots", ...untrusted, "leaf");
      return "OK";
    } catch (error) {
      return String(error);
    }
  });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "skep-openssl-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openssl(cwd: string, ...args: string[]): void {
  execFileSync("openssl", args, { cwd, stdio: "pipe" });
}
