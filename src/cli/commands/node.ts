import type { Command } from "commander";
import type { NodeJson } from "../../rest/wire/node.ts";
import type { InfoJson } from "../../rest/wire/system.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { formatHelp } from "../format/list.ts";
import { addInspect } from "../inspect.ts";
import { prettyNode } from "../pretty/node.ts";
import {
  collect,
  filterQuery,
  type OpenSession,
  printList,
  removeEach,
  type Session,
} from "../session.ts";
import { printTasks, type TaskListOptions } from "../tasks.ts";
import { invalid, parseChoice, parseLabels } from "../values.ts";
import { addNodeDrain } from "./node-drain.ts";

interface UpdateOptions {
  availability?: string;
  role?: string;
  labelAdd?: string[];
  labelRm?: string[];
}

interface ListOptions {
  filter?: string[];
  quiet?: boolean;
  format?: string;
}

const columns = [
  ["ID", "ID"],
  ["HOSTNAME", "Hostname"],
  ["STATUS", "Status"],
  ["AVAILABILITY", "Availability"],
  ["MANAGER STATUS", "ManagerStatus"],
  ["ENGINE VERSION", "EngineVersion"],
  ["TLS STATUS", "TLSStatus", "hidden"],
  ["SELF", "Self", "flag"],
] as const;

/** `skep node …` */
export function addNodeCommands(program: Command, open: OpenSession): void {
  const node = program.command("node").description("Manage the nodes of the swarm");
  node
    .command("ls")
    .alias("list")
    .description("List nodes")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only ids")
    .action(async (options: ListOptions) => list(open(), options));
  addInspect(node, open, {
    description: "Show nodes in full: self, id or host name",
    argument: "<node...>",
    get: getNode,
    pretty: prettyNode,
  });
  node
    .command("ps")
    .description("List the tasks of nodes, of this one by default")
    .argument("[node...]")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("--no-resolve", "ids instead of names")
    .option("--no-trunc", "whole ids and errors")
    .option("-q, --quiet", "only ids")
    .action(async (names: string[], options: TaskListOptions & { filter?: string[] }) => {
      const session = open();
      const tasks: TaskJson[] = [];
      for (const name of names.length > 0 ? names : ["self"]) {
        const { ID } = await getNode(session, name);
        const filters = filterQuery(options.filter, { node: [ID] });
        tasks.push(...(await session.client.get<TaskJson[]>("/tasks", { filters })));
      }
      await printTasks(session, tasks, options);
    });
  node
    .command("update")
    .description("Change a node's availability, role or labels")
    .argument("<node>")
    .option("--availability <word>", "active, pause or drain")
    .option("--role <word>", "worker or manager")
    .option("--label-add <label>", "key=value", collect)
    .option("--label-rm <key>", "label to remove", collect)
    .action(async (name: string, options: UpdateOptions) => {
      const session = open();
      await update(session, name, options);
      session.print(name);
    });
  addNodeDrain(node, open, getNode);
  for (const [verb, role, done] of [
    ["promote", "manager", "promoted to a manager in the swarm."],
    ["demote", "worker", "demoted in the swarm."],
  ] as const) {
    node
      .command(verb)
      .description(`Make nodes ${role}s`)
      .argument("<node...>")
      .action(async (names: string[]) => {
        const session = open();
        await removeEach(session, names, async (name) => {
          const node = await getNode(session, name);
          if (node.Spec.Role === role) return `Node ${name} is already a ${role}.`;
          await update(session, name, { role });
          return verb === "promote" ? `Node ${name} ${done}` : `Manager ${name} ${done}`;
        });
      });
  }
  node
    .command("rm")
    .alias("remove")
    .description("Remove nodes from the swarm")
    .argument("<node...>")
    .option("-f, --force", "also a node that is up")
    .action(async (names: string[], options: { force?: boolean }) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        const path = `/nodes/${encodeURIComponent(await refOf(session, name))}`;
        await session.client.delete(path, { force: options.force ? 1 : 0 });
        return name;
      });
    });
}

async function list(session: Session, options: ListOptions): Promise<void> {
  const nodes = await session.client.get<NodeJson[]>("/nodes", {
    filters: filterQuery(options.filter),
  });
  const hostname = ({ Description }: NodeJson): string => Description.Hostname ?? "";
  nodes.sort((a, b) => hostname(a).localeCompare(hostname(b), "en", { numeric: true }));
  const { NodeID: self, Cluster: cluster } = (await session.client.get<InfoJson>("/info")).Swarm;
  const tlsStatus = ({ Description }: NodeJson): string => {
    const { TrustRoot: root = "" } = Description.TLSInfo;
    if (root === "") return "Unknown";
    return root === cluster?.TLSInfo.TrustRoot ? "Ready" : "Needs Rotation";
  };
  const marked = options.quiet !== true && (options.format ?? "table") === "table";
  const rows = nodes.map((node) => [
    marked && node.ID === self ? `${node.ID} *` : node.ID,
    hostname(node),
    capital(node.Status.State ?? "unknown"),
    capital(node.Spec.Availability ?? "active"),
    node.ManagerStatus === undefined
      ? ""
      : node.ManagerStatus.Leader === true
        ? "Leader"
        : capital(node.ManagerStatus.Reachability ?? "unknown"),
    node.Description.Engine.EngineVersion ?? "",
    tlsStatus(node),
    String(node.ID === self),
  ]);
  printList(session, columns, rows, options);
}

async function getNode(session: Session, name: string): Promise<NodeJson> {
  const ref = await refOf(session, name);
  return await session.client.get<NodeJson>(`/nodes/${encodeURIComponent(ref)}`);
}

// "self" is the node that is asked; by its id, for a dockerd does not know the word everywhere.
async function refOf(session: Session, name: string): Promise<string> {
  return name === "self" ? (await session.client.get<InfoJson>("/info")).Swarm.NodeID : name;
}

async function update(session: Session, name: string, options: UpdateOptions): Promise<void> {
  checkUpdate(options);
  const { ID, Spec, Version } = await getNode(session, name);
  const labels = { ...Spec.Labels, ...parseLabels("--label-add", options.labelAdd ?? []) };
  for (const key of options.labelRm ?? []) {
    if (!Object.hasOwn(Spec.Labels ?? {}, key)) {
      throw invalid("--label-rm", key, "a label of the node: it has none by this name");
    }
    delete labels[key];
  }
  const body = {
    ...Spec,
    Labels: labels,
    ...(options.role === undefined ? {} : { Role: options.role }),
    ...(options.availability === undefined ? {} : { Availability: options.availability }),
  };
  await session.client.post(`/nodes/${ID}/update`, { query: { version: Version.Index }, body });
}

// Before the daemon is asked anything.
function checkUpdate({ role, availability, labelAdd, labelRm }: UpdateOptions): void {
  parseLabels("--label-add", labelAdd ?? []);
  for (const key of labelRm ?? []) {
    if (!/^[^=\s]+$/.test(key)) throw invalid("--label-rm", key, "a key, without =value");
  }
  if (role !== undefined) parseChoice("--role", role, ["worker", "manager"]);
  if (availability !== undefined) {
    parseChoice("--availability", availability, ["active", "pause", "drain"]);
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
