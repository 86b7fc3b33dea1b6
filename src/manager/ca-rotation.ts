import type { Random } from "../base/random.ts";
import { readCertificate, validityOf } from "../ca/certificate.ts";
import { newJoinToken, rootDigest } from "../ca/join-token.ts";
import { backdateMs } from "../ca/root-ca.ts";
import { type IssuerInfo, issuerInfo, issuerOf } from "../ca/trust.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { RootCa } from "../gen/skep/RootCa.ts";
import type { Reconciler } from "../store/reconcile-loop.ts";
import type { Transaction } from "../store/store-view.ts";
import { putNode } from "./dispatcher/node-states.ts";

/** Nodes that are renewing at a time, as Swarm's: signing and reconnecting must not come in one flood. */
const batchMax = 30;
/** A node that got its certificate reports it with its next session; one that has not done so by then has lost it. */
const reportWaitMs = 20_000;
const key = "root-ca";

/** What matters of a node while the root rotates. */
export interface RotatingNode {
  readonly id: string;
  /** It has a session: it hears what it is told. */
  readonly isReady: boolean;
  /** It was told to renew, and has not got its certificate yet. */
  readonly isTold: boolean;
  /** It says that its certificate is by the new root, and that it trusts that root. */
  readonly hasMoved: boolean;
  /** When it was given a certificate by the new root; undefined when it was not. */
  readonly issuedAtMs: number | undefined;
}

export interface RotationPlan {
  /** Ids of nodes to tell to renew now. */
  readonly tell: readonly string[];
  /** Every node has moved: the old root may go. */
  readonly isFinished: boolean;
  /** Decide again then, though nothing changes. */
  readonly wakeAtMs: number | undefined;
}

/**
 * Who is told next, and whether the rotation is done. Only nodes that hear it are told, at most 30 at a time; those that are away take
 * no place, but keep the rotation open until they are back or removed.
 */
export function planRotation(nodes: readonly RotatingNode[], nowMs: number): RotationPlan {
  const waiting = nodes.filter(({ hasMoved }) => !hasMoved);
  const present = waiting.filter(({ isReady }) => isReady);
  const isUnderWay = ({ isTold, issuedAtMs }: RotatingNode): boolean =>
    isTold || (issuedAtMs !== undefined && nowMs < issuedAtMs + reportWaitMs);
  const room = batchMax - present.filter(isUnderWay).length;
  const wakes = present.flatMap(({ isTold, issuedAtMs }) =>
    !isTold && issuedAtMs !== undefined && nowMs < issuedAtMs + reportWaitMs
      ? [issuedAtMs + reportWaitMs]
      : [],
  );
  return {
    tell: present
      .filter((node) => !isUnderWay(node))
      .map(({ id }) => id)
      .sort()
      .slice(0, Math.max(0, room)),
    isFinished: nodes.length > 0 && waiting.length === 0,
    wakeAtMs: wakes.length > 0 ? Math.min(...wakes) : undefined,
  };
}

/** What a node's record and description say about its part in the rotation to `root` (PEM). */
export function rotatingNodeOf(node: Node, rootPem: string, wanted: IssuerInfo): RotatingNode {
  const { tlsInfo } = node.description ?? {};
  const hasMoved =
    tlsInfo !== null &&
    tlsInfo !== undefined &&
    Buffer.from(wanted.publicKey).equals(tlsInfo.certIssuerPublicKey) &&
    Buffer.from(wanted.subject).equals(tlsInfo.certIssuerSubject) &&
    tlsInfo.trustRoot.toString().includes(rootPem.trim());
  return {
    id: node.id,
    isReady: node.status?.state === "READY_NODE",
    isTold: node.certificate?.state === "ISSUANCE_ROTATE",
    hasMoved,
    issuedAtMs: hasMoved ? undefined : issuedAt(node, rootPem),
  };
}

/** The root as it is after the rotation, with new join tokens: the old ones name the old root. */
export function rotated(rootCa: RootCa, random: Random): RootCa {
  const { rotation } = rootCa;
  if (rotation === null) return rootCa;
  const rootPem = rotation.caCert.toString();
  return {
    ...rootCa,
    caCert: rotation.caCert,
    caKey: rotation.caKey,
    caCertDigest: rootDigest(rootPem),
    joinTokens: {
      worker: newJoinToken(rootPem, random),
      manager: newJoinToken(rootPem, random),
    },
    rotation: null,
  };
}

/** Leads a rotation to its end, on whichever manager leads: all it knows is in the state. */
export function rotationReconciler(random: Random): Reconciler {
  const isRotating = (rootCa: RootCa | null | undefined): boolean => !!rootCa?.rotation;
  return {
    name: "root-rotation",
    *keysOf(event, view) {
      if (event.table !== "node" && event.table !== "cluster") return;
      if (isRotating(view.cluster()?.rootCa)) yield key;
    },
    *allKeys(view) {
      if (isRotating(view.cluster()?.rootCa)) yield key;
    },
    reconcile(view, _, { nowMs }) {
      const rotation = view.cluster()?.rootCa?.rotation;
      if (!rotation) return { changes: [] };
      const rootPem = rotation.caCert.toString();
      const wanted = issuerInfo(readCertificate(rootPem, "the new root"));
      const nodes = [...view.all("node")].map((node) => rotatingNodeOf(node, rootPem, wanted));
      const { tell, isFinished, wakeAtMs } = planRotation(nodes, nowMs);
      const changes = isFinished
        ? [(tx: Transaction) => finish(tx, rootPem, random)]
        : tell.map((id) => (tx: Transaction) => void putNode(tx, id, told));
      return { changes, ...(wakeAtMs === undefined ? {} : { wakeAtMs }) };
    },
  };
}

function told(node: Node): Node {
  const { certificate } = node;
  return certificate === null
    ? node
    : { ...node, certificate: { ...certificate, state: "ISSUANCE_ROTATE" } };
}

/** Unless another rotation has taken the place of the one that was looked at. */
function finish(tx: Transaction, rootPem: string, random: Random): void {
  const cluster = tx.cluster();
  const rootCa = cluster?.rootCa;
  if (cluster === undefined || !rootCa || rootCa.rotation?.caCert.toString() !== rootPem) return;
  tx.update("cluster", { ...cluster, rootCa: rotated(rootCa, random) });
}

function issuedAt({ certificate }: Node, rootPem: string): number | undefined {
  if (certificate?.state !== "ISSUANCE_ISSUED" || certificate.certificate.length === 0) {
    return undefined;
  }
  // Alone, for the chain may hold the root of a rotation that this one has replaced.
  const leaf = readCertificate(certificate.certificate.toString(), "a node's certificate");
  if (issuerOf(leaf.toString(), rootPem) === undefined) return undefined;
  return validityOf(leaf).fromMs + backdateMs;
}
