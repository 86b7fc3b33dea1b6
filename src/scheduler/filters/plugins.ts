import type { Node } from "../../gen/skep/Node.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { type Filter, nodes } from "./filter.ts";

/** The node has the volume and log drivers that the task names. Drivers that every node has are not asked for. */
export const pluginsFilter: Filter = {
  isFixed: true,
  appliesTo: (task) => volumeDriversOf(task).length > 0 || logDriverOf(task) !== "",
  check(task) {
    const volumeDrivers = volumeDriversOf(task);
    const logDriver = logDriverOf(task);
    return (info) =>
      volumeDrivers.every((driver) => hasPlugin(info.node, "Volume", driver)) &&
      (logDriver === "" || hasPlugin(info.node, "Log", logDriver));
  },
  explain: (count) => `missing plugin on ${nodes(count)}`,
};

function volumeDriversOf(task: Task): readonly string[] {
  return (task.spec?.container?.mounts ?? [])
    .filter((mount) => mount.type === "VOLUME")
    .map((mount) => mount.volume?.driver ?? "")
    .filter((driver) => driver !== "" && driver !== "local");
}

function logDriverOf(task: Task): string {
  const name = task.spec?.logDriver?.name ?? "";
  return name === "none" || name === "json-file" ? "" : name;
}

/** A node that names no plugin of the type has not said which it has: its executor will. */
function hasPlugin(node: Node, type: string, name: string): boolean {
  const ofType = (node.description?.engine?.plugins ?? []).filter((one) => one.type === type);
  // `name` and `name:latest` are the same plugin.
  const wanted = name.replace(/:latest$/, "");
  return ofType.length === 0
    ? type === "Log"
    : ofType.some((one) => one.name.replace(/:latest$/, "") === wanted);
}
