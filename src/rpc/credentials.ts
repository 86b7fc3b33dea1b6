import {
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import { ChannelCredentials } from "@grpc/grpc-js";
import { splitHostPort } from "../base/ip.ts";
import { type NodeRoleName, parsePeerSubject } from "./roles.ts";

/** The TLS server name: an IP address is not allowed there, and the name is not what is verified. */
export const tlsServerName = "swarm-manager";

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

/** Of either side of a connection: who we are, and whom we trust. */
export function contextOptions(identity: TlsIdentity): SecureContextOptions {
  return {
    ca: identity.rootCaPem,
    cert: identity.certificatePem,
    key: identity.privateKeyPem,
    minVersion: "TLSv1.2",
  };
}

/**
 * Credentials of a channel to a manager: the chain must end at our root, and the certificate must be
 * a manager's of our cluster. Names are not compared: managers are dialled by address.
 */
export function channelCredentials(identity: TlsIdentity): ChannelCredentials {
  const context = createSecureContext(contextOptions(identity));
  return ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: checkManager(identity),
  });
}

/** A TLS connection to the manager at `address` that shall speak `protocol` (ALPN); checked as a channel's. */
export function dialManager(address: string, protocol: string, identity: TlsIdentity): TLSSocket {
  return connect({
    ...splitHostPort(address, 0),
    ...contextOptions(identity),
    ALPNProtocols: [protocol],
    servername: tlsServerName,
    checkServerIdentity: checkManager(identity),
  });
}

function checkManager(
  identity: TlsIdentity,
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const peer = parsePeerSubject(certificate.subject, identity.clusterId);
    if (peer instanceof Error) return peer;
    return peer.role === "manager"
      ? undefined
      : new Error(`the server's certificate is of ${peer.role} ${peer.nodeId}, not of a manager`);
  };
}
