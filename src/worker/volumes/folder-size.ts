import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of the files below a folder; a file with several names counts once. What vanishes meanwhile counts as nothing. */
export async function folderSize(folder: string): Promise<number> {
  const seen = new Set<string>();
  const folders = [folder];
  let bytes = 0;
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true }).catch(() => [])) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
        continue;
      }
      const found = await lstat(path).catch(() => undefined);
      if (found === undefined) continue;
      if (found.nlink > 1) {
        const inode = `${found.dev} ${found.ino}`;
        if (seen.has(inode)) continue;
        seen.add(inode);
      }
      bytes += found.size;
    }
  }
  return bytes;
}
