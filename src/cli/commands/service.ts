import type { Command } from "commander";
import type {
  ServiceCreateResponseJson,
  ServiceJson,
  ServiceUpdateResponseJson,
} from "../../rest/wire/service.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { formatTable } from "../format/table.ts";
import { shortId } from "../format/units.ts";
import { copyLogs } from "../logs.ts";
import { formatPort } from "../ports.ts";
import { waitForService } from "../progress.ts";
import { addCreateFlags, addUpdateFlags, type ServiceFlags } from "../service-flags.ts";
import { setReplicas, specOfFlags, updatedSpec } from "../service-spec.ts";
import {
  collect,
  filterQuery,
  inspectEach,
  type OpenSession,
  removeEach,
  type Session,
} from "../session.ts";
import { printTasks } from "../tasks.ts";
import { invalid, parseCount } from "../values.ts";

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
  ).action(async (image: string, args: string[], flags: ServiceFlags) => {
    const session = open();
    const { ID, Warnings } = await session.client.post<ServiceCreateResponseJson>(
      "/services/create",
      { body: specOfFlags(image, args, flags) },
    );
    for (const warning of Warnings ?? []) session.warn(warning);
    session.print(ID);
    if (flags.detach !== true) await waitForService(session, ID, flags.quiet ?? false);
  });
  addUpdateFlags(
    service.command("update").description("Change a service").argument("<service>"),
  ).action(async (name: string, flags: ServiceFlags) => {
    const session = open();
    if (flags.rollback === true) {
      await rollback(session, name, flags);
      return;
    }
    await changeService(session, name, flags, (spec) => updatedSpec(spec, flags));
  });
  service
    .command("rollback")
    .description("Go back to the spec before the last update")
    .argument("<service>")
    .option("-d, --detach", "do not wait")
    .option("-q, --quiet", "no progress")
    .action(async (name: string, flags: ServiceFlags) => rollback(open(), name, flags));
  service
    .command("scale")
    .description("Set the number of replicas")
    .argument("<service=replicas...>")
    .option("-d, --detach", "do not wait")
    .action(async (pairs: string[], flags: ServiceFlags) => scale(open(), pairs, flags));
  addQueries(service, open);
}

function addQueries(service: Command, open: OpenSession): void {
  service
    .command("ls")
    .alias("list")
    .description("List services")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("-q, --quiet", "only ids")
    .action(async (options: { filter?: string[]; quiet?: boolean }) => list(open(), options));
  service
    .command("ps")
    .description("List the tasks of services")
    .argument("<service...>")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--no-trunc", "whole ids and errors")
    .option("-q, --quiet", "only ids")
    .action(
      async (names: string[], options: { filter?: string[]; trunc: boolean; quiet?: boolean }) => {
        const session = open();
        const ids: string[] = [];
        for (const name of names) ids.push((await getService(session, name)).ID);
        const filters = filterQuery(options.filter, { service: ids });
        await printTasks(
          session,
          await session.client.get<TaskJson[]>("/tasks", { filters }),
          options,
        );
      },
    );
  service
    .command("inspect")
    .description("Show services in full")
    .argument("<service...>")
    .action(async (names: string[]) => {
      const session = open();
      await inspectEach(session, names, (name) => getService(session, name));
    });
  service
    .command("logs")
    .description("Show the logs of a service's tasks")
    .argument("<service>")
    .option("-f, --follow", "go on with new lines")
    .option("--since <time>", "RFC 3339 time or a duration such as 10m")
    .option("-n, --tail <n>", "lines from the end of each log", "all")
    .option("-t, --timestamps", "show times")
    .option("--raw", "without names")
    .action(
      async (
        name: string,
        options: {
          follow?: boolean;
          since?: string;
          tail: string;
          timestamps?: boolean;
          raw?: boolean;
        },
      ) => {
        const session = open();
        const { ID, Spec } = await getService(session, name);
        await copyLogs(session, `/services/${ID}/logs`, {
          ...options,
          details: options.raw !== true,
          serviceName: Spec.Name,
        });
      },
    );
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
}

async function list(
  session: Session,
  options: { filter?: string[]; quiet?: boolean },
): Promise<void> {
  const services = await session.client.get<ServiceJson[]>("/services", {
    status: true,
    filters: filterQuery(options.filter),
  });
  services.sort((a, b) => a.Spec.Name.localeCompare(b.Spec.Name));
  if (options.quiet === true) {
    for (const { ID } of services) session.print(shortId(ID));
    return;
  }
  const rows = services.map((service) => [
    shortId(service.ID),
    service.Spec.Name,
    modeName(service),
    replicasText(service),
    (service.Spec.TaskTemplate.ContainerSpec?.Image ?? "").split("@")[0] ?? "",
    (service.Endpoint.Ports ?? []).map(formatPort).join(", "),
  ]);
  session.print(formatTable(["ID", "NAME", "MODE", "REPLICAS", "IMAGE", "PORTS"], rows));
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

async function changeService(
  session: Session,
  name: string,
  flags: ServiceFlags,
  change: (spec: ServiceJson["Spec"]) => ServiceJson["Spec"],
): Promise<void> {
  const service = await getService(session, name);
  const { Warnings } = await session.client.post<ServiceUpdateResponseJson>(
    `/services/${service.ID}/update`,
    {
      query: { version: service.Version.Index, registryAuthFrom: "spec" },
      body: change(service.Spec),
    },
  );
  for (const warning of Warnings ?? []) session.warn(warning);
  session.print(name);
  if (flags.detach !== true) await waitForService(session, service.ID, flags.quiet ?? false);
}

async function rollback(session: Session, name: string, flags: ServiceFlags): Promise<void> {
  const service = await getService(session, name);
  await session.client.post(`/services/${service.ID}/update`, {
    query: { version: service.Version.Index, rollback: "previous" },
    body: service.Spec,
  });
  session.print(name);
  if (flags.detach !== true) await waitForService(session, service.ID, flags.quiet ?? false);
}

async function scale(
  session: Session,
  pairs: readonly string[],
  flags: ServiceFlags,
): Promise<void> {
  const wanted = pairs.map((pair) => {
    const [name = "", count = ""] = pair.split("=");
    if (name === "" || count === "") throw invalid("scale", pair, "SERVICE=REPLICAS");
    return { name, replicas: parseCount("scale", count) };
  });
  for (const { name, replicas } of wanted) {
    await changeService(session, name, { ...flags, detach: true }, (spec) => {
      const changed = structuredClone(spec);
      setReplicas(changed, replicas);
      return changed;
    });
  }
  if (flags.detach === true) return;
  for (const { name } of wanted) {
    await waitForService(session, (await getService(session, name)).ID, flags.quiet ?? false);
  }
}

async function getService(session: Session, name: string): Promise<ServiceJson> {
  return await session.client.get<ServiceJson>(`/services/${encodeURIComponent(name)}`);
}
