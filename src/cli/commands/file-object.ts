import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import type { IdJson } from "../../rest/wire/common.ts";
import { checkFlagFile } from "../flag-file.ts";
import { formatHelp } from "../format/list.ts";
import { formatAge, parseTime } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import { type FileObjectJson, prettyFileObject } from "../pretty/file-object.ts";
import {
  collect,
  filterQuery,
  labelsText,
  type OpenSession,
  printList,
  removeEach,
} from "../session.ts";
import { invalid, parseLabels } from "../values.ts";

type Noun = "secret" | "config";

interface CreateOptions {
  label?: string[];
  templateDriver?: string;
  driver?: string;
}

interface ListOptions {
  filter?: string[];
  quiet?: boolean;
  format?: string;
}

const columns = [
  ["ID", "ID"],
  ["NAME", "Name"],
  ["CREATED", "CreatedAt"],
  ["UPDATED", "UpdatedAt"],
  ["LABELS", "Labels", "hidden"],
] as const;

/** `skep secret …` */
export function addSecretCommands(program: Command, open: OpenSession): void {
  addFileObjectCommands(program, "secret", open);
}

/** `skep config …` */
export function addConfigCommands(program: Command, open: OpenSession): void {
  addFileObjectCommands(program, "config", open);
}

function addFileObjectCommands(program: Command, noun: Noun, open: OpenSession): void {
  const command = program.command(noun).description(`Manage ${noun}s`);
  const path = `/${noun}s`;
  const create = command.command("create");
  // No daemon of ours has such a driver; it says so, and a dockerd may have one.
  if (noun === "secret") create.option("-d, --driver <driver>", "where the secret comes from");
  create
    .description(`Create a ${noun} from a file, or from standard input with "-"`)
    .argument("<name>")
    .argument("[file]", "file or -", "-")
    .option("-l, --label <label>", "key=value", collect)
    .option("--template-driver <driver>", "golang: fill in placeholders as {{.Service.Name}}")
    .action(async (name: string, file: string, options: CreateOptions) => {
      const session = open();
      const { driver } = options;
      if (driver !== undefined && file !== "-") {
        throw invalid("--driver", driver, "left out when there is a file: the driver has the data");
      }
      const given = file === "-" ? () => buffer(process.stdin) : () => readArgument(file);
      const data = driver === undefined ? await given() : Buffer.alloc(0);
      const body = {
        Name: name,
        Labels: parseLabels("--label", options.label ?? []),
        ...(driver === undefined ? {} : { Driver: { Name: driver } }),
        Data: data.toString("base64"),
        ...(options.templateDriver === undefined
          ? {}
          : { Templating: { Name: options.templateDriver } }),
      };
      session.print((await session.client.post<IdJson>(`${path}/create`, { body })).ID);
    });
  command
    .command("ls")
    .alias("list")
    .description(`List ${noun}s`)
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only ids")
    .action(async (options: ListOptions) => {
      const session = open();
      const filters = filterQuery(options.filter);
      const found = await session.client.get<FileObjectJson[]>(path, { filters });
      found.sort((a, b) => a.Spec.Name.localeCompare(b.Spec.Name, "en", { numeric: true }));
      const age = (time: string): string => formatAge(session.now() - parseTime(time));
      const rows = found.map((object) => [
        object.ID,
        object.Spec.Name,
        age(object.CreatedAt),
        age(object.UpdatedAt),
        labelsText(object.Spec.Labels),
      ]);
      printList(session, columns, rows, options);
    });
  addInspect<FileObjectJson>(command, open, {
    description: `Show ${noun}s in full`,
    argument: `<${noun}...>`,
    get: (session, name) => session.client.get(`${path}/${encodeURIComponent(name)}`),
    pretty: prettyFileObject,
  });
  command
    .command("rm")
    .alias("remove")
    .description(`Remove ${noun}s that no service uses`)
    .argument(`<${noun}...>`)
    .action(async (names: string[]) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        await session.client.delete(`${path}/${encodeURIComponent(name)}`);
        return name;
      });
    });
}

async function readArgument(file: string): Promise<Buffer> {
  await checkFlagFile("[file]", file, "read");
  return await readFile(file);
}
