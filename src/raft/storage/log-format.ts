import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../../base/errors.ts";

/**
 * How a log's folder is written: "plain" is format 1 or nothing yet, "mixed" one that is being sealed, "sealed" format 2 (a database
 * alone), "segmented" format 3 (segments before it).
 */
export type LogFormat = "plain" | "mixed" | "sealed" | "segmented";

const texts: Readonly<Record<Exclude<LogFormat, "plain">, string>> = {
  mixed: "2 in the making\n",
  sealed: "2\n",
  segmented: "3\n",
};

/** DATA_LOSS when the file is damaged; FAILED_PRECONDITION when a later version of the program wrote it. */
export async function readLogFormat(folder: string): Promise<LogFormat> {
  const path = join(folder, "format");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return "plain";
    throw damagedFormat(path, error);
  }
  if (text === texts.segmented) return "segmented";
  if (text === texts.sealed) return "sealed";
  if (text === texts.mixed) return "mixed";
  const version = /^(\d+)\n$/.exec(text)?.[1];
  if (version !== undefined && Number(version) > 3) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `the raft log in ${folder} has format ${version}, which a newer version of this program wrote; start that version, or a later one`,
    );
  }
  throw damagedFormat(path);
}

function damagedFormat(path: string, cause?: unknown): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `${path} is damaged: it must be the single line "3"; if the rest of the disk is good, write that line and start the daemon again`,
    { cause },
  );
}

export async function writeLogFormat(
  folder: string,
  format: Exclude<LogFormat, "plain">,
): Promise<void> {
  await writeFileAtomic(join(folder, "format"), texts[format], 0o600);
}
