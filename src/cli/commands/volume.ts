import type { Command } from "commander";
import { ClusterError } from "../../base/errors.ts";
import type { VolumeJson } from "../../rest/wire/volume.ts";
import { ApiError } from "../client.ts";
import { formatHelp } from "../format/list.ts";
import { formatBytes } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import {
  collect,
  filterQuery,
  labelsText,
  type OpenSession,
  printList,
  removeEach,
} from "../session.ts";
import { parseLabels } from "../values.ts";

interface CreateOptions {
  driver: string;
  label?: string[];
  opt?: string[];
}

interface ListOptions {
  filter?: string[];
  quiet?: boolean;
  format?: string;
}

interface PruneOptions {
  all?: boolean;
  filter?: string[];
  force?: boolean;
}

// The name comes first, so that it is what --quiet prints.
const columns = [
  ["VOLUME NAME", "Name"],
  ["DRIVER", "Driver"],
  ["SCOPE", "Scope", "hidden"],
  ["MOUNTPOINT", "Mountpoint", "hidden"],
  ["LABELS", "Labels", "hidden"],
] as const;

/** `skep volume …`: the volumes of this node. */
export function addVolumeCommands(program: Command, open: OpenSession): void {
  const volume = program.command("volume").description("Manage the volumes of this node");
  volume
    .command("create")
    .description("Create a volume on this node")
    .argument("[name]", "a name is made when none is given")
    .option("-d, --driver <driver>", "volume driver", "local")
    .option("--label <label>", "key=value", collect)
    .option("-o, --opt <option>", "driver option key=value", collect)
    .action(async (name: string | undefined, options: CreateOptions) => {
      const body = {
        Name: name ?? "",
        Driver: options.driver,
        DriverOpts: parseLabels("--opt", options.opt ?? []),
        Labels: parseLabels("--label", options.label ?? []),
      };
      const session = open();
      session.print((await session.client.post<VolumeJson>("/volumes/create", { body })).Name);
    });
  volume
    .command("ls")
    .alias("list")
    .description("List volumes")
    .option("-f, --filter <filter>", "key=value: name, driver, label, dangling", collect)
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only names")
    .action(async (options: ListOptions) => {
      const session = open();
      const filters = filterQuery(options.filter);
      const { Volumes } = await session.client.get<{ Volumes: VolumeJson[] | null }>("/volumes", {
        filters,
      });
      const rows = (Volumes ?? [])
        .sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }))
        .map((each) => [
          each.Name,
          each.Driver,
          each.Scope,
          each.Mountpoint,
          labelsText(each.Labels ?? {}),
        ]);
      printList(session, columns, rows, options);
    });
  addInspect(volume, open, {
    description: "Show volumes in full",
    argument: "<volume...>",
    get: (session, name) => session.client.get(`/volumes/${encodeURIComponent(name)}`),
  });
  addRemovals(volume, open);
}

function addRemovals(volume: Command, open: OpenSession): void {
  volume
    .command("rm")
    .alias("remove")
    .description("Remove volumes and what is in them")
    .argument("<volume...>")
    .option("-f, --force", "also when there is none")
    .action(async (names: string[], options: { force?: boolean }) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        try {
          const path = `/volumes/${encodeURIComponent(name)}`;
          await session.client.delete(path, { force: options.force ? 1 : 0 });
        } catch (error) {
          const gone = error instanceof ApiError && error.status === 404;
          if (!gone || options.force !== true) throw error;
        }
        return name;
      });
    });
  volume
    .command("prune")
    .description("Remove the volumes that nothing uses, those without a name of their own")
    .option("-a, --all", "also those with names")
    .option("--filter <filter>", "key=value: label, label!", collect)
    .option("-f, --force", "do it: what is in them is lost")
    .action(async ({ all = false, filter, force }: PruneOptions) => {
      const filters = filterQuery(filter, all ? { all: ["true"] } : { all: ["false"] });
      if (force !== true) {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          "this removes volumes and what is in them; say --force to do it",
        );
      }
      const session = open();
      const { VolumesDeleted, SpaceReclaimed } = await session.client.post<{
        VolumesDeleted: string[] | null;
        SpaceReclaimed: number;
      }>("/volumes/prune", { query: { filters } });
      for (const name of VolumesDeleted ?? []) session.print(name);
      session.print(`Total reclaimed space: ${formatBytes(SpaceReclaimed)}`);
    });
}
