import { readFileSync, writeFileSync } from "node:fs";
import { type CommandResult, runCommand, tryCommand } from "../base/command.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";
import { inNetworkNamespace } from "../base/linux.ts";
import type { LinkInfo } from "./observe.ts";

const timeoutMs = 15_000;

/** A network namespace, by its path; undefined is the daemon's own, the host's. */
export type Namespace = string | undefined;

/** Runs a program in a namespace: a child is born in that of the thread that forks it. */
export function runIn(
  namespace: Namespace,
  file: string,
  args: readonly string[],
  input = "",
): Promise<CommandResult> {
  return inside(namespace, () => runCommand(file, args, { input, timeoutMs }));
}

/** As runIn, for any exit code. */
export function tryIn(
  namespace: Namespace,
  file: string,
  args: readonly string[],
  input = "",
): Promise<CommandResult> {
  return inside(namespace, () => tryCommand(file, args, { input, timeoutMs }));
}

/** One `ip -batch`; no lines, no child process. INTERNAL with the line that failed. */
export function ipBatch(namespace: Namespace, lines: readonly string[]): Promise<void> {
  return batch(namespace, "ip", lines);
}

/** One `bridge -batch`; no lines, no child process. */
export function bridgeBatch(namespace: Namespace, lines: readonly string[]): Promise<void> {
  return batch(namespace, "bridge", lines);
}

/** One nftables transaction. */
export async function nftApply(namespace: Namespace, script: string): Promise<void> {
  await runIn(namespace, "nft", ["-f", "-"], script);
}

/** The table as the kernel shows it, without counters; undefined when there is none. */
export async function nftTable(namespace: Namespace, table: string): Promise<string | undefined> {
  const { exitCode, stdout } = await tryIn(namespace, "nft", ["-s", "list", "table", "ip", table]);
  return exitCode === 0 ? stdout : undefined;
}

/** The listing of `ip -j …` or `bridge -j …`. */
export async function listJson<T>(
  namespace: Namespace,
  file: "ip" | "bridge",
  args: readonly string[],
): Promise<readonly T[]> {
  const { stdout } = await runIn(namespace, file, ["-j", ...args]);
  return stdout.trim() === "" ? [] : (JSON.parse(stdout) as readonly T[]);
}

/** All links of a namespace. */
export function listLinks(namespace: Namespace): Promise<readonly LinkInfo[]> {
  return listJson<LinkInfo>(namespace, "ip", ["-d", "link", "show"]);
}

/** Sets `net.*` kernel parameters of a namespace, given below /proc/sys/net; absent ones are passed over. */
export function setSysctls(namespace: Namespace, values: Readonly<Record<string, string>>): void {
  inside(namespace, () => {
    for (const [name, value] of Object.entries(values)) {
      const path = `/proc/sys/net/${name}`;
      try {
        if (readFileSync(path, "utf8").trim() !== value) writeFileSync(path, value);
      } catch (error) {
        if (errnoCode(error) === "ENOENT") continue;
        throw new ClusterError("INTERNAL", `cannot set ${path} to ${value}`, { cause: error });
      }
    }
  });
}

async function batch(
  namespace: Namespace,
  file: "ip" | "bridge",
  lines: readonly string[],
): Promise<void> {
  if (lines.length === 0) return;
  const result = await tryIn(namespace, file, ["-batch", "-"], `${lines.join("\n")}\n`);
  if (result.exitCode === 0) return;
  const number = Number(/-:(\d+)/.exec(result.stderr)?.[1] ?? "0");
  const reason = result.stderr.trim().split("\n")[0] ?? "";
  throw new ClusterError("INTERNAL", `${file} ${lines[number - 1] ?? ""}: ${reason}`);
}

function inside<T>(namespace: Namespace, fn: () => T): T {
  return namespace === undefined ? fn() : inNetworkNamespace(namespace, fn);
}
