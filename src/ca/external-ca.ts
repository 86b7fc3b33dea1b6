import { request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import { ClusterError, errorMessage } from "../base/errors.ts";
import type { ExternalCa } from "../gen/skep/ExternalCa.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { type NodeRoleName, organizationalUnits } from "../rpc/roles.ts";

/** Nodes wait 10 s for their certificate, the raft write included. */
const timeoutMs = 6_000;
const answerBytesMax = 256 * 1024;

/** What an external CA is to certify. */
export interface ExternalRequest {
  readonly csrPem: string;
  readonly nodeId: string;
  readonly role: NodeRoleName;
  readonly clusterId: string;
}

/** Who asks: the manager's certificate is shown to the external CA, which may be one of the cluster's roots' or of a public one. */
export type Asker = Pick<TlsIdentity, "certificatePem" | "privateKeyPem" | "rootCaPem">;

/** A request for a certificate that an external CA is to sign. Other names than the node's are not asked for. */
export function nodeSigningBody({ csrPem, nodeId, role, clusterId }: ExternalRequest): unknown {
  const unit = organizationalUnits[role];
  return {
    hosts: role === "manager" ? [unit, nodeId, "swarm-ca"] : [unit, nodeId],
    certificate_request: csrPem,
    subject: { CN: nodeId, names: [{ OU: unit, O: clusterId }] },
  };
}

/**
 * Posts a body to an external CA that speaks cfssl's "sign" and gives the certificate (PEM) of its answer, unchecked. UNAVAILABLE when it
 * cannot be reached, DEADLINE_EXCEEDED after 6 s, FAILED_PRECONDITION with its own words when it refuses or answers nonsense.
 */
export function askExternalCa(
  ca: Pick<ExternalCa, "url" | "caCert">,
  body: unknown,
  asker: Asker | undefined,
): Promise<string> {
  const text = JSON.stringify(body);
  const trusted = [asker?.rootCaPem ?? "", ca.caCert.toString()].filter((pem) => pem !== "");
  return new Promise((resolve, reject) => {
    const fail = (code: "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "FAILED_PRECONDITION", why: string) =>
      reject(new ClusterError(code, `external CA ${ca.url}: ${why}`));
    const call = httpsRequest(
      ca.url,
      {
        method: "POST",
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
        ca: [...rootCertificates, ...trusted],
        ...(asker === undefined ? {} : { cert: asker.certificatePem, key: asker.privateKeyPem }),
        minVersion: "TLSv1.2",
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > answerBytesMax) {
            fail("FAILED_PRECONDITION", `its answer is larger than ${answerBytesMax} bytes`);
            call.destroy();
          } else chunks.push(chunk);
        });
        answer.on("error", (error) => fail("UNAVAILABLE", errorMessage(error)));
        answer.on("end", () => {
          const parsed = readAnswer(answer.statusCode ?? 0, Buffer.concat(chunks).toString());
          if (typeof parsed === "string") resolve(parsed);
          else fail("FAILED_PRECONDITION", parsed.problem);
        });
      },
    );
    call.on("error", (error) => {
      if (error.name === "AbortError" || error.name === "TimeoutError") {
        fail("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`);
      } else fail("UNAVAILABLE", errorMessage(error));
    });
    call.end(text);
  });
}

/** cfssl's answer: {"success":true,"result":{"certificate":"…"},"errors":[{"code":1,"message":"…"}]}. */
function readAnswer(status: number, text: string): string | { readonly problem: string } {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { problem: `it answered ${status} without JSON` };
  }
  const { success, result, errors } = fieldsOf(answer);
  if (success !== true) {
    const [first] = Array.isArray(errors) ? errors : [];
    const { message } = fieldsOf(first);
    return {
      problem: `it refused (${status}): ${typeof message === "string" ? message : "no reason given"}`,
    };
  }
  const { certificate } = fieldsOf(result);
  return typeof certificate === "string" && certificate !== ""
    ? certificate
    : { problem: "its answer has no certificate" };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
