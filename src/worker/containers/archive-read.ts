import { spawn } from "node:child_process";
import { closeSync, constants, fstatSync } from "node:fs";
import { posix } from "node:path";
import { ClusterError } from "../../base/errors.ts";
import { openInRoot, openPathOnly } from "../../runtime/open-in-root.ts";
import type { RootedPath } from "./container-path.ts";

const stderrBytesMax = 4096;
/** GNU tar: some files changed while they were read. */
const changedExitCode = 1;

/**
 * A tar of a file or folder, whose entries are named from the path's last part on. Symbolic links are packed as links. NOT_FOUND.
 * Without `mounts` what is mounted below is left out. `tar` reads below an opened folder and follows no link, so nothing outside is reached.
 */
export function readArchive(
  { root, path }: RootedPath,
  given: string,
  signal: AbortSignal,
  { mounts = true }: { readonly mounts?: boolean } = {},
): AsyncIterable<Uint8Array> {
  const open = (name: string, flags: number): number => {
    const fd = openInRoot(root, name, flags | openPathOnly);
    if (fd !== undefined) return fd;
    throw new ClusterError("NOT_FOUND", `Could not find the file ${given} in container`);
  };
  const fd = open(path, /\/\.?$/.test(given) ? 0 : constants.O_NOFOLLOW);
  const isFolder = fstatSync(fd).isDirectory();
  const from = isFolder ? fd : open(posix.dirname(path), 0);
  const base = posix.basename(path);
  const name = posix.basename(posix.resolve("/", given)) || ".";
  const args = [
    ...(mounts ? [] : ["--one-file-system"]),
    ...["--numeric-owner", "-C", `/proc/${process.pid}/fd/${from}`],
    ...["--transform", renaming(isFolder ? "." : base, name), "-cf", "-", "--"],
    isFolder ? "." : base,
  ];
  return packed(args, signal, () => {
    for (const each of new Set([fd, from])) closeSync(each);
  });
}

/** An expression for GNU tar that gives entries, and hard links to them, another first part; targets of symbolic links stay. */
export function renaming(from: string, to: string): string {
  const pattern = from.replace(/[.*[\]^$\\,]/g, (char) => `\\${char}`);
  const replacement = to.replace(/[\\&,]/g, (char) => `\\${char}`);
  return `flags=rh;s,^${pattern},${replacement},`;
}

async function* packed(
  args: readonly string[],
  signal: AbortSignal,
  close: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  const child = spawn("tar", args, { stdio: ["ignore", "pipe", "pipe"], signal });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < stderrBytesMax) stderr += chunk.toString();
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? -1));
  });
  ended.catch(() => {}); // seen below, unless the reader leaves before
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const code = await ended;
    if (code !== 0 && code !== changedExitCode) {
      throw new ClusterError(
        "INTERNAL",
        `cannot pack: ${stderr.trim() || `tar ended with ${code}`}`,
      );
    }
  } finally {
    child.kill("SIGKILL");
    close();
  }
}
