import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, sleep } from "../base/clock.ts";
import { runCommand } from "../base/command.ts";
import { errnoCode } from "../base/errors.ts";
import type { Container } from "./container.ts";
import { writeRecord } from "./container-record.ts";
import { isAlive, type ProcessIdentity } from "./process-info.ts";

const pollMs = 1;
const triesMax = 2000;

/** Lets a created container's program run, with `runc start` where the short way is not open. */
export async function letRun(
  container: Container,
  deps: { readonly runcPath: string; readonly runcRoot: string; readonly clock: Clock },
): Promise<{ pid: number; startedAtMs: number }> {
  const { folders, record, spec } = container;
  const released = await releaseContainer(folders.runcState, record.process, deps.clock);
  if (!released) await runCommand(deps.runcPath, ["--root", deps.runcRoot, "start", spec.id]);
  const startedAtMs = deps.clock.now();
  container.record = { ...container.record, startedAtMs };
  await writeRecord(folders, container.record);
  return { pid: record.process.pid, startedAtMs };
}

/**
 * Lets a created container run as `runc start` does, but without a process of its own: the container's
 * init waits to write one byte into a named pipe. False when that cannot be done here.
 */
export async function releaseContainer(
  runcState: string,
  init: ProcessIdentity,
  clock: Clock,
): Promise<boolean> {
  const path = join(runcState, "exec.fifo");
  let pipe: FileHandle;
  try {
    pipe = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return false;
    throw error;
  }
  try {
    const byte = Buffer.alloc(1);
    for (let tries = 0; tries < triesMax; tries += 1) {
      if ((await readByte(pipe, byte)) === 1) {
        await unlink(path);
        return true;
      }
      if (tries % 100 === 99 && !(await isAlive(init))) return false;
      await sleep(clock, pollMs);
    }
    return false;
  } finally {
    await pipe.close();
  }
}

async function readByte(pipe: FileHandle, byte: Buffer): Promise<number> {
  try {
    return (await pipe.read(byte, 0, 1, null)).bytesRead;
  } catch (error) {
    if (errnoCode(error) === "EAGAIN") return 0;
    throw error;
  }
}
