import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ChannelCredentials, experimental, type ServerCredentials } from "@grpc/grpc-js";
import { type NodeRoleName, parsePeerSubject } from "./roles.ts";

/** What a node proves itself with: its certificate, its key and the roots it trusts. */
export interface TlsIdentity {
  /** PEM chain, leaf first. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** PEM of the root, or of both roots during a rotation. */
  readonly rootCaPem: string;
  readonly nodeId: string;
  readonly role: NodeRoleName;
  readonly clusterId: string;
}

/** The node's identity, which renewal and role changes replace while it runs. */
export interface IdentitySource {
  current(): TlsIdentity;
  /** Calls `listener` after each change; the returned function ends that. */
  onChange(listener: (identity: TlsIdentity) => void): () => void;
}

/** An identity that never changes. */
export function fixedIdentity(identity: TlsIdentity): IdentitySource {
  return { current: () => identity, onChange: () => () => {} };
}

type CertificateProvider = experimental.CertificateProvider;

/**
 * Credentials of a listener: client certificates are requested and verified, but not required, since
 * joiners have none. A changed identity counts from the next connection on; the listener stays.
 */
export function serverCredentials(source: IdentitySource): ServerCredentials {
  const provider = new IdentityCertificateProvider(source);
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

/**
 * Credentials of a channel to a manager: the chain must end at our root, and the certificate must be
 * a manager's of our cluster. Names are not compared: managers are dialled by address.
 */
export function channelCredentials(identity: TlsIdentity): ChannelCredentials {
  const context: SecureContextOptions = {
    ca: identity.rootCaPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
    minVersion: "TLSv1.2",
  };
  return ChannelCredentials.createFromSecureContext(createSecureContext(context), {
    checkServerIdentity(_host, certificate) {
      const peer = parsePeerSubject(certificate.subject, identity.clusterId);
      if (peer instanceof Error) return peer;
      return peer.role === "manager"
        ? undefined
        : new Error(`the server's certificate is of ${peer.role} ${peer.nodeId}, not of a manager`);
    },
  });
}

// Listeners are told what is known once grpc-js has finished adding them (a call from within `add…` would
// be lost), and again on each change.
class IdentityCertificateProvider implements CertificateProvider {
  readonly #source: IdentitySource;
  readonly #unsubscribe = new Map<object, () => void>();

  constructor(source: IdentitySource) {
    this.#source = source;
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#follow(listener, ({ rootCaPem }) => listener({ caCertificate: Buffer.from(rootCaPem) }));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#unfollow(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#follow(listener, ({ certificatePem, privateKeyPem }) =>
      listener({
        certificate: Buffer.from(certificatePem),
        privateKey: Buffer.from(privateKeyPem),
      }),
    );
  }

  removeIdentityCertificateListener(
    listener: experimental.IdentityCertificateUpdateListener,
  ): void {
    this.#unfollow(listener);
  }

  #follow(key: object, tell: (identity: TlsIdentity) => void): void {
    queueMicrotask(() => tell(this.#source.current()));
    this.#unsubscribe.set(key, this.#source.onChange(tell));
  }

  #unfollow(key: object): void {
    this.#unsubscribe.get(key)?.();
    this.#unsubscribe.delete(key);
  }
}
