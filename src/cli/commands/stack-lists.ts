import type { Command } from "commander";
import type { ServiceJson } from "../../rest/wire/service.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { checkStackName, stackLabel } from "../compose/names.ts";
import { checkFormat, formatHelp } from "../format/list.ts";
import { collect, filterQuery, type OpenSession, printList } from "../session.ts";
import { printTasks, type TaskListOptions } from "../tasks.ts";
import { invalid, splitPair } from "../values.ts";
import { printServices, type ServiceListOptions } from "./service.ts";

interface StackListOptions {
  filter?: string[];
  quiet?: boolean;
  format?: string;
}

const columns = [
  ["NAME", "Name"],
  ["SERVICES", "Services"],
  ["ORCHESTRATOR", "Orchestrator", "hidden"],
] as const;

/** `skep stack ls`, `ps` and `services` */
export function addStackLists(stack: Command, open: OpenSession): void {
  stack
    .command("ls")
    .alias("list")
    .description("List stacks")
    .option("-f, --filter <filter>", "name=PART: only stacks with this in their names", collect)
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only names")
    .action(async (options: StackListOptions) => {
      const session = open();
      const parts = nameParts(options.filter);
      const filters = filterQuery([], { label: [stackLabel] });
      const services = await session.client.get<ServiceJson[]>("/services", { filters });
      const rows = stackRows(services).filter(([name = ""]) =>
        parts.every((part) => name.includes(part)),
      );
      printList(session, columns, rows, options);
    });
  stack
    .command("services")
    .description("List the services of a stack")
    .argument("<stack>")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("--no-trunc", "whole ids")
    .option("-q, --quiet", "only ids")
    .action(async (name: string, options: ServiceListOptions) => {
      checkFormat(options.format);
      const session = open();
      const filters = stackFilters(name, options.filter);
      const query = { status: true, filters };
      const services = await session.client.get<ServiceJson[]>("/services", query);
      if (services.length === 0) {
        // As docker's, which fails for `stack ps` alone.
        session.warn(`Nothing found in stack: ${name}`);
        return;
      }
      printServices(session, services, options);
    });
  stack
    .command("ps")
    .description("List the tasks of a stack")
    .argument("<stack>")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("--no-resolve", "ids instead of names")
    .option("--no-trunc", "whole ids and errors")
    .option("-q, --quiet", "only ids")
    .action(async (name: string, options: TaskListOptions & { filter?: string[] }) => {
      checkFormat(options.format);
      const session = open();
      const filters = stackFilters(name, options.filter);
      const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
      if (tasks.length === 0) throw new Error(`nothing found in stack: ${name}`);
      await printTasks(session, tasks, options);
    });
}

function nameParts(filters: readonly string[] = []): string[] {
  return filters.map((text) => {
    const [key, value] = splitPair(text);
    if (key !== "name" || value === "") throw invalid("--filter", text, "name=PART");
    return value;
  });
}

/** Pure: a row a stack, with how many services it has. */
export function stackRows(services: readonly ServiceJson[]): string[][] {
  const counts = new Map<string, number>();
  for (const { Spec } of services) {
    const name = Spec.Labels[stackLabel] ?? "";
    if (name !== "") counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([name, count]) => [name, String(count), "Swarm"]);
}

function stackFilters(name: string, filters: readonly string[] = []): string | undefined {
  const label = `label=${stackLabel}=${checkStackName(name)}`;
  return filterQuery([label, ...filters]);
}
