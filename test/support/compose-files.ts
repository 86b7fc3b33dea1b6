import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the compose files of the tests are: they are read from the sources, wherever the tests were built to. */
export const composeFolder = findFolder();

function findFolder(): string {
  let folder = fileURLToPath(new URL(".", import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = join(folder, "..");
  return join(folder, "test/testdata/compose");
}
