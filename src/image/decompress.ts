import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ClusterError, errnoCode } from "../base/errors.ts";

export type Compression = "none" | "gzip" | "zstd";

/** Told by the first bytes; media types are often wrong. */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];
  return zstdMagic.every((byte, index) => head[index] === byte) ? "zstd" : "none";
}

/** The bytes of a maybe compressed stream. FAILED_PRECONDITION for zstd without the zstd program; DATA_LOSS when damaged. */
export async function* decompress(source: Readable): AsyncGenerator<Uint8Array, void, void> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const first = await iterator.next();
  if (first.done === true) return;
  const rest = chain(first.value, iterator);
  const compression = detectCompression(first.value);
  if (compression === "none") yield* rest;
  else if (compression === "gzip") yield* gunzip(rest);
  else yield* unzstd(rest);
}

async function* chain(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  yield head;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const unzip = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = feed(source, unzip);
  try {
    for await (const chunk of unzip) yield chunk as Uint8Array;
    await feeding;
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause;
    throw new ClusterError("DATA_LOSS", "the compressed data is damaged", { cause });
  } finally {
    unzip.destroy();
  }
}

// Node 20's zlib has no zstd.
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const child = spawn("zstd", ["-d", "-c", "-q"], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) => reject(zstdError(error)));
    child.on("close", resolve);
  });
  ended.catch(() => {}); // Awaited below; the stream may fail first.
  const feeding = feed(source, child.stdin);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    if ((await ended) !== 0) throw new ClusterError("DATA_LOSS", "the zstd data is damaged");
    await feeding;
  } finally {
    child.kill("SIGKILL");
  }
}

function zstdError(cause: Error): ClusterError {
  const absent = errnoCode(cause) === "ENOENT";
  const message = absent
    ? "a layer is compressed with zstd; install the zstd package"
    : "cannot run zstd";
  return new ClusterError("FAILED_PRECONDITION", message, { cause });
}

/** Writes all of `source`, respecting back-pressure. A reader's failure ends it quietly: it shows there. */
function feed(source: AsyncIterable<Uint8Array>, target: NodeJS.WritableStream): Promise<void> {
  const work = (async () => {
    let failed = false;
    target.on("error", () => {
      failed = true;
    });
    try {
      for await (const chunk of source) {
        if (failed) return;
        if (!target.write(chunk)) await writable(target);
      }
      target.end();
    } catch (error) {
      if ("destroy" in target && typeof target.destroy === "function") target.destroy(error);
      throw error;
    }
  })();
  work.catch(() => {});
  return work;
}

function writable(target: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "error", "close"]) target.removeListener(event, done);
      resolve();
    };
    for (const event of ["drain", "error", "close"]) target.once(event, done);
  });
}
