import type { Problems } from "./problems.ts";
import type { Project } from "./project.ts";
import { child, type MapTree } from "./tree.ts";

const sections = ["networks", "volumes", "secrets", "configs"] as const;

/** Pure: tells what is contradictory in networks, volumes, secrets and configs. */
export function checkObjects(project: Project, tree: MapTree, problems: Problems): void {
  for (const section of sections) {
    for (const [name, fields] of Object.entries(project[section])) {
      const entry = entryOf(tree, section, name);
      if (entry === undefined) continue;
      const at = `${section}.${name}`;
      if (fields.external === true) {
        const others = Object.keys(fields).filter((key) => key !== "external" && key !== "name");
        if (others.length > 0) {
          const text = `${at} is external: ${others.join(", ")} cannot be set here`;
          problems.error(entry.keyPlace, text);
        }
      } else if (section === "secrets" || section === "configs") {
        const sources = (["file", "environment", "content"] as const).filter(
          (key) => key in fields,
        );
        if (sources.length !== 1) {
          const kinds =
            section === "secrets" ? "file or environment" : "file, environment or content";
          problems.error(
            entry.keyPlace,
            `${at} needs ${kinds}, just one of them, or external: true`,
          );
        }
      }
    }
  }
}

function entryOf(tree: MapTree, section: string, name: string) {
  const found = child(tree, section);
  return found?.kind === "map" ? found.entries.get(name) : undefined;
}
