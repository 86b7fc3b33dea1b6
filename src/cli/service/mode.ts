import type { ServiceModeJson, ServiceSpecJson } from "../../rest/wire/service.ts";
import { invalid, parseChoice, parseCount } from "../values.ts";
import type { ServiceFlags } from "./flags.ts";

const onlyReplicated =
  "left out: only services in replicated or replicated-job mode have a number of replicas";

/** The mode that `--mode`, `--replicas` and `--max-concurrent` ask for. */
export function modeOf(flags: ServiceFlags): ServiceModeJson {
  const mode = parseChoice("--mode", flags.mode ?? "replicated", [
    "replicated",
    "global",
    "replicated-job",
    "global-job",
  ]);
  if (flags.replicas !== undefined && mode.startsWith("global")) {
    throw invalid("--replicas", flags.replicas, onlyReplicated);
  }
  if (flags.maxConcurrent !== undefined && mode !== "replicated-job") {
    throw invalid("--max-concurrent", flags.maxConcurrent, "left out: it is for replicated-job");
  }
  const replicas =
    flags.replicas === undefined ? undefined : parseCount("--replicas", flags.replicas);
  switch (mode) {
    case "replicated":
      return { Replicated: { Replicas: replicas ?? 1 } };
    case "global":
      return { Global: {} };
    case "global-job":
      return { GlobalJob: {} };
    case "replicated-job": {
      const total = replicas ?? 1;
      const concurrent =
        flags.maxConcurrent === undefined
          ? total
          : parseCount("--max-concurrent", flags.maxConcurrent);
      return { ReplicatedJob: { MaxConcurrent: concurrent, TotalCompletions: total } };
    }
  }
}

/** Sets the number of replicas; INVALID_ARGUMENT for a global service. */
export function setReplicas(spec: ServiceSpecJson, replicas: number): void {
  const { Replicated, ReplicatedJob } = spec.Mode;
  if (Replicated !== undefined) Replicated.Replicas = replicas;
  else if (ReplicatedJob !== undefined) ReplicatedJob.TotalCompletions = replicas;
  else throw invalid("--replicas", String(replicas), onlyReplicated);
}

/** Sets how many tasks of a job run at once; INVALID_ARGUMENT for other services. */
export function setMaxConcurrent(spec: ServiceSpecJson, count: number): void {
  if (spec.Mode.ReplicatedJob === undefined) {
    throw invalid("--max-concurrent", String(count), "left out: it is for replicated-job");
  }
  spec.Mode.ReplicatedJob.MaxConcurrent = count;
}
