import { existsSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorMessage } from "../base/errors.ts";
import { ApiClient, ApiError } from "./client.ts";
import { addContainerCommands } from "./commands/container.ts";
import { addImageCommands } from "./commands/image.ts";
import { addNetworkCommands } from "./commands/network.ts";
import { addNodeCommands } from "./commands/node.ts";
import { addServiceCommands } from "./commands/service.ts";
import { addSwarmCommands } from "./commands/swarm.ts";
import { addSystemCommands } from "./commands/system.ts";
import type { Session } from "./session.ts";

await main(process.argv.slice(2));

/** Exit codes as docker's: 0, 1 when the daemon says no, 125 for wrong usage. */
async function main(argv: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    interrupted.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  const program = new Command("skep")
    .description("Manage a Skep cluster")
    .option("-H, --host <socket>", "daemon to talk to", process.env["SKEP_HOST"] ?? defaultHost())
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  const open = (): Session =>
    openSession(program.opts<{ host: string }>().host, interrupted.signal);
  addSwarmCommands(program, open);
  addNodeCommands(program, open);
  addServiceCommands(program, open);
  addNetworkCommands(program, open);
  addImageCommands(program, open);
  addContainerCommands(program, open);
  addSystemCommands(program, open);
  try {
    await program.parseAsync(argv as string[], { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 125; // commander has told
  const from = error instanceof ApiError ? "Error response from daemon: " : "";
  process.stderr.write(`${from}${errorMessage(error)}\n`);
  return 1;
}

function openSession(host: string, interrupted: AbortSignal): Session {
  return {
    client: new ApiClient(host),
    print: (text) => process.stdout.write(`${text}\n`),
    warn: (text) => process.stderr.write(`WARNING: ${text}\n`),
    terminal: process.stdout.isTTY === true,
    interrupted,
    now: () => Date.now(),
  };
}

function defaultHost(): string {
  const own = "/var/run/skep.sock";
  return `unix://${existsSync(own) || !existsSync("/var/run/docker.sock") ? own : "/var/run/docker.sock"}`;
}
