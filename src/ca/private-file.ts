import { stat } from "node:fs/promises";
import { geteuid } from "node:process";
import { ClusterError } from "../base/errors.ts";

/** FAILED_PRECONDITION when somebody beside this process's user may read or change the file. */
export async function checkPrivate(path: string): Promise<void> {
  const { mode: fullMode, uid } = await stat(path);
  if (uid !== geteuid?.()) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `${path} holds a secret, but user ${uid} owns it; if nobody else has been on this host, run "chown 0:0 ${path} && chmod 600 ${path}" and start the daemon again, else leave the cluster with force and join again`,
    );
  }
  const mode = fullMode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `${path} holds a secret, but its mode ${mode.toString(8).padStart(4, "0")} lets others at it; if nobody else has been on this host, run "chmod 600 ${path}" and start the daemon again, else leave the cluster with force and join again`,
  );
}
