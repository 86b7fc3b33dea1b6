import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../../src/base/assert.ts";
import type { Mutant } from "./mutant.ts";

/** Copied, as they load the code that is changed; all else is linked. */
const copied = ["src/raft", "test/support", "test/unit/raft", "test/mutation"];

/** Makes a copy of the compiled tree in `folder`, in which src/raft can be changed. */
export async function copyTree(dist: string, root: string, folder: string): Promise<void> {
  for (const parent of ["src", "test", "test/unit"]) await mkdir(join(folder, parent));
  for (const path of copied) await cp(join(dist, path), join(folder, path), { recursive: true });
  for (const name of await readdir(join(dist, "src"), { withFileTypes: true })) {
    const path = join("src", name.name);
    if (!copied.includes(path)) await symlink(join(dist, path), join(folder, path));
  }
  for (const name of ["node_modules", "package.json", "proto"]) {
    await symlink(join(root, name), join(folder, name));
  }
}

/** Makes the mutant's change, and gives the function that undoes it. */
export async function applyMutant(folder: string, mutant: Mutant): Promise<() => Promise<void>> {
  const path = join(folder, "src/raft", `${mutant.file}.js`);
  const text = await readFile(path, "utf8");
  const count = text.split(mutant.from).length - 1;
  assert(count === 1, `mutant "${mutant.name}": its line is ${count} times in ${mutant.file}`);
  await writeFile(
    path,
    text.replace(mutant.from, () => mutant.to),
  );
  return () => writeFile(path, text);
}

export async function removeTree(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
