import { crc32 } from "node:zlib";
import { ClusterError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { lockBytes, unlockBytes } from "../ca/unlock-key.ts";
import { type DataKey, nameOf } from "../raft/storage/data-keys.ts";

const formatVersion = 1;

/** Whose keys these are, and up to which change of the unlock key they follow the cluster. */
export interface DataKeysOwner {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Version of the cluster object that the lock was last taken from; 0 = none yet. */
  readonly lockVersion: number;
}

/** What is secret of the file: in the clear, or locked with the unlock key. */
export interface DataKeysSecrets {
  /** The newest last. */
  readonly keys: readonly DataKey[];
  /** Key that the node's private key may be locked with still, when the last change was interrupted; "" = none. */
  readonly previousUnlockKey: string;
}

/** The file as it was read. */
export interface DataKeysFile {
  readonly owner: DataKeysOwner;
  readonly isLocked: boolean;
  /** The secrets; undefined when `unlockKey` is not the right one. Ignores it when nothing is locked. */
  open(unlockKey: string): DataKeysSecrets | undefined;
}

/** The file's text; locked unless `unlockKey` is "". */
export function encodeDataKeys(
  owner: DataKeysOwner,
  secrets: DataKeysSecrets,
  unlockKey: string,
  random: Random,
): string {
  const secret = {
    keys: secrets.keys.map(({ id, key }) => ({
      id: nameOf(id),
      key: Buffer.from(key).toString("base64"),
    })),
    ...(secrets.previousUnlockKey === "" ? {} : { previousUnlockKey: secrets.previousUnlockKey }),
  };
  const head = { formatVersion, ...owner };
  const body =
    unlockKey === ""
      ? { ...head, ...secret }
      : {
          ...head,
          locked: lockBytes(
            Buffer.from(JSON.stringify(secret)),
            contextOf(owner),
            unlockKey,
            random,
          ).toString("base64"),
        };
  return `${JSON.stringify({ ...body, checksum: checksumOf(body) }, null, 2)}\n`;
}

/** DATA_LOSS naming `path` when the text is damaged; FAILED_PRECONDITION when a later version of the program wrote it. */
export function decodeDataKeys(text: string, path: string): DataKeysFile {
  const file = parsed(text, path);
  if (typeof file["formatVersion"] === "number" && file["formatVersion"] > formatVersion) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `${path} has format ${file["formatVersion"]}, which a newer version of this program wrote; start that version, or a later one`,
    );
  }
  const { checksum, ...body } = file;
  if (checksum !== checksumOf(body) || body["formatVersion"] !== formatVersion) {
    throw damagedKeys(path);
  }
  const owner = {
    nodeId: String(body["nodeId"]),
    clusterId: String(body["clusterId"]),
    lockVersion: Number(body["lockVersion"]),
  };
  const { locked } = body;
  if (typeof locked !== "string") {
    return { owner, isLocked: false, open: () => secretsOf(body, path) };
  }
  const bytes = Buffer.from(locked, "base64");
  return {
    owner,
    isLocked: true,
    open(unlockKey) {
      const plain = unlockBytes(bytes, contextOf(owner), unlockKey);
      return plain === undefined ? undefined : secretsOf(parsed(plain.toString(), path), path);
    },
  };
}

function secretsOf(record: Readonly<Record<string, unknown>>, path: string): DataKeysSecrets {
  const { keys, previousUnlockKey } = record;
  if (!Array.isArray(keys) || keys.length === 0) throw damagedKeys(path);
  return {
    keys: keys.map((entry: { id: string; key: string }) => ({
      id: Number.parseInt(entry.id, 16),
      key: Buffer.from(entry.key, "base64"),
    })),
    previousUnlockKey: typeof previousUnlockKey === "string" ? previousUnlockKey : "",
  };
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // told below, as any other damage
  }
  throw damagedKeys(path);
}

function damagedKeys(path: string): ClusterError {
  return new ClusterError(
    "DATA_LOSS",
    `${path} is damaged, and without its keys the raft log of this manager cannot be read; put back a good copy, or demote and remove this node on another manager, leave with force here and join anew`,
  );
}

function contextOf({ nodeId, clusterId, lockVersion }: DataKeysOwner): Buffer {
  return Buffer.from(`swarm-data-keys\n${formatVersion}\n${clusterId}\n${nodeId}\n${lockVersion}`);
}

// The order of the fields is that of the text, which JSON.parse keeps.
function checksumOf(body: object): string {
  return crc32(JSON.stringify(body)).toString(16).padStart(8, "0");
}
