import { systemRandom } from "../../src/base/random.ts";
import { createKeyAndCsr } from "../../src/ca/csr.ts";
import { issueCertificate } from "../../src/ca/issue-certificate.ts";
import { newJoinToken } from "../../src/ca/join-token.ts";
import { createRootCa, type RootCaPem } from "../../src/ca/root-ca.ts";
import type { Cluster } from "../../src/gen/skep/Cluster.ts";
import type { TlsIdentity } from "../../src/rpc/credentials.ts";
import type { NodeRoleName } from "../../src/rpc/roles.ts";
import { aCluster } from "./builders.ts";

/** A root of ours, and identities and a cluster object made with it. */
export class CaFixture {
  readonly nowMs: number;
  readonly root: RootCaPem;
  readonly workerToken: string;
  readonly managerToken: string;

  constructor(nowMs: number, root: RootCaPem = createRootCa(nowMs)) {
    this.nowMs = nowMs;
    this.root = root;
    this.workerToken = newJoinToken(this.root.certificatePem, systemRandom);
    this.managerToken = newJoinToken(this.root.certificatePem, systemRandom);
  }

  identity(nodeId: string, role: NodeRoleName, lifeMs = 90 * 86_400_000): TlsIdentity {
    const { privateKeyPem, csrPem } = createKeyAndCsr();
    const certificatePem = issueCertificate({
      rootCert: this.root.certificatePem,
      rootKey: this.root.privateKeyPem,
      csrPem,
      nodeId,
      role,
      clusterId: "cluster1",
      expiryMs: lifeMs,
      nowMs: this.nowMs,
    });
    const rootCaPem = this.root.certificatePem;
    return { certificatePem, privateKeyPem, rootCaPem, nodeId, role, clusterId: "cluster1" };
  }

  cluster(): Cluster {
    return aCluster({
      rootCa: {
        caCert: Buffer.from(this.root.certificatePem),
        caKey: Buffer.from(this.root.privateKeyPem),
        joinTokens: { worker: this.workerToken, manager: this.managerToken },
      },
    });
  }
}
