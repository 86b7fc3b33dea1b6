import { existsSync, rmSync, writeFileSync } from "node:fs";
import { tryCommand } from "../src/base/command.ts";

/** Why Docker's engine cannot be had; undefined when it is there. */
export function installPeer(): Promise<string | undefined> {
  return installProgram("dockerd", "docker.io");
}

/** Why a program cannot be had from Debian's package of that name; undefined when it is there. */
export async function installProgram(
  program: string,
  packageName: string,
): Promise<string | undefined> {
  if (await works(program)) return undefined;
  const policy = "/usr/sbin/policy-rc.d"; // no service may start by itself
  const ownPolicy = !existsSync(policy);
  if (ownPolicy) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${packageName}`;
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const result = await tryCommand("sh", ["-c", script], { timeoutMs: 300_000, env });
    if (result.exitCode === 0 && (await works(program))) return undefined;
    return `${packageName} cannot be installed: ${result.stderr.trim().split("\n").at(-1)}`;
  } finally {
    if (ownPolicy) rmSync(policy, { force: true });
  }
}

async function works(program: string): Promise<boolean> {
  return (await said(program, "--version").catch(() => "")) !== "";
}

/** What a program prints. */
export async function said(program: string, ...args: string[]): Promise<string> {
  return (await tryCommand(program, args)).stdout.trim();
}
