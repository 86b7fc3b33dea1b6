import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { issueCertificate } from "../../src/ca/issue-certificate.ts";

// A signer that speaks cfssl's "sign", of the files in a folder: root.crt, root.key, tls.crt, tls.key. Prints a line when it listens
// and one for each certificate it gave; ends with its input. Arguments: folder, address, port.

interface SignBody {
  readonly certificate_request: string;
  readonly subject: { readonly CN: string; readonly names: { OU: string; O: string }[] };
}

const [folder = "", address = "", port = ""] = process.argv.slice(2);
const file = (name: string): string => readFileSync(join(folder, name), "utf8");
const root = { rootCert: file("root.crt"), rootKey: file("root.key") };
const server = createServer({ cert: file("tls.crt"), key: file("tls.key") }, (call, reply) => {
  const chunks: Buffer[] = [];
  call.on("data", (chunk: Buffer) => chunks.push(chunk));
  call.on("end", () => {
    const answer = sign(JSON.parse(Buffer.concat(chunks).toString()) as SignBody);
    reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
});
server.listen(Number(port), address, () => process.stdout.write("listening\n"));
process.stdin.on("end", () => process.exit(0)).resume();

function sign({ certificate_request, subject }: SignBody): unknown {
  const [{ OU = "", O = "" } = {}] = subject.names;
  const certificate = issueCertificate({
    ...root,
    csrPem: certificate_request,
    nodeId: subject.CN,
    role: OU === "swarm-manager" ? "manager" : "worker",
    clusterId: O,
    expiryMs: 2 * 3_600_000,
    nowMs: Date.now(),
  });
  process.stdout.write(`signed ${OU} ${subject.CN}\n`);
  return { success: true, result: { certificate }, errors: [], messages: [] };
}
