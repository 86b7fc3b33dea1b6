import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { ClusterError } from "../base/errors.ts";

const documentBytesMax = 8 * 1024 * 1024;

/** What is expected of a blob; an absent part is not checked. */
export interface ExpectedBlob {
  readonly digest?: string;
  readonly size?: number;
}

/** Blobs by their sha256, each verified before it gets its name. */
export class ContentStore {
  readonly #blobs: string;
  readonly #temporary: string;
  #sequence = 0;

  constructor(root: string) {
    this.#blobs = join(root, "blobs");
    this.#temporary = join(root, "tmp");
  }

  /** Makes the folders and removes what an interrupted run left. */
  async open(): Promise<void> {
    await rm(this.#temporary, { recursive: true, force: true });
    await mkdir(this.#blobs, { recursive: true, mode: 0o700 });
    await mkdir(this.#temporary, { recursive: true, mode: 0o700 });
  }

  path(digest: string): string {
    return join(this.#blobs, digest.replace("sha256:", ""));
  }

  async has(digest: string): Promise<boolean> {
    return access(this.path(digest)).then(
      () => true,
      () => false,
    );
  }

  async size(digest: string): Promise<number> {
    return (await stat(this.path(digest))).size;
  }

  /** A new path below the temporary folder. */
  temporaryPath(): string {
    this.#sequence += 1;
    return join(this.#temporary, `${process.pid}-${this.#sequence}`);
  }

  /**
   * Keeps a stream as a blob: hashed while it is written, renamed only when size and digest are right.
   * DATA_LOSS when they are not (a too long stream is cut off at once).
   */
  async write(
    source: AsyncIterable<Uint8Array>,
    expected: ExpectedBlob,
    onBytes: (total: number) => void = () => {},
  ): Promise<{ digest: string; size: number }> {
    const path = this.temporaryPath();
    const file = await open(path, "wx", 0o600);
    try {
      const hash = createHash("sha256");
      let size = 0;
      try {
        for await (const chunk of source) {
          size += chunk.length;
          if (expected.size !== undefined && size > expected.size) {
            throw sizeError(expected, `more than ${expected.size}`);
          }
          hash.update(chunk);
          await file.writeFile(chunk);
          onBytes(size);
        }
        if (expected.size !== undefined && size !== expected.size) throw sizeError(expected, size);
        const digest = `sha256:${hash.digest("hex")}`;
        if (expected.digest !== undefined && digest !== expected.digest) {
          throw new ClusterError(
            "DATA_LOSS",
            `content ${expected.digest} arrived damaged: its digest is ${digest}`,
          );
        }
        await file.datasync();
        await file.close();
        await rename(path, this.path(digest));
        return { digest, size };
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async writeBytes(bytes: Uint8Array, expected: ExpectedBlob = {}): Promise<string> {
    return (await this.write(toIterable(bytes), expected)).digest;
  }

  /** A small document. NOT_FOUND. */
  async readBytes(digest: string): Promise<Buffer> {
    if (!(await this.has(digest)))
      throw new ClusterError("NOT_FOUND", `content ${digest} is missing`);
    if ((await this.size(digest)) > documentBytesMax) {
      throw new ClusterError("DATA_LOSS", `document ${digest} is above ${documentBytesMax} bytes`);
    }
    return await readFile(this.path(digest));
  }

  stream(digest: string): Readable {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  async remove(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true });
  }
}

async function* toIterable(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

function sizeError(expected: ExpectedBlob, size: number | string): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `content ${expected.digest ?? ""} has ${size} bytes, expected ${expected.size}`,
  );
}
