import { isIPv4 } from "node:net";
import { ClusterError } from "../../base/errors.ts";
import { capabilityName, isCapability } from "../../model/capability-names.ts";
import { pidsMax } from "../../model/resources.ts";
import { signalNumber } from "../../model/signal.ts";
import type { ContainerConfig, ContainerLimits } from "./container-config.ts";

const minimumMemoryBytes = 6 * 1024 * 1024;
/** sethostname(2). */
const hostnameMax = 64;

/** Pure: refuses what cannot be meant, on a host with that many processors. INVALID_ARGUMENT in Docker's words. */
export function checkConfig(asked: ContainerConfig, cpuCount: number): void {
  checkLimits(asked.limits, cpuCount);
  checkRestartPolicy(asked.restart);
  checkCapabilities("CapAdd", asked.capabilityAdd);
  checkCapabilities("CapDrop", asked.capabilityDrop);
  for (const path of Object.keys(asked.tmpfs)) {
    if (!path.startsWith("/")) {
      throw invalid(`invalid mount path: '${path}' mount path must be absolute`);
    }
  }
  for (const { ip } of asked.endpoints) {
    if (ip !== "" && !isIPv4(ip)) throw invalid(`invalid IPv4 address: ${ip}`);
  }
  if (asked.hostname.length > hostnameMax) {
    throw invalid(`invalid hostname: it is longer than ${hostnameMax} characters`);
  }
  if (asked.autoRemove && asked.restart.name !== "no") {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  if (asked.networkMode === "host" && asked.endpoints.some(({ ip }) => ip !== "")) {
    throw invalid("conflicting options: a fixed address cannot be used with the host's network");
  }
  for (const host of asked.extraHosts) {
    if (!/^[^:=]+[:=].+$/.test(host)) throw invalid(`invalid IP address in add-host: "${host}"`);
  }
  if (asked.stopSignal !== "") signalNumber(asked.stopSignal);
  checkHealthTimes(asked.healthcheck);
}

/** Pure: the part of `checkConfig` that an update may change. INVALID_ARGUMENT. */
export function checkLimits(limits: ContainerLimits, cpuCount: number): void {
  const { memoryBytes, memoryReservationBytes, memorySwapBytes, pids } = limits;
  const { nanoCpus, cpuPeriodUs, cpuQuotaUs, cpusetCpus } = limits;
  if (memoryBytes > 0 && memoryBytes < minimumMemoryBytes) {
    throw invalid("Minimum memory limit allowed is 6MB");
  }
  if (memoryReservationBytes > 0 && memoryReservationBytes < minimumMemoryBytes) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (memoryBytes > 0 && memoryReservationBytes > memoryBytes) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (memorySwapBytes > 0 && memoryBytes === 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit");
  }
  if (memorySwapBytes > 0 && memorySwapBytes < memoryBytes) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (nanoCpus > 0 && (cpuPeriodUs > 0 || cpuQuotaUs > 0)) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period or Quota cannot both be set");
  }
  if (nanoCpus > cpuCount * 1e9) {
    throw invalid(
      `range of CPUs is from 0.01 to ${cpuCount}.00, as there are only ${cpuCount} CPUs available`,
    );
  }
  if (cpuPeriodUs > 0 && (cpuPeriodUs < 1_000 || cpuPeriodUs > 1_000_000)) {
    throw invalid(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (cpuQuotaUs > 0 && cpuQuotaUs < 1_000) {
    throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (pids > pidsMax) throw invalid(`Invalid value ${pids} for pids limit: ${pidsMax} at most`);
  checkCpuset(cpusetCpus, cpuCount);
}

function checkCapabilities(field: "CapAdd" | "CapDrop", names: readonly string[]): void {
  for (const text of names) {
    const name = capabilityName(text);
    if (!isCapability(name)) throw invalid(`invalid ${field}: unknown capability: "${name}"`);
  }
}

/** Pure: INVALID_ARGUMENT for a count of retries that its policy has no use for. */
export function checkRestartPolicy({ name, retriesMax }: ContainerConfig["restart"]): void {
  if (retriesMax === 0 || name === "on-failure") return;
  throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
}

function checkCpuset(text: string, cpuCount: number): void {
  for (const range of text === "" ? [] : text.split(",")) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined || Number(last) < Number(first)) {
      throw invalid(`Invalid value ${text} for cpuset cpus: write it as 0-2,4`);
    }
    if (Number(last) < cpuCount) continue;
    const available = cpuCount === 1 ? "0" : `0-${cpuCount - 1}`;
    throw invalid(`Requested CPUs are not available - requested ${text}, available: ${available}`);
  }
}

// Zero is the image's, or the default.
function checkHealthTimes(check: ContainerConfig["healthcheck"]): void {
  if (check === undefined) return;
  const times = {
    Interval: check.intervalMs,
    Timeout: check.timeoutMs,
    StartPeriod: check.startPeriodMs,
    StartInterval: check.startIntervalMs,
  };
  for (const [name, ms] of Object.entries(times)) {
    if (ms > 0 && ms < 1) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  }
}

function invalid(message: string): ClusterError {
  return new ClusterError("INVALID_ARGUMENT", message);
}
