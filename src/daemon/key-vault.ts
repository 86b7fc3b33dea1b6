import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../base/assert.ts";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";
import { KeyedMutex } from "../base/keyed-mutex.ts";
import type { Random } from "../base/random.ts";
import { KeyFile } from "../ca/key-file.ts";
import { checkPrivate } from "../ca/private-file.ts";
import { parseUnlockKey } from "../ca/unlock-key.ts";
import { DataKeys, mayAddKey, newDataKey } from "../raft/storage/data-keys.ts";
import { readLogFormat } from "../raft/storage/log-format.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import {
  type DataKeysFile,
  type DataKeysOwner,
  decodeDataKeys,
  encodeDataKeys,
} from "./data-keys-file.ts";

export interface KeyVaultOptions {
  /** Folder of the certificates. */
  readonly certificates: string;
  /** Folder of the raft log's files. */
  readonly raftLog: string;
}

/** Whose keys they are: those of another node or cluster are refused. */
export interface KeyOwner {
  readonly nodeId: string;
  readonly clusterId: string;
}

/** Docker's words for a wrong unlock key. */
const wrongKey = "swarm could not be unlocked: invalid key provided";

/**
 * The secret keys of this node on its disk: its private key, and on a manager the data keys that seal its
 * raft log. Where the cluster locks its managers, both are kept locked by the cluster's unlock key.
 *
 * The file of the data keys is the first to be written when the lock changes, and names the key before, so
 * that a crash in between leaves nothing that the newer key does not open.
 */
export class KeyVault {
  readonly #options: KeyVaultOptions;
  readonly #random: Random;
  readonly #keyFile: KeyFile;
  #owner: KeyOwner | undefined;
  /** One change of the files at a time. */
  readonly #mutex = new KeyedMutex();
  #isLocked = false;
  /** What the files are locked with; "" = nothing. */
  #unlockKey = "";
  #previousUnlockKey = "";
  #lockVersion = 0;
  /** The private key is not locked as the data keys are yet. */
  #isNodeKeyStale = false;
  #ring: DataKeys | undefined;

  constructor(options: KeyVaultOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#keyFile = new KeyFile(options.certificates);
  }

