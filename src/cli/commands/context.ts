import type { Command } from "commander";
import {
  contextOf,
  contextsPath,
  defaultContext,
  defaultHost,
  readContexts,
  usingContext,
  withContext,
  withoutContext,
  writeContexts,
} from "../contexts.ts";
import { formatHelp } from "../format/list.ts";
import { addInspect } from "../inspect.ts";
import { type OpenSession, printList, removeEach } from "../session.ts";
import { invalid } from "../values.ts";

interface CreateOptions {
  host?: string;
  docker?: string;
  description?: string;
}

const columns = [
  ["NAME", "Name"],
  ["DESCRIPTION", "Description"],
  ["ENDPOINT", "DockerEndpoint"],
  ["CURRENT", "Current", "flag"],
] as const;

/** `skep context …`: names for daemons. */
export function addContextCommands(program: Command, open: OpenSession): void {
  const context = program.command("context").description("Manage names for daemons");
  const path = contextsPath(process.env);
  context
    .command("create")
    .description("Name a daemon")
    .argument("<name>")
    .option("--host <socket>", "unix:///path or tcp://ip:port (default: this machine's daemon)")
    .option("--docker <endpoint>", "the same, as docker takes it: host=tcp://ip:port")
    .option("--description <text>", "what it is for")
    .action(async (name: string, options: CreateOptions) => {
      if (
        options.docker !== undefined &&
        !/^host=(unix:\/\/\/|tcp:\/\/)[^,]+$/.test(options.docker)
      ) {
        throw invalid("--docker", options.docker, "host=unix:///path or host=tcp://ip:port");
      }
      if (options.host !== undefined && options.docker !== undefined) {
        throw invalid("--docker", options.docker, "left out where --host is given: both name it");
      }
      const host = options.host ?? options.docker?.replace(/^host=/, "") ?? defaultHost();
      const description = options.description ?? "";
      await writeContexts(path, withContext(readContexts(path), name, { host, description }));
      open().print(name);
    });
  context
    .command("ls")
    .alias("list")
    .description("List contexts; * marks the one in use")
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only names")
    .action(async (options: { format?: string; quiet?: boolean }) => {
      const { current, known } = readContexts(path);
      const all = {
        [defaultContext]: { host: defaultHost(), description: "this machine's daemon" },
        ...known,
      };
      const table = (options.format ?? "table").startsWith("table");
      const rows = Object.entries(all).map(([name, { host, description }]) => {
        const used = name === current;
        const shown = table && used && options.quiet !== true ? `${name} *` : name;
        return [shown, description, host, String(used)];
      });
      printList(open(), columns, rows, options);
    });
  context
    .command("use")
    .description("Use a context from now on")
    .argument("<context>")
    .action(async (name: string) => {
      await writeContexts(path, usingContext(readContexts(path), name));
      open().print(name);
    });
  context
    .command("show")
    .description("Show the name of the context in use")
    .action(() => open().print(readContexts(path).current));
  addInspect(context, open, {
    description: "Show contexts in full",
    argument: "<context...>",
    get: async (_session, name) => {
      const { host, description } = contextOf(readContexts(path), name) ?? {
        host: defaultHost(),
        description: "",
      };
      return {
        Name: name,
        Metadata: { Description: description },
        Endpoints: { docker: { Host: host } },
      };
    },
  });
  context
    .command("rm")
    .alias("remove")
    .description("Forget contexts")
    .argument("<context...>")
    .option("-f, --force", "also the one in use")
    .action(async (names: string[], options: { force?: boolean }) => {
      await removeEach(open(), names, async (name) => {
        const rest = withoutContext(readContexts(path), name, options.force ?? false);
        await writeContexts(path, rest);
        return name;
      });
    });
}
