import { access, constants, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ClusterError, errorMessage } from "../base/errors.ts";

/** The text of a file that a flag names. INVALID_ARGUMENT naming the flag when it cannot be read. */
export async function readFlagFile(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw fileError(flag, path, "read", error);
  }
}

/** INVALID_ARGUMENT naming the flag when a file to read is not there, one to write has no folder, or it is a folder. */
export async function checkFlagFile(
  flag: string,
  path: string,
  use: "read" | "written",
): Promise<void> {
  try {
    if (use === "read") await access(path, constants.R_OK);
    else await access(dirname(path), constants.W_OK);
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) throw new Error("it is a folder");
  } catch (error) {
    throw fileError(flag, path, use, error);
  }
}

function fileError(flag: string, path: string, use: string, cause: unknown): ClusterError {
  return new ClusterError(
    "INVALID_ARGUMENT",
    `invalid argument "${path}" for ${flag}: it must be a file that can be ${use} (${errorMessage(cause)})`,
    { cause },
  );
}
