import { elapsedInWords } from "../base/elapsed.ts";
import type { NodeJson } from "../rest/wire/node.ts";
import type { ServiceJson } from "../rest/wire/service.ts";
import type { TaskJson } from "../rest/wire/task.ts";
import { parseTime, shortId } from "./format/units.ts";
import { formatPort } from "./ports.ts";
import { hasSlots } from "./service/convergence.ts";
import { printList, type Session } from "./session.ts";

export interface TaskListOptions {
  readonly trunc: boolean;
  /** False: ids instead of names. */
  readonly resolve?: boolean;
  readonly quiet?: boolean;
  readonly format?: string;
}

const columns = [
  ["ID", "ID"],
  ["NAME", "Name"],
  ["IMAGE", "Image"],
  ["NODE", "Node"],
  ["DESIRED STATE", "DesiredState"],
  ["CURRENT STATE", "CurrentState"],
  ["ERROR", "Error"],
  ["PORTS", "Ports"],
] as const;

/** Prints tasks as `service ps` and `node ps` do: by slot, the newest first, earlier ones with `\_`. */
export async function printTasks(
  session: Session,
  tasks: readonly TaskJson[],
  options: TaskListOptions,
): Promise<void> {
  const names = options.resolve === false ? noNames : await objectNames(session);
  printList(session, columns, taskRows(tasks, names, session.now(), options), options);
}

/** What ids of services and nodes are called. */
export interface ObjectNames {
  readonly services: ReadonlyMap<string, ServiceName>;
  readonly nodes: ReadonlyMap<string, string>;
}

export interface ServiceName {
  readonly name: string;
  /** Its tasks are told apart by number, else by node. */
  readonly slotted: boolean;
}

/** Names nothing: ids are shown. */
export const noNames: ObjectNames = { services: new Map(), nodes: new Map() };

/** Asks the daemon for the names of all services and nodes. */
export async function objectNames(session: Session): Promise<ObjectNames> {
  const services = await session.client.get<ServiceJson[]>("/services");
  const nodes = await session.client.get<NodeJson[]>("/nodes");
  return {
    services: new Map(
      services.map((service) => [
        service.ID,
        { name: service.Spec.Name, slotted: hasSlots(service) },
      ]),
    ),
    nodes: new Map(nodes.map(({ ID, Description }) => [ID, Description.Hostname ?? ID])),
  };
}

/** Pure: the rows of `service ps`. */
export function taskRows(
  tasks: readonly TaskJson[],
  names: ObjectNames,
  nowMs: number,
  options: TaskListOptions,
): string[][] {
  let previous = "";
  return sortTasks(tasks, names.services).map((task) => {
    const name = taskLabel(task, names.services);
    const history = name === previous && (options.format ?? "table") === "table";
    previous = name;
    return taskRow(task, history ? ` \\_ ${name}` : name, names.nodes, nowMs, options.trunc);
  });
}

function sortTasks(
  tasks: readonly TaskJson[],
  services: ReadonlyMap<string, ServiceName>,
): TaskJson[] {
  const key = (task: TaskJson): string => taskLabel(task, services);
  return [...tasks].sort(
    (a, b) =>
      key(a).localeCompare(key(b), "en", { numeric: true }) ||
      parseTime(b.CreatedAt) - parseTime(a.CreatedAt),
  );
}

/** "web.1", or "agent.<node id>" for a task of a global service. */
export function taskLabel(task: TaskJson, services: ReadonlyMap<string, ServiceName>): string {
  const service = services.get(task.ServiceID ?? "");
  // The slot 0 of a job is left out in the API's JSON.
  const slotted = service?.slotted ?? task.Slot !== undefined;
  return `${service?.name ?? task.ServiceID ?? ""}.${slotted ? (task.Slot ?? 0) : (task.NodeID ?? "")}`;
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
  const elapsed = elapsedInWords(nowMs - parseTime(task.Status.Timestamp)).toLowerCase();
  const shortError = error.length > 30 ? `${error.slice(0, 29)}…` : error;
  return [
    trunc ? shortId(task.ID) : task.ID,
    name,
    trunc ? (image.split("@")[0] ?? image) : image,
    nodeNames.get(task.NodeID ?? "") ?? task.NodeID ?? "",
    capital(task.DesiredState ?? ""),
    `${capital(state)} ${elapsed} ago`,
    error === "" ? "" : `"${trunc ? shortError : error}"`,
    (task.Status.PortStatus.Ports ?? []).map(formatPort).join(","),
  ];
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
