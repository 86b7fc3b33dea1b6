import { createPrivateKey, type X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder, writeFileAtomic } from "../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { parsePeerSubject } from "../rpc/roles.ts";
import { readCertificate, subjectOf } from "./certificate.ts";

const certificateName = "swarm-node.crt";
const keyName = "swarm-node.key";
/** A new key waits here until its certificate is in place, so that a crash in between loses neither. */
const nextKeyName = "swarm-node.key.next";
const rootName = "swarm-root-ca.crt";

/** Where a node's identity is kept, as Swarm names it. */
export class KeyFile {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Replaces the identity: after a crash `load` gives the old or the new one. Files have mode 0600. */
  async save(
    identity: Pick<TlsIdentity, "certificatePem" | "privateKeyPem" | "rootCaPem">,
  ): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path(rootName), identity.rootCaPem, 0o600);
    await writeFileAtomic(this.#path(nextKeyName), identity.privateKeyPem, 0o600);
    await writeFileAtomic(this.#path(certificateName), identity.certificatePem, 0o600);
    await this.#promoteNextKey();
  }

  /** The identity, or undefined when there is none. DATA_LOSS when the files are damaged or do not fit together. */
  async load(): Promise<TlsIdentity | undefined> {
    const certificatePem = await this.#read(certificateName);
    const rootCaPem = await this.#read(rootName);
    if (certificatePem === undefined || rootCaPem === undefined) return undefined;
    const certificate = readCertificate(certificatePem, this.#path(certificateName));
    const privateKeyPem = await this.#keyOf(certificate);
    const root = readCertificate(rootCaPem, this.#path(rootName));
    const subject = subjectOf(certificate);
    const clusterId = typeof subject.O === "string" ? subject.O : "";
    const peer = parsePeerSubject(subject, clusterId);
    if (peer instanceof Error) throw new ClusterError("DATA_LOSS", peer.message);
    if (!certificate.checkIssued(root) || !certificate.verify(root.publicKey)) {
      throw new ClusterError(
        "DATA_LOSS",
        `${this.#path(certificateName)} was not issued by the root in ${rootName}`,
      );
    }
    return { certificatePem, privateKeyPem, rootCaPem, clusterId, ...peer };
  }

  /** Forgets the identity, for a node that leaves. */
  async remove(): Promise<void> {
    for (const name of [keyName, nextKeyName, certificateName, rootName]) {
      await rm(this.#path(name), { force: true });
    }
  }

  async #keyOf(certificate: X509Certificate): Promise<string> {
    const current = await this.#read(keyName);
    if (current !== undefined && isKeyOf(certificate, current)) return current;
    const next = await this.#read(nextKeyName);
    if (next === undefined || !isKeyOf(certificate, next)) {
      throw new ClusterError(
        "DATA_LOSS",
        `${this.#path(keyName)} is missing or not the key of ${certificateName}; leave the cluster and join again`,
      );
    }
    await this.#promoteNextKey();
    return next;
  }

  async #promoteNextKey(): Promise<void> {
    await rename(this.#path(nextKeyName), this.#path(keyName));
    await syncFolder(this.#folder);
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(name), "utf8");
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function isKeyOf(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false; // a damaged file is not this certificate's key
  }
}
