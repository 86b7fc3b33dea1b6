import type { Command } from "commander";
import type { ServiceJson } from "../../rest/wire/service.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { formatHelp } from "../format/list.ts";
import { shortId } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import { formatPort } from "../ports.ts";
import { prettyService } from "../pretty/service.ts";
import { addCreateFlags, addUpdateFlags, type ServiceFlags } from "../service/flags.ts";
import { type ServiceLogOptions, showLogs } from "../service/logs.ts";
import {
  changeService,
  createService,
  getService,
  rollbackService,
  scaleServices,
} from "../service/write.ts";
import {
  collect,
  filterQuery,
  type OpenSession,
  printList,
  removeEach,
  type Session,
} from "../session.ts";
import { printTasks, type TaskListOptions } from "../tasks.ts";
import { addServiceRebalance } from "./service-rebalance.ts";

/** What `service ls` and `stack services` are asked for. */
export interface ServiceListOptions {
  filter?: string[];
  quiet?: boolean;
  trunc?: boolean;
  format?: string;
}

const columns = [
  ["ID", "ID"],
  ["NAME", "Name"],
  ["MODE", "Mode"],
  ["REPLICAS", "Replicas"],
  ["IMAGE", "Image"],
  ["PORTS", "Ports"],
] as const;

/** `skep service …` */
export function addServiceCommands(program: Command, open: OpenSession): void {
  const service = program.command("service").description("Manage services");
  addCreateFlags(
    service
      .command("create")
      .description("Create a service")
      .argument("<image>")
      .argument("[command...]", "command and arguments")
      .passThroughOptions(),
  ).action(async (image: string, args: string[], flags: ServiceFlags) =>
    createService(open(), image, args, flags),
  );
  addUpdateFlags(
    service.command("update").description("Change a service").argument("<service>"),
  ).action(async (name: string, flags: ServiceFlags) => {
    if (flags.rollback === true) await rollbackService(open(), name, flags);
    else await changeService(open(), name, flags);
  });
  service
    .command("rollback")
    .description("Go back to the spec before the last update")
    .argument("<service>")
    .option("-d, --detach", "do not wait until the service has converged")
    .option("-q, --quiet", "no progress")
    .action(async (name: string, flags: ServiceFlags) => rollbackService(open(), name, flags));
  service
    .command("scale")
    .description("Set the number of replicas")
    .argument("<service=replicas...>")
    .option("-d, --detach", "do not wait until the services have converged")
    .action(async (pairs: string[], flags: ServiceFlags) => scaleServices(open(), pairs, flags));
  service
    .command("rm")
    .alias("remove")
    .description("Remove services")
    .argument("<service...>")
    .action(async (names: string[]) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        await session.client.delete(`/services/${encodeURIComponent(name)}`);
        return name;
      });
    });
  addServiceRebalance(service, open);
  addQueries(service, open);
}

function addQueries(service: Command, open: OpenSession): void {
  service
    .command("ls")
    .alias("list")
    .description("List services")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("--no-trunc", "whole ids")
    .option("-q, --quiet", "only ids")
    .action(async (options: ServiceListOptions) => list(open(), options));
  service
    .command("ps")
    .description("List the tasks of services")
    .argument("<service...>")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("--no-resolve", "ids instead of names")
    .option("--no-trunc", "whole ids and errors")
    .option("-q, --quiet", "only ids")
    .action(async (names: string[], options: TaskListOptions & { filter?: string[] }) => {
      const session = open();
      const ids: string[] = [];
      for (const name of names) ids.push((await getService(session, name)).ID);
      const filters = filterQuery(options.filter, { service: ids });
      const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
      await printTasks(session, tasks, options);
    });
  addInspect(service, open, {
    description: "Show services in full",
    argument: "<service...>",
    get: async (session, name, { pretty = false }) => {
      const service = await getService(session, name);
      return pretty ? await withNetworkNames(session, service) : service;
    },
    pretty: prettyService,
  });
  service
    .command("logs")
    .description("Show the logs of a service's tasks, or of one task")
    .argument("<service|task>")
    .option("-f, --follow", "go on with new lines")
    .option("--since <time>", "RFC 3339 time or a duration such as 10m")
    .option("--until <time>", "RFC 3339 time or a duration such as 10m")
    .option("-n, --tail <n>", "lines from the end of each log", "all")
    .option("-t, --timestamps", "show times")
    .option("--no-resolve", "ids instead of names")
    .option("--no-task-ids", "leave the task's id out")
    .option("--no-trunc", "whole ids")
    .option("--raw", "only what the tasks wrote")
    .option("--details", "show also what the log driver adds")
    .action(async (name: string, options: ServiceLogOptions) => showLogs(open(), name, options));
}

async function list(session: Session, options: ServiceListOptions): Promise<void> {
  const services = await session.client.get<ServiceJson[]>("/services", {
    status: true,
    filters: filterQuery(options.filter),
  });
  printServices(session, services, options);
}

/** Prints services, with their counts, as `service ls` does. */
export function printServices(
  session: Session,
  services: ServiceJson[],
  options: ServiceListOptions,
): void {
  services.sort((a, b) => a.Spec.Name.localeCompare(b.Spec.Name, "en", { numeric: true }));
  const rows = services.map((service) => [
    options.trunc === false ? service.ID : shortId(service.ID),
    service.Spec.Name,
    modeName(service),
    replicasText(service),
    (service.Spec.TaskTemplate.ContainerSpec?.Image ?? "").split("@")[0] ?? "",
    (service.Endpoint.Ports ?? []).map(formatPort).join(", "),
  ]);
  printList(session, columns, rows, options);
}

function modeName({ Spec: { Mode } }: ServiceJson): string {
  if (Mode.Global !== undefined) return "global";
  if (Mode.ReplicatedJob !== undefined) return "replicated job";
  return Mode.GlobalJob === undefined ? "replicated" : "global job";
}

function replicasText({ Spec: { Mode, TaskTemplate }, ServiceStatus }: ServiceJson): string {
  const text = `${ServiceStatus?.RunningTasks ?? 0}/${ServiceStatus?.DesiredTasks ?? 0}`;
  const max = TaskTemplate.Placement?.MaxReplicas ?? 0;
  if (Mode.ReplicatedJob !== undefined) {
    return `${text} (${ServiceStatus?.CompletedTasks ?? 0}/${Mode.ReplicatedJob.TotalCompletions ?? 0} completed)`;
  }
  return max > 0 ? `${text} (max ${max} per node)` : text;
}

// For people: names in place of ids; a network that is gone keeps its id.
async function withNetworkNames(session: Session, service: ServiceJson): Promise<ServiceJson> {
  const networks = await session.client.get<{ Id: string; Name: string }[]>("/networks");
  const names = new Map(networks.map(({ Id, Name }) => [Id, Name]));
  const { TaskTemplate } = service.Spec;
  const Networks = (TaskTemplate.Networks ?? []).map((one) => ({
    ...one,
    Target: names.get(one.Target ?? "") ?? one.Target ?? "",
  }));
  return { ...service, Spec: { ...service.Spec, TaskTemplate: { ...TaskTemplate, Networks } } };
}
