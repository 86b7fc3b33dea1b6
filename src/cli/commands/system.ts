import { createInterface } from "node:readline";
import type { Command } from "commander";
import { skepVersion } from "../../base/version.ts";
import type { InfoJson, VersionInfoJson } from "../../rest/wire/system.ts";
import { formatTemplate } from "../format/list.ts";
import { timeSeconds } from "../logs.ts";
import { collect, filterQuery, type OpenSession, type Session } from "../session.ts";

interface EventOptions {
  readonly since?: string;
  readonly until?: string;
  readonly filter?: string[];
  readonly format?: string;
}

interface EventJson {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
  /** Nanoseconds since 1970. */
  readonly timeNano: number;
}

const objectFormatHelp = "json, or a Go template: '{{json .}}'";

/** `skep version`, `info`, `events`. */
export function addSystemCommands(program: Command, open: OpenSession): void {
  program
    .command("version")
    .description("Show versions of client and daemon")
    .option("-f, --format <format>", objectFormatHelp)
    .action(async ({ format }: { format?: string }) => {
      const show = objectFormat(format);
      const session = open();
      const version = await session.client.get<VersionInfoJson>("/version");
      if (show !== undefined) {
        const Client = { Version: skepVersion, NodeVersion: process.version };
        session.print(show({ Client, Server: version }));
        return;
      }
      session.print(`Client: Skep ${skepVersion}\n Node:             ${process.version}\n`);
      session.print(
        [
          `Server: ${version.Platform.Name}`,
          ` API version:      ${version.ApiVersion} (minimum version ${version.MinAPIVersion})`,
          ` Engine version:   ${version.Version}`,
          ` OS/Arch:          ${version.Os}/${version.Arch}`,
          ` Kernel:           ${version.KernelVersion}`,
        ].join("\n"),
      );
    });
  program
    .command("info")
    .description("Show what this node is")
    .option("-f, --format <format>", objectFormatHelp)
    .action(async ({ format }: { format?: string }) => info(open(), objectFormat(format)));
  program
    .command("events")
    .description("Show what happens, as it happens")
    .option("--since <time>", "also what happened since")
    .option("--until <time>", "end there")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("--format <format>", "json, or a Go template: '{{.Type}} {{.Action}}'")
    .action(async (options: EventOptions) => {
      const session = open();
      const show = eventFormat(options.format);
      const time = (flag: string, text: string | undefined): number | undefined =>
        text === undefined ? undefined : timeSeconds(flag, text, session.now());
      const query = {
        since: time("--since", options.since),
        until: time("--until", options.until),
        filters: filterQuery(options.filter),
      };
      const body = await session.client.stream("GET", "/events", { query }, session.interrupted);
      try {
        for await (const line of createInterface({ input: body })) {
          if (line.trim() !== "") session.print(show(line));
        }
      } catch (error) {
        if (!session.interrupted.aborted) throw error;
      }
    });
}

// How an event, given as the daemon's line of JSON, is shown; "" is docker's default.
function eventFormat(format = ""): (line: string) => string {
  if (format === "") return (line) => eventLine(JSON.parse(line) as EventJson);
  if (format === "json") return (line) => line;
  const template = formatTemplate(format, "no value");
  return (line) => template.render(JSON.parse(line));
}

// How one object is shown; undefined for the form for people.
function objectFormat(format: string | undefined): ((object: object) => string) | undefined {
  if (format === undefined || format === "") return undefined;
  if (format === "json") return (object) => JSON.stringify(object);
  const template = formatTemplate(format, "no value");
  return (object) => template.render(object);
}

async function info(
  session: Session,
  show: ((object: object) => string) | undefined,
): Promise<void> {
  const info = await session.client.get<InfoJson>("/info");
  if (show !== undefined) {
    session.print(show(info));
    return;
  }
  const { Swarm } = info;
  const lines = [
    `Name: ${info.Name}`,
    `Containers: ${info.Containers} (running ${info.ContainersRunning})`,
    `Images: ${info.Images}`,
    `Server version: ${info.ServerVersion}`,
    `Swarm: ${Swarm.LocalNodeState}`,
  ];
  if (Swarm.LocalNodeState === "active") {
    lines.push(` NodeID: ${Swarm.NodeID}`, ` Is manager: ${Swarm.ControlAvailable}`);
    if (Swarm.ControlAvailable)
      lines.push(` Managers: ${Swarm.Managers}`, ` Nodes: ${Swarm.Nodes}`);
    lines.push(` Node address: ${Swarm.NodeAddr}`);
    lines.push(" Manager addresses:");
    for (const { Addr } of Swarm.RemoteManagers ?? []) lines.push(`  ${Addr}`);
  }
  if (Swarm.Error) lines.push(` Error: ${Swarm.Error}`);
  lines.push(
    `Kernel version: ${info.KernelVersion}`,
    `Operating system: ${info.OperatingSystem}`,
    `Architecture: ${info.Architecture}`,
    `CPUs: ${info.NCPU}`,
    `Total memory: ${(info.MemTotal / 1024 ** 3).toFixed(2)}GiB`,
    `Data root: ${info.DockerRootDir}`,
  );
  session.print(lines.join("\n"));
}

function eventLine({ Type, Action, Actor, timeNano }: EventJson): string {
  const attributes = Object.entries(Actor.Attributes).map(([key, value]) => `${key}=${value}`);
  const suffix = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  // Always nine digits after the second, as docker's.
  const time = new Date(timeNano / 1e6).toISOString().replace("Z", "000000Z");
  return `${time} ${Type} ${Action} ${Actor.ID}${suffix}`;
}
