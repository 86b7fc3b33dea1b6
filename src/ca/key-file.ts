import { createPrivateKey, type KeyObject, sign, verify, type X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../base/assert.ts";
import { syncFolder, writeFileAtomic } from "../base/atomic-file.ts";
import { ClusterError, errnoCode } from "../base/errors.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { parsePeerSubject } from "../rpc/roles.ts";
import { readCertificate, subjectOf } from "./certificate.ts";
import { checkPrivate } from "./private-file.ts";

const certificateName = "swarm-node.crt";
const keyName = "swarm-node.key";
/** A new key waits here until its certificate is in place, so that a crash in between loses neither. */
const nextKeyName = "swarm-node.key.next";
const rootName = "swarm-root-ca.crt";

const rejoin = "leave the cluster with force and join again";

/**
 * Where a node's identity is kept, as Swarm names it. With a passphrase the private key is PKCS#8 encrypted
 * by it (AES-256-CBC); "" is none.
 */
export class KeyFile {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Replaces the identity: after a crash `load` gives the old or the new one. Files have mode 0600. */
  async save(
    identity: Pick<TlsIdentity, "certificatePem" | "privateKeyPem" | "rootCaPem">,
    passphrase = "",
  ): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const keyPem = withPassphrase(identity.privateKeyPem, passphrase);
    await writeFileAtomic(this.#path(rootName), identity.rootCaPem, 0o600);
    await writeFileAtomic(this.#path(nextKeyName), keyPem, 0o600);
    await writeFileAtomic(this.#path(certificateName), identity.certificatePem, 0o600);
    await this.#promoteNextKey();
  }

  /** Whether there is a private key that only a passphrase opens. */
  async isLocked(): Promise<boolean> {
    const texts = [await this.#read(keyName), await this.#read(nextKeyName)];
    return texts.some((text) => text !== undefined && isEncrypted(text));
  }

  /**
   * The identity, its key in the clear, or undefined when there is none. DATA_LOSS when the files are damaged
   * or do not fit together, or when none of the passphrases opens the key; FAILED_PRECONDITION when others on the host may read the key.
   */
  async load(passphrases: readonly string[] = []): Promise<TlsIdentity | undefined> {
    const found = await this.#loadPublic();
    if (found === undefined) return undefined;
    const privateKeyPem = await this.#keyOf(found.certificate, passphrases);
    return { ...found.identity, privateKeyPem };
  }

  /** The identity without its key (""), for a node whose key is locked. Errors as `load`. */
  async loadLocked(): Promise<TlsIdentity | undefined> {
    return (await this.#loadPublic())?.identity;
  }

  /** Whether one of the passphrases opens the key. */
  async opens(passphrases: readonly string[]): Promise<boolean> {
    const text = await this.#read(keyName);
    return text !== undefined && openKey(text, passphrases) !== undefined;
  }

  /** Forgets the identity, for a node that leaves. */
  async remove(): Promise<void> {
    for (const name of [keyName, nextKeyName, certificateName, rootName]) {
      await rm(this.#path(name), { force: true });
    }
  }

  async #loadPublic(): Promise<
    { identity: TlsIdentity; certificate: X509Certificate } | undefined
  > {
    const certificatePem = await this.#read(certificateName);
    const rootCaPem = await this.#read(rootName);
    if (certificatePem === undefined || rootCaPem === undefined) return undefined;
    const chain = certificatesIn(certificatePem, this.#path(certificateName));
    const roots = certificatesIn(rootCaPem, this.#path(rootName));
    const certificate = must(chain[0], "a certificate");
    const subject = subjectOf(certificate);
    const clusterId = typeof subject.O === "string" ? subject.O : "";
    const peer = parsePeerSubject(subject, clusterId);
    if (peer instanceof Error) throw new ClusterError("DATA_LOSS", peer.message);
    for (const root of roots) {
      if (root.checkIssued(root) && !root.verify(root.publicKey)) {
        throw damagedCertificate(this.#path(rootName));
      }
    }
    const issuers = [...chain.slice(1), ...roots];
    if (!issuers.some((issuer) => isIssuedBy(certificate, issuer))) {
      throw new ClusterError(
        "DATA_LOSS",
        `${this.#path(certificateName)} was not issued by the root in ${rootName}; put back the files that belong together, or ${rejoin}`,
      );
    }
    const identity = { certificatePem, privateKeyPem: "", rootCaPem, clusterId, ...peer };
    return { identity, certificate };
  }

  async #keyOf(certificate: X509Certificate, passphrases: readonly string[]): Promise<string> {
    for (const name of [keyName, nextKeyName]) {
      const text = await this.#read(name);
      const key = text === undefined ? undefined : openKey(text, passphrases);
      if (key === undefined || !isKeyOf(certificate, key)) continue;
      await checkPrivate(this.#path(name));
      if (name === nextKeyName) await this.#promoteNextKey();
      return pemOf(key);
    }
    throw new ClusterError(
      "DATA_LOSS",
      `${this.#path(keyName)} is missing, damaged or not the key of ${certificateName}; put back the files that belong together, or ${rejoin}`,
    );
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
      throw new ClusterError(
        "DATA_LOSS",
        `${this.#path(name)} cannot be read; put it back as it was, or ${rejoin}`,
        { cause: error },
      );
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function withPassphrase(keyPem: string, passphrase: string): string {
  if (passphrase === "") return keyPem;
  const format = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase } as const;
  return createPrivateKey(keyPem).export(format).toString();
}

function isEncrypted(keyPem: string): boolean {
  return keyPem.includes("BEGIN ENCRYPTED PRIVATE KEY");
}

// Undefined when it is damaged, or no passphrase fits: the two cannot be told apart.
function openKey(keyPem: string, passphrases: readonly string[]): KeyObject | undefined {
  for (const passphrase of isEncrypted(keyPem) ? passphrases : [""]) {
    try {
      return createPrivateKey(passphrase === "" ? keyPem : { key: keyPem, passphrase });
    } catch {
      // the next one may fit
    }
  }
  return undefined;
}

// Comparing the two public keys, as OpenSSL does, overlooks a damaged private one.
function isKeyOf(certificate: X509Certificate, key: KeyObject): boolean {
  if (!certificate.checkPrivateKey(key)) return false;
  const probe = Buffer.from("probe");
  return verify("sha256", probe, certificate.publicKey, sign("sha256", probe, key));
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function certificatesIn(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [pem];
  try {
    return blocks.map((block) => readCertificate(block, path));
  } catch (error) {
    throw damagedCertificate(path, error);
  }
}

function damagedCertificate(path: string, cause?: unknown): ClusterError {
  return new ClusterError("DATA_LOSS", `${path} is damaged; put back a good copy, or ${rejoin}`, {
    cause,
  });
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