  /**
   * Reads the data keys where there are any and they are not locked; once per owner. DATA_LOSS when the file is damaged or
   * another's; FAILED_PRECONDITION when it is of a later version, or others on the host may read it.
   */
  async open(owner: KeyOwner): Promise<void> {
    const { nodeId, clusterId } = owner;
    if (this.#owner?.nodeId === nodeId && this.#owner.clusterId === clusterId) return;
    this.close();
    this.#owner = { nodeId, clusterId };
    try {
      await this.#load();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Forgets everything, when the node has left or did not get in. */
  close(): void {
    this.#owner = undefined;
    this.#ring = undefined;
    this.#isLocked = false;
    this.#unlockKey = "";
    this.#previousUnlockKey = "";
    this.#lockVersion = 0;
    this.#isNodeKeyStale = false;
  }

  /** Whether an unlock key is needed before the node can go on. */
  get isLocked(): boolean {
    return this.#isLocked;
  }

  /** INVALID_ARGUMENT for what is no unlock key, UNAUTHENTICATED for a wrong one, with Docker's texts; DATA_LOSS as `open`. */
  async unlock(text: string): Promise<void> {
    const unlockKey = parseUnlockKey(text);
    const file = await this.#read();
    const isKeyLocked = await this.#keyFile.isLocked();
    if (file === undefined) {
      // A manager that became a worker, and ended before its key was unlocked for good.
      if (!(await this.#keyFile.opens([unlockKey]))) {
        throw new ClusterError("UNAUTHENTICATED", wrongKey);
      }
      this.#unlockKey = unlockKey;
    } else {
      this.#take(file, unlockKey);
      if (this.#previousUnlockKey !== "" || !isKeyLocked) await this.#relockNodeKey();
    }
    this.#isLocked = false;
  }

  /**
   * The node's identity, while locked without its key. DATA_LOSS when there is none, it is damaged or another's; FAILED_PRECONDITION
   * when others on the host may read the key.
   */
  async loadIdentity(): Promise<TlsIdentity> {
    const identity = this.#isLocked
      ? await this.#keyFile.loadLocked()
      : await this.#keyFile.load([this.#unlockKey]);
    if (identity === undefined) {
      throw new ClusterError(
        "DATA_LOSS",
        "the node's certificate is missing; leave with force and join again",
      );
    }
    const { nodeId, clusterId } = must(this.#owner, "the owner of the keys");
    if (identity.nodeId === nodeId && identity.clusterId === clusterId) return identity;
    throw new ClusterError(
      "DATA_LOSS",
      `the certificate in ${this.#options.certificates} is of node ${identity.nodeId} of cluster ${identity.clusterId}, but member.json says node ${nodeId} of cluster ${clusterId}; put back the files that belong together, or leave with force and join again`,
    );
  }

  /** Keeps a new identity; a worker's is never locked. */
  async saveIdentity(identity: TlsIdentity): Promise<void> {
    await this.#mutex.run("", async () => {
      const isManager = identity.role === "manager";
      await this.#keyFile.save(identity, isManager ? this.#unlockKey : "");
    });
  }

  /** What seals the raft log. Made at first use; DATA_LOSS when there is a sealed log already, whose keys are lost. */
  async dataKeys(): Promise<DataKeys> {
    return await this.#mutex.run("", async () => {
      if (this.#ring !== undefined) return this.#ring;
      const { raftLog } = this.#options;
      if ((await readLogFormat(raftLog)) !== "plain") {
        throw new ClusterError(
          "DATA_LOSS",
          `${this.#path} is missing, and without its keys the raft log of this manager cannot be read; put it back, or demote and remove this node on another manager, leave with force here and join anew`,
        );
      }
      const ring = DataKeys.create(this.#random);
      await this.#write(ring.keys);
      this.#ring = ring;
      return ring;
    });
  }

  /** Id of the newest data key when there are others too. */
  newestOfSeveralDataKeys(): number | undefined {
    const keys = this.#ring?.keys ?? [];
    return keys.length > 1 ? keys.at(-1)?.id : undefined;
  }

  /** Forgets the data keys that are older than the one of this id; the caller knows that nothing on disk needs them. */
  async forgetDataKeysBefore(id: number): Promise<void> {
    await this.#mutex.run("", async () => {
      const ring = this.#ring;
      const at = ring?.keys.findIndex((key) => key.id === id) ?? -1;
      if (ring === undefined || at < 1) return;
      await this.#write(ring.keys.slice(at));
      ring.forgetBefore(id);
    });
  }

  /**
   * Locks with the cluster's unlock key, or unlocks for good with "". A new lock comes with a new data key, since the ones before
   * lay open or were locked by a key that somebody wanted changed. `version` is of the cluster object; an older one than known is ignored.
   */
  async setUnlockKey(unlockKey: string, version: number): Promise<void> {
    await this.#mutex.run("", async () => {
      if (this.#isNodeKeyStale) await this.#relockNodeKey();
      if (version <= this.#lockVersion) return;
      if (unlockKey === this.#unlockKey) {
        this.#lockVersion = version; // written with the next change
        return;
      }
      const ring = must(this.#ring, "a manager's data keys");
      const withNew =
        unlockKey !== "" && mayAddKey(ring.keys.length) ? newDataKey(this.#random) : undefined;
      const before = [this.#unlockKey, this.#previousUnlockKey, this.#lockVersion] as const;
      this.#previousUnlockKey = this.#unlockKey;
      this.#unlockKey = unlockKey;
      this.#lockVersion = version;
      try {
        await this.#write(withNew === undefined ? ring.keys : [...ring.keys, withNew]);
      } catch (error) {
        [this.#unlockKey, this.#previousUnlockKey, this.#lockVersion] = before;
        throw error;
      }
      if (withNew !== undefined) ring.add(withNew);
      this.#isNodeKeyStale = true;
      await this.#relockNodeKey();
    });
  }

  /** For a manager that became a worker and has nothing sealed any more. */
  async becomeWorker(): Promise<void> {
    await this.#mutex.run("", async () => {
      await rm(this.#path, { force: true });
      if (await this.#keyFile.isLocked()) {
        const identity = await this.#keyFile.load([this.#unlockKey, this.#previousUnlockKey]);
        if (identity !== undefined) await this.#keyFile.save(identity);
      }
      const owner = this.#owner;
      this.close();
      this.#owner = owner;
    });
  }

  async #load(): Promise<void> {
    const isKeyLocked = await this.#keyFile.isLocked();
    // What a manager that became a worker left behind is of no use.
    if (!isKeyLocked && (await this.#keyFile.loadLocked())?.role === "worker") return;
    const file = await this.#read();
    if (file?.isLocked === false) {
      this.#take(file, "");
      if (isKeyLocked) await this.#relockNodeKey();
    } else {
      this.#isLocked = file !== undefined || isKeyLocked;
    }
  }

  // Also ends a change of the lock that was interrupted.
  async #relockNodeKey(): Promise<void> {
    const identity = await this.#keyFile.load([this.#unlockKey, this.#previousUnlockKey]);
    if (identity !== undefined) await this.#keyFile.save(identity, this.#unlockKey);
    this.#isNodeKeyStale = false;
    if (this.#previousUnlockKey === "" || this.#ring === undefined) return;
    this.#previousUnlockKey = "";
    await this.#write(this.#ring.keys);
  }

  #take(file: DataKeysFile, unlockKey: string): void {
    const secrets = file.open(unlockKey);
    if (secrets === undefined) throw new ClusterError("UNAUTHENTICATED", wrongKey);
    this.#unlockKey = unlockKey;
    this.#previousUnlockKey = secrets.previousUnlockKey;
    this.#lockVersion = file.owner.lockVersion;
    this.#ring = new DataKeys(secrets.keys, this.#random);
  }

  async #read(): Promise<DataKeysFile | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw new ClusterError("DATA_LOSS", `${this.#path} cannot be read; put it back as it was`, {
        cause: error,
      });
    }
    const file = decodeDataKeys(text, this.#path);
    const { nodeId, clusterId } = must(this.#owner, "the owner of the keys");
    if (file.owner.clusterId !== clusterId || file.owner.nodeId !== nodeId) {
      throw new ClusterError(
        "DATA_LOSS",
        `${this.#path} is of node ${file.owner.nodeId} of cluster ${file.owner.clusterId}, not of this one; put back the file that was here`,
      );
    }
    await checkPrivate(this.#path);
    return file;
  }

  async #write(keys: DataKeys["keys"]): Promise<void> {
    const whose = must(this.#owner, "the owner of the keys");
    const owner: DataKeysOwner = { ...whose, lockVersion: this.#lockVersion };
    const secrets = { keys, previousUnlockKey: this.#previousUnlockKey };
    const text = encodeDataKeys(owner, secrets, this.#unlockKey, this.#random);
    await writeFileAtomic(this.#path, text, 0o600);
  }

  get #path(): string {
    return join(this.#options.certificates, "swarm-data-keys.json");
  }
}
