import { createHash } from "node:crypto";
import type { Command } from "commander";
import type { NodeJson } from "../../rest/wire/node.ts";
import type { ExternalCaJson, SwarmJson, SwarmSpecJson } from "../../rest/wire/swarm.ts";
import { readFlagFile } from "../flag-file.ts";
import { pause } from "../pause.ts";
import { collect, type OpenSession, type Session } from "../session.ts";
import { invalid, parseDuration, parseEntries } from "../values.ts";

/** What says who signs the nodes' certificates. */
export interface CaFlags {
  caCert?: string;
  caKey?: string;
  externalCa?: string[];
  certExpiry?: string;
}

interface CaOptions extends CaFlags {
  rotate?: boolean;
  detach?: boolean;
  quiet?: boolean;
}

const pollMs = 200;

/** `skep swarm ca` */
export function addCaCommand(swarm: Command, open: OpenSession): void {
  swarm
    .command("ca")
    .description("Show the swarm's root certificate, or rotate it")
    .option("--rotate", "change to another root: a new one, unless --ca-cert gives it")
    .option("--ca-cert <file>", "PEM of the root to change to")
    .option("--ca-key <file>", "PEM of its key")
    .option("--cert-expiry <duration>", "life of node certificates")
    .option(
      "--external-ca <spec>",
      "protocol=cfssl,url=https://…[,cacert=FILE]: who signs in the cluster's place",
      collect,
    )
    .option("-d, --detach", "do not wait until every node has changed")
    .option("-q, --quiet", "show no progress")
    .action(async (options: CaOptions) => ca(open(), options));
}

async function ca(session: Session, options: CaOptions): Promise<void> {
  if (options.rotate !== true) {
    for (const [flag, value] of Object.entries({
      "--ca-cert": options.caCert,
      "--ca-key": options.caKey,
      "--cert-expiry": options.certExpiry,
      "--external-ca": options.externalCa,
    })) {
      if (value !== undefined) {
        throw new Error(`\`${flag}\` flag requires the \`--rotate\` flag to update the CA`);
      }
    }
    showRoot(session, await session.client.get<SwarmJson>("/swarm"));
    return;
  }
  if (options.externalCa !== undefined && options.caCert === undefined) {
    throw new Error(
      "--external-ca needs --ca-cert, the root that it signs for; for the present root use `skep swarm update --external-ca`",
    );
  }
  const changes = await readCaFlags(options);
  const { Spec, Version } = await session.client.get<SwarmJson>("/swarm");
  const query = {
    version: Version.Index,
    rotateWorkerToken: false,
    rotateManagerToken: false,
    rotateManagerUnlockKey: false,
  };
  await session.client.post("/swarm/update", { query, body: rotatedSpec(Spec, changes) });
  if (options.detach === true) return;
  if (!(await untilRotated(session, options.quiet === true))) return;
  showRoot(session, await session.client.get<SwarmJson>("/swarm"));
}

/** The files and words of the flags as the API takes them; each error names the flag. */
export async function readCaFlags(flags: CaFlags): Promise<Partial<SwarmSpecJson["CAConfig"]>> {
  if (flags.caKey !== undefined && flags.caCert === undefined) {
    throw new Error("--ca-key needs --ca-cert: a key alone says nothing of its root");
  }
  if (flags.caCert !== undefined && flags.caKey === undefined && flags.externalCa === undefined) {
    throw new Error("--ca-cert needs --ca-key or --external-ca: somebody must sign with that root");
  }
  return {
    ...(flags.caCert === undefined
      ? {}
      : {
          SigningCACert: await readFlagFile("--ca-cert", flags.caCert),
          SigningCAKey:
            flags.caKey === undefined ? "" : await readFlagFile("--ca-key", flags.caKey),
        }),
    ...(flags.certExpiry === undefined
      ? {}
      : { NodeCertExpiry: parseDuration("--cert-expiry", flags.certExpiry) }),
    ...(flags.externalCa === undefined
      ? {}
      : { ExternalCAs: await Promise.all(flags.externalCa.map(parseExternalCa)) }),
  };
}

