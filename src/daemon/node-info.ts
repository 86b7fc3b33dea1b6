import { readFileSync } from "node:fs";
import { arch, availableParallelism, release, totalmem } from "node:os";
import { skepVersion } from "../base/version.ts";
import type { NodeInfoData, VersionData } from "../rest/backend/node-info.ts";
import type { HostFacts } from "../runtime/host-facts.ts";
import { machineArchitecture } from "../worker/node-description.ts";
import type { DaemonConfig } from "./config.ts";

/** What this build is. */
export function versionData(): VersionData {
  return {
    version: skepVersion,
    gitCommit: "unknown",
    buildTime: "",
    nodeVersion: process.version,
    kernelVersion: release(),
    architecture: arch() === "x64" ? "amd64" : arch(),
    os: "linux",
    components: [],
  };
}

/** What this host is and how the daemon is set up. */
export function nodeInfo(input: {
  readonly engineId: string;
  readonly hostname: string;
  readonly config: DaemonConfig;
  readonly host: HostFacts;
}): NodeInfoData {
  const { config, host } = input;
  const release_ = osRelease();
  return {
    id: input.engineId,
    hostname: input.hostname,
    operatingSystem: release_.get("PRETTY_NAME") ?? "Linux",
    osVersion: release_.get("VERSION_ID") ?? "",
    osType: "linux",
    architecture: machineArchitecture(),
    kernelVersion: release(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    dataRoot: config.dataRoot,
    storageDriver: "overlay2",
    loggingDriver: "json-file",
    cgroupDriver: "cgroupfs",
    cgroupVersion: host.cgroupVersion === "v2" ? "2" : "1",
    defaultRuntime: "runc",
    runtimes: [{ name: "runc", path: "runc" }],
    labels: Object.entries(config.labels).map(([key, value]) => `${key}=${value}`),
    insecureRegistries: config.insecureRegistries,
    registryMirrors: [],
    httpProxy: "",
    httpsProxy: "",
    noProxy: "",
    debug: config.logLevel === "debug",
    // Containers never depend on the daemon.
    liveRestore: true,
    initBinary: "tini",
    warnings: [],
    genericResources: config.genericResources.flatMap(
      ({ named, discrete }) => named ?? discrete ?? [],
    ),
  };
}

function osRelease(): Map<string, string> {
  try {
    const lines = readFileSync("/etc/os-release", "utf8").split("\n");
    return new Map(
      lines.flatMap((line) => {
        const match = /^(\w+)="?([^"]*)"?$/.exec(line);
        return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ""] as const];
      }),
    );
  } catch {
    return new Map();
  }
}
