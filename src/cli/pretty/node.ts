import type { NodeJson } from "../../rest/wire/node.ts";
import { labelLines, type OutlineEntry, outline } from "../format/outline.ts";
import { formatMemory } from "../format/units.ts";

/** A node for `node inspect --pretty`. */
export function prettyNode(node: NodeJson): string {
  const { Description, Status, ManagerStatus, Spec } = node;
  const resources = Description.Resources;
  return outline([
    ["ID", node.ID],
    ["Name", Spec.Name],
    ["Labels", labelLines(Spec.Labels)],
    ["Hostname", Description.Hostname],
    ["Joined at", node.CreatedAt],
    [
      "Status",
      [
        ["State", Status.State],
        ["Message", Status.Message],
        ["Availability", Spec.Availability],
        ["Address", Status.Addr],
      ],
    ],
    ["Manager status", managerLines(ManagerStatus)],
    [
      "Platform",
      [
        ["Operating system", Description.Platform.OS],
        ["Architecture", Description.Platform.Architecture],
      ],
    ],
    [
      "Resources",
      [
        ["CPUs", resources.NanoCPUs === undefined ? undefined : resources.NanoCPUs / 1e9],
        [
          "Memory",
          resources.MemoryBytes === undefined ? undefined : formatMemory(resources.MemoryBytes),
        ],
      ],
    ],
    ["Plugins", pluginLines(node)],
    ["Engine version", Description.Engine.EngineVersion],
    ["Engine labels", labelLines(Description.Engine.Labels)],
  ]);
}

function managerLines(status: NodeJson["ManagerStatus"]): OutlineEntry[] {
  if (status === undefined) return [];
  return [
    ["Address", status.Addr],
    ["Raft status", status.Reachability],
    ["Leader", status.Leader === true ? "yes" : "no"],
  ];
}

function pluginLines({ Description }: NodeJson): OutlineEntry[] {
  const byType = new Map<string, string[]>();
  for (const { Type = "", Name = "" } of Description.Engine.Plugins ?? []) {
    byType.set(Type, [...(byType.get(Type) ?? []), Name]);
  }
  return [...byType].map(([type, names]) => [type, names.join(", ")]);
}
