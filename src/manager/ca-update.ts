import { ClusterError } from "../base/errors.ts";
import { crossSign } from "../ca/cross-sign.ts";
import { importRoot } from "../ca/import-root.ts";
import { createRootCa, type RootCaPem } from "../ca/root-ca.ts";
import { externalCasFor } from "../ca/signer.ts";
import type { CaConfig } from "../gen/skep/CaConfig.ts";
import type { Cluster } from "../gen/skep/Cluster.ts";
import type { ClusterSpec } from "../gen/skep/ClusterSpec.ts";
import type { ExternalCa } from "../gen/skep/ExternalCa.ts";
import type { RootCa } from "../gen/skep/RootCa.ts";

const noBytes = Buffer.alloc(0);

/** What an update of the cluster's spec makes of its root. */
export interface RootUpdate {
  readonly rootCa: RootCa | null;
  /** The spec as it is kept: the key is with the root, not here. */
  readonly spec: ClusterSpec;
}

/**
 * Whether the new spec asks for another root, and begins the rotation to it. A root given (`signingCaCert`) that is neither the present nor
 * the coming one begins one, as does a changed `forceRotate` without a root given: then a root is made. What is under way is replaced.
 * INVALID_ARGUMENT for a root that cannot be used, FAILED_PRECONDITION when nobody could sign with it, or the old key is not here.
 */
export function updateRoot(cluster: Cluster, spec: ClusterSpec, nowMs: number): RootUpdate {
  const { rootCa } = cluster;
  if (rootCa === null || spec.ca === null) return { rootCa, spec };
  const forced = spec.ca.forceRotate !== rootCa.lastForcedRotation;
  const given = spec.ca.signingCaCert.length > 0;
  const wanted = given ? imported(spec.ca, nowMs) : forced ? createRootCa(nowMs) : undefined;
  const known =
    given && wanted ? Buffer.from(wanted.certificatePem) : (rootCa.rotation ?? rootCa).caCert;
  const config = { ...spec.ca, externalCas: withRoots(spec.ca.externalCas, known) };
  if (wanted === undefined) {
    const same = { ...spec, ca: config };
    checkSigners(rootCa, same);
    return { rootCa, spec: same };
  }
  const kept: CaConfig = {
    ...config,
    signingCaCert: given ? Buffer.from(wanted.certificatePem) : noBytes,
    signingCaKey: noBytes,
  };
  const next = {
    ...towards(rootCa, wanted, nowMs),
    lastForcedRotation: config.forceRotate,
  };
  const keptSpec = { ...spec, ca: kept };
  checkSigners(next, keptSpec);
  return { rootCa: next, spec: keptSpec };
}

// One that does not say for which root it signs means the one there is: it cannot know one that is made here and now.
function withRoots(externalCas: readonly ExternalCa[], caCert: Buffer): ExternalCa[] {
  return externalCas.map((ca) => (ca.caCert.length > 0 ? ca : { ...ca, caCert }));
}

function imported(config: CaConfig, nowMs: number): RootCaPem {
  const certificate = config.signingCaCert.toString();
  return importRoot({ certificate, key: config.signingCaKey.toString() }, nowMs);
}

/** The root on its way to `wanted`. A key that comes without a change of root is taken over; one that is missing is not forgotten. */
function towards(rootCa: RootCa, wanted: RootCaPem, nowMs: number): RootCa {
  const { rotation } = rootCa;
  const key = Buffer.from(wanted.privateKeyPem);
  const isPresent = rootCa.caCert.toString() === wanted.certificatePem;
  if (isPresent && rotation === null) {
    return key.length > 0 ? { ...rootCa, caKey: key } : rootCa;
  }
  if (rotation?.caCert.toString() === wanted.certificatePem) {
    return key.length > 0 ? { ...rootCa, rotation: { ...rotation, caKey: key } } : rootCa;
  }
  if (isPresent) {
    // Back to the present root: nodes that have moved away move back in the same way.
    const back = { caCert: rootCa.caCert, caKey: key.length > 0 ? key : rootCa.caKey };
    return { ...rootCa, rotation: { ...back, crossSignedCaCert: noBytes } };
  }
  return {
    ...rootCa,
    rotation: {
      caCert: Buffer.from(wanted.certificatePem),
      caKey: key,
      crossSignedCaCert: Buffer.from(crossSigned(rootCa, wanted.certificatePem, nowMs)),
    },
  };
}

function crossSigned(rootCa: RootCa, newRootPem: string, nowMs: number): string {
  if (rootCa.caKey.length === 0) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "the present root's key is not in the cluster, so that the new root cannot be signed by it; give the present root and its key first (--ca-cert, --ca-key)",
    );
  }
  const oldRoot = {
    certificatePem: rootCa.caCert.toString(),
    privateKeyPem: rootCa.caKey.toString(),
  };
  return crossSign(newRootPem, oldRoot, nowMs);
}

function checkSigners(rootCa: RootCa, spec: ClusterSpec): void {
  const root = rootCa.rotation ?? rootCa;
  if (root.caKey.length > 0) return;
  if (externalCasFor({ spec }, root.caCert.toString()).length > 0) return;
  throw new ClusterError(
    "INVALID_ARGUMENT",
    "the root has no key and no external CA signs for it: give its key (--ca-key) or an external CA (--external-ca) with the same root",
  );
}
