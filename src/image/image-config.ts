import { ClusterError } from "../base/errors.ts";
import type { ImageConfig, ImageHealthcheck } from "./image.ts";
import { isDigest } from "./reference.ts";

/** The meaning of an image's configuration document. */
export interface ParsedConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created: string;
  readonly diffIds: readonly string[];
  readonly config: ImageConfig;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an OCI image configuration. DATA_LOSS when it is none. */
export function parseImageConfig(raw: unknown): ParsedConfig {
  const document = fields(raw);
  const rootfs = fields(document["rootfs"]);
  const diffIds = strings(rootfs["diff_ids"]);
  if (!Array.isArray(rootfs["diff_ids"]) || !diffIds.every(isDigest)) {
    throw new ClusterError("DATA_LOSS", "the image's configuration lists no layers");
  }
  const config = fields(document["config"]);
  const healthcheck = parseHealthcheck(config["Healthcheck"]);
  return {
    architecture: text(document["architecture"]),
    os: text(document["os"]) || "linux",
    created: text(document["created"]),
    diffIds,
    config: {
      entrypoint: strings(config["Entrypoint"]),
      cmd: strings(config["Cmd"]),
      env: strings(config["Env"]),
      workingDir: text(config["WorkingDir"]),
      user: text(config["User"]),
      labels: textFields(config["Labels"]),
      exposedPorts: Object.keys(fields(config["ExposedPorts"])),
      volumes: Object.keys(fields(config["Volumes"])),
      stopSignal: text(config["StopSignal"]),
      ...(healthcheck === undefined ? {} : { healthcheck }),
    },
  };
}

/** Go's name of this machine's architecture, as images carry it. */
export function goArchitecture(nodeArchitecture: string): string {
  const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return names[nodeArchitecture] ?? nodeArchitecture;
}

/** FAILED_PRECONDITION for an image that this machine cannot run. */
export function checkPlatform(
  name: string,
  image: Pick<ParsedConfig, "os" | "architecture">,
  architecture: string,
): void {
  if (image.os === "linux" && (image.architecture === "" || image.architecture === architecture)) {
    return;
  }
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `image ${name} is for ${image.os}/${image.architecture}, this node is linux/${architecture}`,
  );
}

function parseHealthcheck(value: unknown): ImageHealthcheck | undefined {
  const check = fields(value);
  const test = strings(check["Test"]);
  if (test.length === 0) return undefined;
  const milliseconds = (name: string) => Math.round(number(check[name]) / 1e6);
  return {
    test,
    intervalMs: milliseconds("Interval"),
    timeoutMs: milliseconds("Timeout"),
    retries: number(check["Retries"]),
    startPeriodMs: milliseconds("StartPeriod"),
    startIntervalMs: milliseconds("StartInterval"),
  };
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

function textFields(value: unknown): Record<string, string> {
  const entries = Object.entries(fields(value));
  return Object.fromEntries(entries.filter((e): e is [string, string] => typeof e[1] === "string"));
}
