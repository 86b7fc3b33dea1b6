import { open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";

let sequence = 0;

/**
 * Replaces a file so that a crash leaves the old or the new content, never a mix:
 * temporary file, fsync, rename, fsync of the folder.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  sequence += 1;
  const temporary = `${path}.tmp${process.pid}-${sequence}`;
  try {
    const file = await open(temporary, "w", mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes renames and creations in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