/** Pure: what asks for the rotation: the root given, or a new one each time. */
export function rotatedSpec(
  before: SwarmSpecJson,
  changes: Partial<SwarmSpecJson["CAConfig"]>,
): SwarmSpecJson {
  const { ForceRotate = 0, ...config } = before.CAConfig;
  const isGiven = (changes.SigningCACert ?? "") !== "";
  return {
    ...before,
    CAConfig: {
      ...config,
      SigningCACert: "",
      ...changes,
      ForceRotate: isGiven ? ForceRotate : ForceRotate + 1,
    },
  };
}

async function parseExternalCa(text: string): Promise<ExternalCaJson> {
  const wanted = "protocol=cfssl,url=https://…[,cacert=FILE]";
  const found: ExternalCaJson = { Protocol: "", URL: "", Options: {}, CACert: "" };
  for (const [key, value] of parseEntries(text)) {
    if (key === "protocol") found.Protocol = value.toLowerCase();
    else if (key === "url") found.URL = value;
    else if (key === "cacert") found.CACert = await readCertificate(value);
    else if (key !== "" && text.includes("=")) found.Options = { ...found.Options, [key]: value };
    else throw invalid("--external-ca", text, wanted);
  }
  if (found.Protocol !== "cfssl") throw invalid("--external-ca", text, wanted);
  if (!found.URL.startsWith("https://")) throw invalid("--external-ca", text, wanted);
  return found;
}

async function readCertificate(path: string): Promise<string> {
  const text = await readFlagFile("--external-ca cacert", path);
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw invalid("--external-ca cacert", path, "a file with a certificate in PEM");
}

function showRoot(session: Session, { TLSInfo }: SwarmJson): void {
  const root = TLSInfo.TrustRoot ?? "";
  if (root === "") throw new Error("No CA information available");
  session.print(root.trimEnd());
}

/** False when the user would not wait. Prints a line each time that something has changed. */
async function untilRotated(session: Session, isQuiet: boolean): Promise<boolean> {
  let last = "";
  for (;;) {
    const swarm = await session.client.get<SwarmJson>("/swarm");
    const nodes = await session.client.get<NodeJson[]>("/nodes");
    const text = progressText(swarm, nodes);
    if (text !== last && !isQuiet) session.print(text);
    last = text;
    if (!swarm.RootRotationInProgress) return true;
    if (!(await pause(session.interrupted, pollMs))) {
      session.print("Operation continuing in background.");
      session.print("Use `skep swarm ca` to see when the root certificate has changed.");
      return false;
    }
  }
}

/** Pure: how many nodes have a certificate by the new root, and who is being waited for. */
export function progressText(
  { TLSInfo, RootRotationInProgress }: Pick<SwarmJson, "TLSInfo" | "RootRotationInProgress">,
  nodes: readonly NodeJson[],
): string {
  const isRotated = ({ Description: { TLSInfo: own } }: NodeJson): boolean =>
    own?.CertIssuerPublicKey === TLSInfo.CertIssuerPublicKey &&
    own?.CertIssuerSubject === TLSInfo.CertIssuerSubject;
  const absent = nodes.filter((node) => !isRotated(node) && node.Status.State !== "ready");
  const names = absent.map(({ ID, Description: { Hostname } }) => Hostname ?? ID);
  const waiting = names.length > 0 ? `; waiting for ${names.join(", ")} to come back` : "";
  const count = nodes.filter(isRotated).length;
  const digest = createHash("sha256")
    .update(TLSInfo.TrustRoot ?? "")
    .digest("hex");
  return RootRotationInProgress
    ? `rotated TLS certificates: ${count}/${nodes.length} nodes${waiting}`
    : `rotated TLS certificates: ${count}/${nodes.length} nodes; root sha256:${digest}`;
}
