import { ClusterError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import { createKeyAndCsr } from "../ca/csr.ts";
import { importRoot } from "../ca/import-root.ts";
import { issueCertificate } from "../ca/issue-certificate.ts";
import { newJoinToken, rootDigest } from "../ca/join-token.ts";
import { createRootCa, type RootCaPem } from "../ca/root-ca.ts";
import { newUnlockKey } from "../ca/unlock-key.ts";
import type { CaConfigInput } from "../gen/skep/CaConfig.ts";
import type { ClusterInput } from "../gen/skep/Cluster.ts";
import type { ClusterSpecInput } from "../gen/skep/ClusterSpec.ts";
import type { NodeInput } from "../gen/skep/Node.ts";
import type { NodeAvailability } from "../gen/skep/NodeAvailability.ts";
import { defaultAddressPools, defaultSubnetSize, defaultVxlanPort } from "../model/defaults.ts";
import { durationMs } from "../model/time.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";

const nodeCertExpiryMs = 90 * 24 * 3_600_000;
const secondsOf = (input: string | number | { toString(): string } | undefined): number =>
  Number(input ?? 0);

export interface ClusterInit {
  /** host:port where other nodes reach the first one. */
  readonly address: string;
  readonly availability: NodeAvailability;
  readonly spec: ClusterSpecInput;
  /** CIDR pools; [] = 10.0.0.0/8. */
  readonly addressPools: readonly string[];
  /** 0 = 24. */
  readonly subnetSize: number;
  /** 0 = 4789. */
  readonly vxlanPort: number;
}

/** A new cluster: what its first node proves itself with, and the objects its store begins with. */
export interface NewCluster {
  readonly identity: TlsIdentity;
  readonly raftId: number;
  readonly cluster: ClusterInput;
  readonly node: NodeInput;
}

/** Makes root, join tokens, the cluster object and its first node, a manager with a certificate. */
export function makeCluster(
  init: ClusterInit,
  deps: { readonly random: Random; readonly nowMs: number },
): NewCluster {
  const { random, nowMs } = deps;
  const root = rootOf(init.spec, nowMs);
  const { ca } = init.spec;
  const clusterId = newId(random);
  const nodeId = newId(random);
  const raftId = 1 + Buffer.from(random.bytes(6)).readUIntBE(0, 6);
  const { privateKeyPem, csrPem } = createKeyAndCsr();
  const certificatePem = issueCertificate({
    rootCert: root.certificatePem,
    rootKey: root.privateKeyPem,
    csrPem,
    nodeId,
    role: "manager",
    clusterId,
    expiryMs: expiryOf(init.spec),
    nowMs,
  });
  return {
    identity: {
      certificatePem,
      privateKeyPem,
      rootCaPem: root.certificatePem,
      nodeId,
      role: "manager",
      clusterId,
    },
    raftId,
    cluster: {
      id: clusterId,
      spec: {
        ...init.spec,
        annotations: { ...init.spec.annotations, name: "default" },
        ...(ca ? { ca: keptConfig(ca, root.certificatePem) } : {}),
      },
      rootCa: {
        caCert: Buffer.from(root.certificatePem),
        caKey: Buffer.from(root.privateKeyPem),
        caCertDigest: rootDigest(root.certificatePem),
        lastForcedRotation: ca?.forceRotate ?? 0,
        joinTokens: {
          worker: newJoinToken(root.certificatePem, random),
          manager: newJoinToken(root.certificatePem, random),
        },
      },
      unlockKey: init.spec.encryption?.autoLockManagers === true ? newUnlockKey(random) : "",
      networkDefaults: {
        addressPools: [...(init.addressPools.length > 0 ? init.addressPools : defaultAddressPools)],
        subnetSize: init.subnetSize || defaultSubnetSize,
        vxlanPort: init.vxlanPort || defaultVxlanPort,
      },
    },
    node: {
      id: nodeId,
      spec: { annotations: {}, desiredRole: "MANAGER", availability: init.availability },
      status: { state: "UNKNOWN" },
      role: "MANAGER",
      membership: "MEMBERSHIP_ACCEPTED",
      managerStatus: { raftId, addr: init.address, leader: true, reachability: "REACHABLE" },
      certificate: {
        role: "MANAGER",
        state: "ISSUANCE_ISSUED",
        certificate: Buffer.from(certificatePem),
      },
    },
  };
}

// Whoever begins must be able to sign: the first certificate is made here. An external CA alone is taken as Docker takes it: the
// root is made here too, and all certificates after the first are asked of that CA, which must sign for this root.
function rootOf({ ca }: ClusterSpecInput, nowMs: number): RootCaPem {
  const [certificate, key] = [textOf(ca?.signingCaCert), textOf(ca?.signingCaKey)];
  if (key === "" && certificate !== "") {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      "a swarm begins with a root whose key it has: give ca-cert and ca-key, or neither; afterwards `swarm ca --rotate --ca-cert … --external-ca …` hands the signing over",
    );
  }
  return certificate === "" ? createRootCa(nowMs) : importRoot({ certificate, key }, nowMs);
}

// The key is kept with the root alone; an external CA that names no root signs for this one.
function keptConfig(ca: CaConfigInput, rootPem: string): CaConfigInput {
  const externalCas = (ca.externalCas ?? []).map((external) =>
    textOf(external.caCert) === "" ? { ...external, caCert: Buffer.from(rootPem) } : external,
  );
  return { ...ca, signingCaKey: Buffer.alloc(0), externalCas };
}

// A text in a bytes field is base64, as the codec takes it.
function textOf(bytes: string | Uint8Array | undefined): string {
  return Buffer.from(
    typeof bytes === "string" ? Buffer.from(bytes, "base64") : (bytes ?? []),
  ).toString();
}

function expiryOf(spec: ClusterSpecInput): number {
  const expiry = spec.ca?.nodeCertExpiry;
  if (!expiry) return nodeCertExpiryMs;
  const duration = { seconds: secondsOf(expiry.seconds), nanos: expiry.nanos ?? 0 };
  return durationMs(duration, 0) || nodeCertExpiryMs;
}
