import type { DryRunResponseJson, DryRunServiceJson } from "../../../rest/wire/dry-run.ts";
import { byText } from "../names.ts";
import { flatFields } from "./compare-specs.ts";
import type { FileStep, ServiceStep, StackPlan } from "./plan-stack.ts";

/** Pure: what a deploy would create (+), change (~, field by field) and remove (-). "" when nothing. */
export function diffText(plan: StackPlan, prune: boolean): string {
  const lines: string[] = [];
  for (const { Name, Driver } of plan.networks) lines.push(`+ network ${Name} (${Driver})`);
  for (const step of plan.secrets) lines.push(...fileLines("secret", step));
  for (const step of plan.configs) lines.push(...fileLines("config", step));
  for (const step of plan.services) lines.push(...serviceLines(step));
  for (const { Spec } of plan.orphans) {
    lines.push(
      prune
        ? `- service ${Spec.Name}`
        : `  service ${Spec.Name} is in no compose file (--prune removes it)`,
    );
  }
  return lines.join("\n");
}

/** Pure: where the tasks would run, and which could not. */
export function placementText({ Services }: DryRunResponseJson): string {
  return Services.map(placementOf).join("\n");
}

function fileLines(noun: "secret" | "config", { request, action }: FileStep): string[] {
  const { Name } = request;
  switch (action) {
    case "create":
      return [`+ ${noun} ${Name}`];
    case "labels":
      return [`~ ${noun} ${Name}`, "    ~ Labels"];
    case "changed":
      return [`! ${noun} ${Name} has other data, which cannot be changed: give it another name`];
    case "check":
    case "keep":
      return [];
  }
}

function serviceLines({ name, spec, present, changes }: ServiceStep): string[] {
  if (present === undefined) {
    const fields = [...flatFields(spec)]
      .filter(([field]) => field !== "Name" && !field.includes("[com.docker.stack."))
      .sort(([a], [b]) => byText(a, b));
    return [
      `+ service ${name}`,
      ...fields.flatMap(([field, value]) =>
        value === "(there)" ? [] : [`    + ${field}: ${value}`],
      ),
    ];
  }
  if (changes.length === 0) return [];
  return [
    `~ service ${name}`,
    ...changes.map(({ field, before, after }) => {
      if (before === undefined) return `    + ${field}${valueText(after)}`;
      if (after === undefined) return `    - ${field}${valueText(before)}`;
      return `    ~ ${field}: ${before} -> ${after}`;
    }),
  ];
}

function valueText(value: string | undefined): string {
  return value === "(there)" ? "" : `: ${value}`;
}

function placementOf({ Name, Tasks, Unplaced, Refusal }: DryRunServiceJson): string {
  if (Refusal !== "") return `service ${Name} would be refused: ${Refusal}`;
  const lines = [`service ${Name}`];
  const hosts = new Map<string, { kept: number; fresh: number }>();
  for (const { Hostname, Kept } of Tasks) {
    const counts = hosts.get(Hostname) ?? { kept: 0, fresh: 0 };
    if (Kept) counts.kept += 1;
    else counts.fresh += 1;
    hosts.set(Hostname, counts);
  }
  for (const [hostname, { kept, fresh }] of hosts) {
    const parts = [
      ...(fresh > 0 ? [`${fresh} new task${fresh > 1 ? "s" : ""}`] : []),
      ...(kept > 0 ? [`${kept} as now`] : []),
    ];
    lines.push(`    ${hostname}: ${parts.join(", ")}`);
  }
  for (const { Count, Explanation } of Unplaced) {
    lines.push(`    ! ${Count} task${Count > 1 ? "s" : ""} could not be placed: ${Explanation}`);
  }
  if (lines.length === 1) lines.push("    no tasks");
  return lines.join("\n");
}
