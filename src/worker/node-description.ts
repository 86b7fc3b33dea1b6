import { arch, cpus, hostname, totalmem } from "node:os";
import type { GenericResource } from "../gen/skep/GenericResource.ts";
import type { NodeDescription } from "../gen/skep/NodeDescription.ts";

/** Version of the Docker Engine whose API and behaviour this release follows. */
export const engineVersion = "28.2.2";

export interface NodeDescriptionOptions {
  /** "" = the system's. */
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly dataPathAddress: string;
  /** What the daemon was told of besides processors and memory. */
  readonly genericResources: readonly GenericResource[];
  /** The root this node trusts: PEM, and DER of its subject and public key. */
  readonly trust: {
    readonly rootPem: string;
    readonly subject: Uint8Array;
    readonly publicKey: Uint8Array;
  };
}

/** What this node offers the cluster: platform, processors, memory, drivers. */
export function describeNode(options: NodeDescriptionOptions): NodeDescription {
  return {
    hostname: options.hostname === "" ? hostname() : options.hostname,
    platform: { architecture: machineArchitecture(), os: "linux" },
    resources: {
      nanoCpus: cpus().length * 1e9,
      memoryBytes: totalmem(),
      pids: 0,
      generic: [...options.genericResources],
    },
    engine: {
      engineVersion,
      labels: { ...options.labels },
      plugins: [
        ...["json-file", "local", "none"].map((name) => ({ type: "Log", name })),
        ...["bridge", "host", "null", "overlay"].map((name) => ({ type: "Network", name })),
        { type: "Volume", name: "local" },
      ],
    },
    tlsInfo: {
      trustRoot: Buffer.from(options.trust.rootPem),
      certIssuerSubject: Buffer.from(options.trust.subject),
      certIssuerPublicKey: Buffer.from(options.trust.publicKey),
    },
    dataPathAddress: options.dataPathAddress,
  };
}

/** The machine's architecture as `uname -m` and Docker's node platform name it. */
export function machineArchitecture(): string {
  const names: Readonly<Record<string, string>> = {
    x64: "x86_64",
    arm64: "aarch64",
    arm: "armv7l",
  };
  return names[arch()] ?? arch();
}
