import type { ResourceRequirements } from "../../gen/skep/ResourceRequirements.ts";
import type { Resources } from "../../gen/skep/Resources.ts";
import { pidsMax } from "../resources.ts";
import { checkInteger, firstDuplicate, invalid } from "./refuse.ts";

const nanoCpusMin = 1_000_000;
const memoryBytesMin = 4 * 1024 * 1024;

/** Checks limits and reservations: CPU at least 0.001, memory at least 4 MiB, 0 for none. */
export function checkResources(requirements: ResourceRequirements | null): void {
  checkAmounts("limit", requirements?.limits ?? null);
  checkAmounts("reserve", requirements?.reservations ?? null);
  if ((requirements?.limits?.generic.length ?? 0) > 0) {
    throw invalid("limit generic-resource", "generic resources can only be reserved");
  }
  const kinds: string[] = [];
  for (const { named, discrete } of requirements?.reservations?.generic ?? []) {
    if (named) {
      throw invalid(
        `generic-resource "${named.kind}"`,
        `reserve a number of them (${named.kind}=1), not one by name`,
      );
    }
    const kind = discrete?.kind ?? "";
    if (!/^[a-zA-Z0-9][\w.-]*$/.test(kind)) {
      throw invalid(`generic-resource "${kind}"`, "use letters, digits, '_', '.' and '-'");
    }
    checkInteger(`generic-resource "${kind}"`, discrete?.value ?? 0, 1, Number.MAX_SAFE_INTEGER);
    kinds.push(kind);
  }
  const twice = firstDuplicate(kinds);
  if (twice !== undefined) throw invalid(`generic-resource "${twice}"`, "it is given twice");
}

function checkAmounts(prefix: string, resources: Resources | null): void {
  if (!resources) return;
  const { nanoCpus, memoryBytes, pids } = resources;
  checkInteger(`${prefix}-cpu`, nanoCpus, 0, Number.MAX_SAFE_INTEGER);
  if (nanoCpus > 0 && nanoCpus < nanoCpusMin) {
    throw invalid(`${prefix}-cpu`, `${nanoCpus / 1e9} is too little: give at least 0.001`);
  }
  checkInteger(`${prefix}-memory`, memoryBytes, 0, Number.MAX_SAFE_INTEGER);
  if (memoryBytes > 0 && memoryBytes < memoryBytesMin) {
    throw invalid(`${prefix}-memory`, `${memoryBytes} bytes is too little: give at least 4 MiB`);
  }
  checkInteger(`${prefix}-pids`, pids, 0, pidsMax);
}
