import { isClusterError } from "../../base/errors.ts";
import type { ContainerSpec } from "../../gen/skep/ContainerSpec.ts";
import { capabilityName, isCapability } from "../capability-names.ts";
import { signalNumber } from "../signal.ts";
import { checkInteger, firstDuplicate, invalid } from "./refuse.ts";

/** Limits by their names in the kernel, RLIMIT_… (getrlimit(2)). */
const limitNames = new Set(
  `as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending
stack`.split(/\s+/),
);
/** Settings that a container has of its own (runc's and Docker's list); all others are the whole node's. */
const ownSysctls =
  /^(net\.|fs\.mqueue\.|kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|domainname)$)/;

/** Checks how a container's process is run. INVALID_ARGUMENT naming the option. */
export function checkProcess(container: ContainerSpec): void {
  for (const entry of container.env) {
    if (entry.startsWith("=") || entry === "" || entry.includes("\0")) {
      throw invalid(`env "${entry}"`, "write it as NAME=value");
    }
  }
  checkStopSignal(container.stopSignal);
  if (container.user !== "" && !/^[^\s:\p{Cc}]+(:[^\s:\p{Cc}]+)?$/u.test(container.user)) {
    throw invalid(`user "${container.user}"`, "write it as user[:group] or uid[:gid]");
  }
  for (const group of container.groups) {
    if (!/^[^\s:\p{Cc}]+$/u.test(group)) throw invalid(`group "${group}"`, "give a name or number");
  }
  if (container.dir !== "" && !container.dir.startsWith("/")) {
    throw invalid(`workdir "${container.dir}"`, "it must be an absolute path");
  }
  if (!["", "true", "false"].includes(container.init)) {
    throw invalid(`init "${container.init}"`, "use true, false, or leave it out");
  }
  if (!["", "default"].includes(container.isolation)) {
    throw invalid(`isolation "${container.isolation}"`, "Linux nodes know only the default");
  }
  checkInteger("oom-score-adj", container.oomScoreAdj, -1000, 1000);
  checkSysctls(container.sysctls);
  for (const name of [...container.capabilityAdd, ...container.capabilityDrop]) {
    checkCapability(name);
  }
  const twice = firstDuplicate(container.ulimits.map(({ name }) => name));
  if (twice !== undefined) throw invalid(`ulimit "${twice}"`, "it is given twice");
  for (const limit of container.ulimits) {
    if (!limitNames.has(limit.name)) {
      throw invalid(`ulimit "${limit.name}"`, "give a name, as nofile or nproc");
    }
    // -1 stands for no limit.
    checkInteger(`ulimit ${limit.name} soft`, limit.soft, -1, Number.MAX_SAFE_INTEGER);
    checkInteger(`ulimit ${limit.name} hard`, limit.hard, -1, Number.MAX_SAFE_INTEGER);
    if (limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard)) {
      throw invalid(`ulimit ${limit.name}`, "the soft limit is above the hard limit");
    }
  }
}

function checkStopSignal(text: string): void {
  if (text === "") return;
  try {
    signalNumber(text);
  } catch (error) {
    if (!isClusterError(error, "INVALID_ARGUMENT")) throw error;
    throw invalid(`stop-signal "${text}"`, "give a name or number, as SIGTERM", error);
  }
}

function checkSysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(sysctls)) {
    // Nothing can be written to a setting by writing nothing.
    if (value === "" || !/^[a-z0-9_]+([./][\w-]+)+$/i.test(key)) {
      throw invalid(`sysctl "${key}"`, "write it as net.core.somaxconn=1024");
    }
    if (!ownSysctls.test(key.replaceAll("/", "."))) {
      throw invalid(
        `sysctl "${key}"`,
        "it is a setting of the whole node, not of a container: set it there",
      );
    }
  }
}

function checkCapability(text: string): void {
  if (!isCapability(capabilityName(text))) {
    throw invalid(`capability "${text}"`, "give the name of one, as NET_ADMIN, or ALL");
  }
}
