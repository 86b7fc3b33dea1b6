import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsIdentity } from "../../src/rpc/credentials.ts";
import { type NodeRoleName, organizationalUnits } from "../../src/rpc/roles.ts";

/** A root of one cluster that makes identities for tests, by the openssl program. */
export class TestCa {
  readonly clusterId: string;
  readonly rootPem: string;
  readonly #folder: string;

  constructor(clusterId: string) {
    this.clusterId = clusterId;
    this.#folder = mkdtempSync(join(tmpdir(), "skep-test-ca-"));
    this.#openssl(
      "req",
      "-x509",
      ...newKey("root"),
      "-out",
      "root.crt",
      "-days",
      "2",
      "-subj",
      "/CN=swarm-ca",
    );
    this.rootPem = this.#read("root.crt");
  }

  /** The root's key, for programs that sign in its place. */
  get rootKeyPem(): string {
    return this.#read("root.key");
  }

  /** `addresses` (IP) are names of the certificate, for programs that verify them. */
  identity(
    nodeId: string,
    role: NodeRoleName,
    clusterId: string = this.clusterId,
    addresses: readonly string[] = [],
  ): TlsIdentity {
    const subject = `/O=${clusterId}/OU=${organizationalUnits[role]}/CN=${nodeId}`;
    this.#openssl("req", ...newKey(nodeId), "-out", `${nodeId}.csr`, "-subj", subject);
    const names = addresses.map((address) => `IP:${address}`).join(",");
    const extensions = names === "" ? "" : `subjectAltName=${names}\n`;
    writeFileSync(join(this.#folder, "ext"), `basicConstraints=CA:FALSE\n${extensions}`);
    this.#openssl(
      ...["x509", "-req", "-in", `${nodeId}.csr`, "-CA", "root.crt", "-CAkey", "root.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", `${nodeId}.crt`],
    );
    return {
      certificatePem: this.#read(`${nodeId}.crt`),
      privateKeyPem: this.#read(`${nodeId}.key`),
      rootCaPem: this.rootPem,
      nodeId,
      role,
      clusterId: this.clusterId,
    };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] });
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), "utf8");
  }
}

function newKey(name: string): string[] {
  return [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];
}
