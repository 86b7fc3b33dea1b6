import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of that name in test/testdata, from sources and from what they are compiled to. */
export function testdataFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const found = join(folder, "test", "testdata", name);
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) throw new Error(`there is no test/testdata/${name}`);
    folder = dirname(folder);
  }
}
