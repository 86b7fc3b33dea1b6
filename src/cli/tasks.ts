import type { NodeJson } from "../rest/wire/node.ts";
import type { ServiceJson } from "../rest/wire/service.ts";
import type { TaskJson } from "../rest/wire/task.ts";
import { formatTable } from "./format/table.ts";
import { formatElapsed, parseTime, shortId } from "./format/units.ts";
import { formatPort } from "./ports.ts";
import type { Session } from "./session.ts";

/** Prints tasks as `service ps` and `node ps` do: by slot, the newest first, earlier ones with `\_`. */
export async function printTasks(
  session: Session,
  tasks: readonly TaskJson[],
  options: { readonly trunc: boolean; readonly quiet?: boolean },
): Promise<void> {
  const services = await session.client.get<ServiceJson[]>("/services");
  const nodes = await session.client.get<NodeJson[]>("/nodes");
  const serviceNames = new Map(services.map(({ ID, Spec }) => [ID, Spec.Name]));
  const nodeNames = new Map(nodes.map(({ ID, Description }) => [ID, Description.Hostname ?? ID]));
  const sorted = sortTasks(tasks, serviceNames);
  if (options.quiet === true) {
    for (const { ID } of sorted) session.print(options.trunc ? shortId(ID) : ID);
    return;
  }
  let previous = "";
  const rows = sorted.map((task) => {
    const name = taskLabel(task, serviceNames);
    const shown = name === previous ? ` \\_ ${name}` : name;
    previous = name;
    return taskRow(task, shown, nodeNames, session.now(), options.trunc);
  });
  session.print(
    formatTable(
      ["ID", "NAME", "IMAGE", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR", "PORTS"],
      rows,
    ),
  );
}

function sortTasks(
  tasks: readonly TaskJson[],
  serviceNames: ReadonlyMap<string, string>,
): TaskJson[] {
  const key = (task: TaskJson): string => taskLabel(task, serviceNames);
  return [...tasks].sort(
    (a, b) =>
      key(a).localeCompare(key(b), "en", { numeric: true }) ||
      parseTime(b.CreatedAt) - parseTime(a.CreatedAt),
  );
}

function taskLabel(task: TaskJson, serviceNames: ReadonlyMap<string, string>): string {
  const service = serviceNames.get(task.ServiceID ?? "") ?? task.ServiceID ?? "";
  return `${service}.${task.Slot ? task.Slot : (task.NodeID ?? "")}`;
}

function taskRow(
  task: TaskJson,
  name: string,
  nodeNames: ReadonlyMap<string, string>,
  nowMs: number,
  trunc: boolean,
): string[] {
  const image = task.Spec.ContainerSpec?.Image ?? "";
  const state = task.Status.State ?? "new";
  const error = task.Status.Err ?? "";
  const elapsed = formatElapsed(nowMs - parseTime(task.Status.Timestamp)).toLowerCase();
  const shortError = error.length > 30 ? `${error.slice(0, 29)}…` : error;
  return [
    trunc ? shortId(task.ID) : task.ID,
    name,
    trunc ? (image.split("@")[0] ?? image) : image,
    nodeNames.get(task.NodeID ?? "") ?? "",
    capital(task.DesiredState ?? ""),
    `${capital(state)} ${elapsed} ago`,
    error === "" ? "" : `"${trunc ? shortError : error}"`,
    (task.Status.PortStatus.Ports ?? []).map(formatPort).join(","),
  ];
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
