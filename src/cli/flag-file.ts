import { readFile } from "node:fs/promises";
import { ClusterError, errorMessage } from "../base/errors.ts";

/** The text of a file that a flag names. INVALID_ARGUMENT naming the flag when it cannot be read. */
export async function readFlagFile(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `invalid argument "${path}" for ${flag}: it must be a file that can be read (${errorMessage(error)})`,
      { cause: error },
    );
  }
}
