import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError } from "../base/errors.ts";

const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The full path of a program of the host. FAILED_PRECONDITION when it is not installed. */
export async function findProgram(name: string): Promise<string> {
  for (const folder of folders) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `${name} is not installed; install the ${name} package`,
  );
}
