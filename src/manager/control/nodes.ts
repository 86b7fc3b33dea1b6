import { ClusterError } from "../../base/errors.ts";
import { readCertificate, validityOf } from "../../ca/certificate.ts";
import type { Cluster } from "../../gen/skep/Cluster.ts";
import type { Node } from "../../gen/skep/Node.ts";
import { clusterSettingsOf } from "../../model/defaults.ts";
import { timestampMs, toTimestamp } from "../../model/time.ts";
import { validateNodeSpec } from "../../model/validate/node.ts";
import type { StoreView } from "../../store/store-view.ts";
import { matchesNode } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkVersion, required, resolve } from "./resolve.ts";

type NodeMethods = Pick<ControlMethods, "getNode" | "listNodes" | "updateNode" | "removeNode">;

/** Control of nodes. */
export function nodeMethods({ store, readBarrier, clock }: ControlDeps): NodeMethods {
  return {
    async getNode({ ref }) {
      await readBarrier();
      return { node: resolve(store.view(), "node", ref) };
    },
    async listNodes({ filters }) {
      await readBarrier();
      return { nodes: [...store.view().all("node")].filter((node) => matchesNode(filters, node)) };
    },
    async updateNode(request) {
      const spec = required(request.spec, "the node's spec");
      validateNodeSpec(spec);
      const id = await store.update((tx) => {
        const node = resolve(tx, "node", request.nodeId);
        checkVersion(node, request.version);
        if (node.spec?.desiredRole === "MANAGER" && spec.desiredRole === "WORKER") {
          checkDemotion(tx, node);
        }
        tx.update("node", { ...node, spec, specVersion: null });
        return node.id;
      });
      return { node: store.view().get("node", id) ?? null };
    },
    async removeNode({ ref, force }) {
      await store.update((tx) => {
        const node = resolve(tx, "node", ref);
        checkRemoval(node, force);
        const cluster = tx.cluster();
        if (cluster !== undefined) tx.update("cluster", blacklist(cluster, node, clock.now()));
        tx.remove("node", node.id);
      });
      return {};
    },
  };
}

/** FAILED_PRECONDITION when the managers that remain could decide nothing. */
function checkDemotion(view: StoreView, node: Node): void {
  const managers = [...view.all("node")].filter((other) => other.spec?.desiredRole === "MANAGER");
  if (managers.length <= 1) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "attempting to demote the last manager of the swarm",
    );
  }
  const voters = [...view.all("node")].filter(
    ({ managerStatus }) =>
      managerStatus !== null && managerStatus.reachability !== "REACHABILITY_UNKNOWN",
  );
  const rest = voters.filter((other) => other.id !== node.id);
  if (rest.length === voters.length) return; // it has no vote (yet): nothing is lost
  const reachable = rest.filter((other) => other.managerStatus?.reachability === "REACHABLE");
  if (reachable.length <= rest.length / 2) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      "can't remove member from the raft: this would result in a loss of quorum",
    );
  }
}

function checkRemoval(node: Node, force: boolean): void {
  if (node.managerStatus !== null) {
    // Force does not help: a member that vanishes without leaving costs the others their quorum.
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `node ${node.id} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
    );
  }
  if (!force && node.status?.state === "READY_NODE") {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `node ${node.id} is not down and can't be removed`,
    );
  }
}

/** The node's certificate no longer counts; entries of certificates that have expired go. */
function blacklist(cluster: Cluster, node: Node, nowMs: number): Cluster {
  const kept = cluster.blacklistedCertificates.filter(({ expiry }) => timestampMs(expiry) > nowMs);
  const entry = { nodeId: node.id, expiry: toTimestamp(certificateEndMs(cluster, node, nowMs)) };
  return { ...cluster, blacklistedCertificates: [...kept, entry] };
}

function certificateEndMs(cluster: Cluster, node: Node, nowMs: number): number {
  const longestMs = nowMs + clusterSettingsOf(cluster).nodeCertExpiryMs;
  const pem = node.certificate?.certificate;
  if (pem === undefined || pem.length === 0) return longestMs;
  const certificate = readCertificate(pem.toString(), `the certificate of node ${node.id}`);
  return validityOf(certificate).untilMs;
}
