import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { deriveFileKey, parseBackupKey } from "./backup-key.ts";

// A file: magic, format u16, salt, key check; then frames: u32 whose highest bit marks the last one and whose others are the length
// of the plain text, the text by AES-256-GCM, its tag. Nonce is the frame's number, so no key may seal two files; header, number and
// mark are authenticated with each frame, so that frames can be neither left out, moved nor added.
const magic = Buffer.from("SKEPBKUP");
const formatVersion = 1;
const saltBytes = 16;
const checkBytes = 16;
const headerBytes = magic.length + 2 + saltBytes + checkBytes;
const frameBytesMax = 1024 * 1024;
const lastMark = 0x8000_0000;
const tagBytes = 16;
const cipherName = "aes-256-gcm";

/** Seals `chunks` with a key that must be used for nothing else. Holds one chunk at a time. */
export async function* sealBackup(
  chunks: AsyncIterable<Uint8Array>,
  keyText: string,
  random: Random,
): AsyncGenerator<Uint8Array, void, void> {
  const salt = random.bytes(saltBytes);
  const { cipherKey, check } = deriveFileKey(parseBackupKey(keyText), salt);
  const version = Buffer.alloc(2);
  version.writeUInt16BE(formatVersion);
  const header = Buffer.concat([magic, version, salt, check]);
  yield header;
  let number = 0;
  const seal = (plain: Uint8Array, isLast: boolean): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(plain.length + (isLast ? lastMark : 0));
    const cipher = createCipheriv(cipherName, cipherKey, nonceOf(number));
    cipher.setAAD(contextOf(header, number, isLast));
    number += 1;
    return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += frameBytesMax) {
      yield seal(chunk.subarray(at, at + frameBytesMax), false);
    }
  }
  yield seal(Buffer.alloc(0), true);
}

/**
 * What `sealBackup` was given, in pieces of at most 1 MiB; each was checked before it is handed out, and the last one's end means that
 * the file was whole. INVALID_ARGUMENT for a key that is none or another file's, and for a file that is foreign, damaged, cut short or
 * too long; FAILED_PRECONDITION for a later format.
 */
export async function* openBackup(
  file: AsyncIterable<Uint8Array>,
  keyText: string,
): AsyncGenerator<Buffer, void, void> {
  const key = parseBackupKey(keyText);
  const bytes = new ByteReader(file);
  const header = await bytes.take(headerBytes);
  checkFormat(header);
  const salt = header?.subarray(magic.length + 2, headerBytes - checkBytes) ?? Buffer.alloc(0);
  const { cipherKey, check } = deriveFileKey(key, salt);
  if (header === undefined || !timingSafeEqual(check, header.subarray(-checkBytes))) {
    throw refused(
      "the key is not this backup's: give the one that was shown when it was made (or the file's first bytes are damaged)",
    );
  }
  for (let number = 0; ; number += 1) {
    const head = (await bytes.take(4))?.readUInt32BE(0);
    if (head === undefined) throw cutShort();
    const isLast = head >= lastMark;
    const length = isLast ? head - lastMark : head;
    if (length > frameBytesMax) throw damaged(number);
    const sealed = await bytes.take(length + tagBytes);
    if (sealed === undefined) throw cutShort();
    const decipher = createDecipheriv(cipherName, cipherKey, nonceOf(number), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(contextOf(header, number, isLast));
    decipher.setAuthTag(sealed.subarray(length));
    const plain = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      throw damaged(number);
    }
    if (plain.length > 0) yield plain;
    if (isLast) break;
  }
  if ((await bytes.take(1)) !== undefined) {
    throw refused("the backup goes on after its end: it is damaged; use another copy");
  }
}

function checkFormat(header: Buffer | undefined): void {
  if (header === undefined || !header.subarray(0, magic.length).equals(magic)) {
    throw refused('this file is no backup made by "skep swarm backup"');
  }
  const version = header.readUInt16BE(magic.length);
  if (version !== formatVersion) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `the backup has format ${version} and this version of skep knows format ${formatVersion}: restore it with the version that made it, or a later one`,
    );
  }
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 6, 6);
  return nonce;
}

function contextOf(header: Buffer, number: number, isLast: boolean): Buffer {
  return Buffer.concat([header, nonceOf(number), Buffer.from([isLast ? 1 : 0])]);
}

function refused(text: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", text);
}

function damaged(number: number): ClusterError {
  return refused(`part ${number} of the backup is damaged: use another copy of the file`);
}

function cutShort(): ClusterError {
  return refused("the backup is cut short: use a copy that is whole");
}

/** Takes bytes off a stream in the amounts asked for. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Undefined when the stream ends before so many have come. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [this.#rest];
    let have = this.#rest.length;
    while (have < count) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      parts.push(Buffer.from(next.value));
      have += next.value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }
}
