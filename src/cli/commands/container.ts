import type { Command } from "commander";
import { formatHelp } from "../format/list.ts";
import { formatAge, shortId } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import { copyLogs, frames } from "../logs.ts";
import {
  collect,
  filterQuery,
  labelsText,
  type OpenSession,
  printList,
  type Session,
} from "../session.ts";
import { invalid } from "../values.ts";

interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly Command: string;
  /** Unix seconds. */
  readonly Created: number;
  readonly Status: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Mounts: readonly { Name?: string; Source?: string }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, object>> };
  readonly Ports: readonly {
    PrivatePort: number;
    PublicPort?: number;
    Type: string;
    IP?: string;
  }[];
}

interface ExecOptions {
  env?: string[];
  interactive?: boolean;
  tty?: boolean;
  user?: string;
  workdir?: string;
}

interface ListOptions {
  all?: boolean;
  filter?: string[];
  trunc: boolean;
  quiet?: boolean;
  format?: string;
}

const columns = [
  ["CONTAINER ID", "ID"],
  ["IMAGE", "Image"],
  ["COMMAND", "Command"],
  ["CREATED", "RunningFor"],
  ["STATUS", "Status"],
  ["PORTS", "Ports"],
  ["NAMES", "Names"],
  ["CREATED AT", "CreatedAt", "hidden"],
  ["STATE", "State", "hidden"],
  ["LABELS", "Labels", "hidden"],
  ["MOUNTS", "Mounts", "hidden"],
  ["NETWORKS", "Networks", "hidden"],
] as const;

/** `skep ps`, `exec`, `logs`, `inspect`: the containers of this node. */
export function addContainerCommands(program: Command, open: OpenSession): void {
  program
    .command("ps")
    .description("List the containers of this node")
    .option("-a, --all", "also those that ended")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--no-trunc", "whole ids")
    .option("--format <format>", formatHelp)
    .option("-q, --quiet", "only ids")
    .action(async (options: ListOptions) => list(open(), options));
  program
    .command("exec")
    .description("Run a command in a running container of this node")
    .argument("<container>")
    .argument("<command...>")
    .option("-e, --env <variable>", "NAME=value", collect)
    .option("-i, --interactive", "connect standard input")
    .option("-t, --tty", "give the command a terminal")
    .option("-u, --user <user>", "user[:group]")
    .option("-w, --workdir <path>", "working folder")
    .passThroughOptions()
    .action(async (container: string, command: string[], options: ExecOptions) => {
      process.exitCode = await exec(open(), container, command, options);
    });
  program
    .command("logs")
    .description("Show the logs of a container of this node")
    .argument("<container>")
    .option("-f, --follow", "go on with new lines")
    .option("--since <time>", "RFC 3339 time or a duration such as 10m")
    .option("--until <time>", "RFC 3339 time or a duration such as 10m")
    .option("-n, --tail <n>", "lines from the end", "all")
    .option("-t, --timestamps", "show times")
    .option("--details", "show also what the log driver adds")
    .action(
      async (
        name: string,
        options: {
          details?: boolean;
          follow?: boolean;
          since?: string;
          until?: string;
          tail: string;
          timestamps?: boolean;
        },
      ) => {
        const session = open();
        const path = `/containers/${encodeURIComponent(name)}`;
        const { Config } = await session.client.get<{ Config: { Tty: boolean } }>(`${path}/json`);
        await copyLogs(session, `${path}/logs`, { ...options, tty: Config.Tty });
      },
    );
  addInspect(program, open, {
    description: "Show containers of this node in full",
    argument: "<container...>",
    get: (session, name) => session.client.get(`/containers/${encodeURIComponent(name)}/json`),
  });
}

async function list(session: Session, options: ListOptions): Promise<void> {
  const containers = await session.client.get<ContainerSummary[]>("/containers/json", {
    all: options.all ? 1 : 0,
    filters: filterQuery(options.filter),
  });
  const rows = containers.map((container) => [
    options.trunc ? shortId(container.Id) : container.Id,
    container.Image.split("@")[0] ?? container.Image,
    `"${options.trunc && container.Command.length > 20 ? `${container.Command.slice(0, 19)}…` : container.Command}"`,
    formatAge(session.now() - container.Created * 1000),
    container.Status,
    container.Ports.map(({ IP, PublicPort, PrivatePort, Type }) =>
      PublicPort
        ? `${IP ?? "0.0.0.0"}:${PublicPort}->${PrivatePort}/${Type}`
        : `${PrivatePort}/${Type}`,
    ).join(", "),
    container.Names.map((name) => name.replace(/^\//, "")).join(","),
    new Date(container.Created * 1000).toISOString(),
    container.State,
    labelsText(container.Labels),
    container.Mounts.map(({ Name, Source }) => Name || Source || "").join(","),
    Object.keys(container.NetworkSettings.Networks).join(","),
  ]);
  printList(session, columns, rows, options);
}

/** Resolves with the command's exit code. */
async function exec(
  session: Session,
  container: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<number> {
  for (const text of options.env ?? []) {
    if (!/^[^=]/.test(text)) throw invalid("--env", text, "NAME=value");
  }
  if (options.workdir?.startsWith("/") === false) {
    throw invalid("--workdir", options.workdir, "an absolute path");
  }
  const interactive = options.interactive ?? false;
  const tty = options.tty ?? false;
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  const { Id } = await session.client.post<{ Id: string }>(path, {
    body: {
      AttachStdin: interactive,
      AttachStdout: true,
      AttachStderr: true,
      Tty: tty,
      Cmd: command,
      Env: options.env ?? [],
      User: options.user ?? "",
      WorkingDir: options.workdir ?? "",
    },
  });
  const { input, output } = await session.client.hijack(`/exec/${Id}/start`, {
    Detach: false,
    Tty: tty,
  });
  const terminal = tty && interactive && process.stdin.isTTY;
  if (terminal) process.stdin.setRawMode(true);
  if (interactive) process.stdin.pipe(input);
  try {
    for await (const { stream, data } of frames(output, tty)) {
      (stream === "stderr" ? process.stderr : process.stdout).write(data);
    }
  } finally {
    if (terminal) process.stdin.setRawMode(false);
    process.stdin.unpipe(input);
    process.stdin.pause();
    input.end();
  }
  const { ExitCode } = await session.client.get<{ ExitCode: number | null }>(`/exec/${Id}/json`);
  return ExitCode ?? 0;
}
