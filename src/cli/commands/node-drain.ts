import type { Command } from "commander";
import type { NodeJson } from "../../rest/wire/node.ts";
import type { TaskJson } from "../../rest/wire/task.ts";
import { pause } from "../pause.ts";
import { filterQuery, type OpenSession, type Session } from "../session.ts";
import { objectNames, taskLabel } from "../tasks.ts";
import { parseDuration } from "../values.ts";

interface DrainOptions {
  wait?: boolean;
  timeout: string;
}

const pollMs = 250;
const ended = ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"];

/** `skep node drain`: what docker needs `node update --availability drain` and watching for. */
export function addNodeDrain(
  node: Command,
  open: OpenSession,
  getNode: (session: Session, name: string) => Promise<NodeJson>,
): void {
  node
    .command("drain")
    .description("Move all tasks away from a node")
    .argument("<node>")
    .option("-w, --wait", "wait until no task runs on it any more")
    .option("--timeout <duration>", "how long to wait", "10m")
    .action(async (name: string, options: DrainOptions) => {
      const timeoutMs = parseDuration("--timeout", options.timeout) / 1e6;
      const session = open();
      const { ID, Spec, Version } = await getNode(session, name);
      const body = { ...Spec, Availability: "drain" };
      await session.client.post(`/nodes/${ID}/update`, { query: { version: Version.Index }, body });
      if (options.wait === true) await waitUntilEmpty(session, ID, name, timeoutMs);
      session.print(name);
    });
}

async function waitUntilEmpty(
  session: Session,
  nodeId: string,
  name: string,
  timeoutMs: number,
): Promise<void> {
  const untilMs = session.now() + timeoutMs;
  let before = -1;
  const services = new Set<string>();
  for (;;) {
    const filters = filterQuery([], { node: [nodeId] });
    const tasks = await session.client.get<TaskJson[]>("/tasks", { filters });
    const running = tasks.filter(({ Status }) => !ended.includes(Status.State ?? "new"));
    for (const { ServiceID } of running) services.add(ServiceID ?? "");
    if (running.length !== before) session.print(`${running.length} tasks on ${name}`);
    before = running.length;
    if (running.length === 0) break;
    if (session.now() > untilMs) {
      throw new Error(`${running.length} tasks still run on ${name}; look at skep node ps ${name}`);
    }
    if (!(await pause(session.interrupted, pollMs))) {
      session.print("Operation continuing in background.");
      return;
    }
  }
  await tellHomeless(session, services);
}

// What had to leave and found no other place.
async function tellHomeless(session: Session, services: ReadonlySet<string>): Promise<void> {
  const tasks = await session.client.get<TaskJson[]>("/tasks", {
    filters: filterQuery([], { "desired-state": ["running"] }),
  });
  const homeless = tasks.filter(
    ({ ServiceID, NodeID, Status }) =>
      services.has(ServiceID ?? "") && (NodeID ?? "") === "" && (Status.Err ?? "") !== "",
  );
  if (homeless.length === 0) return;
  const names = await objectNames(session);
  for (const task of homeless) {
    session.warn(`${taskLabel(task, names.services)} has no node: ${task.Status.Err ?? ""}`);
  }
}
