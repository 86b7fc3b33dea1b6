import type { Command } from "commander";
import { skepVersion } from "../base/version.ts";
import { CliCommand } from "./command.ts";
import { chooseHost, contextsPath, readContexts } from "./contexts.ts";
import { addExamples } from "./examples.ts";
import type { OpenSession } from "./session.ts";
import { invalid } from "./values.ts";

type AddCommands = (program: Command, open: OpenSession) => void;

interface Group {
  /** The words a command line of this group begins with, and what `skep --help` says of them. */
  readonly words: Readonly<Record<string, string>>;
  load(): Promise<AddCommands>;
}

// Only the group that a command line names is loaded: `skep --help` shall not wait for all of them.
const groups: readonly Group[] = [
  {
    words: { swarm: "Manage the swarm this node is part of" },
    load: async () => (await import("./commands/swarm.ts")).addSwarmCommands,
  },
  {
    words: { node: "Manage the nodes of the swarm" },
    load: async () => (await import("./commands/node.ts")).addNodeCommands,
  },
  {
    words: { service: "Manage services" },
    load: async () => (await import("./commands/service.ts")).addServiceCommands,
  },
  {
    words: { stack: "Manage stacks of services from compose files" },
    load: async () => (await import("./commands/stack.ts")).addStackCommands,
  },
  {
    words: { network: "Manage networks" },
    load: async () => (await import("./commands/network.ts")).addNetworkCommands,
  },
  {
    words: { secret: "Manage secrets" },
    load: async () => (await import("./commands/file-object.ts")).addSecretCommands,
  },
  {
    words: { config: "Manage configs" },
    load: async () => (await import("./commands/file-object.ts")).addConfigCommands,
  },
  {
    words: { volume: "Manage the volumes of this node" },
    load: async () => (await import("./commands/volume.ts")).addVolumeCommands,
  },
  {
    words: {
      image: "Manage the images of this node",
      images: "List images",
      load: "Load images from an archive",
      pull: "Fetch an image from its registry",
      rmi: "Remove images",
    },
    load: async () => (await import("./commands/image.ts")).addImageCommands,
  },
  {
    words: {
      ps: "List the containers of this node",
      exec: "Run a command in a running container of this node",
      logs: "Show the logs of a container of this node",
      inspect: "Show containers of this node in full",
    },
    load: async () => (await import("./commands/container.ts")).addContainerCommands,
  },
  {
    words: {
      version: "Show versions of client and daemon",
      info: "Show what this node is",
      events: "Show what happens, as it happens",
    },
    load: async () => (await import("./commands/system.ts")).addSystemCommands,
  },
  {
    words: { context: "Manage names for daemons" },
    load: async () => (await import("./commands/context.ts")).addContextCommands,
  },
  {
    words: { completion: "Print what makes a shell complete commands and names" },
    load: async () => (await import("./commands/completion.ts")).addCompletionCommands,
  },
];

/** The commands that `argv` needs; the others by name only, for help and for suggestions. */
export async function makeProgram(
  argv: readonly string[],
  open: (host: string) => ReturnType<OpenSession>,
): Promise<Command> {
  const program = new CliCommand("skep")
    .description("Manage a Skep cluster")
    .option("-H, --host <socket>", "daemon to talk to (default: $SKEP_HOST or $DOCKER_HOST)")
    .option("-c, --context <name>", "daemon to talk to, by name (default: $SKEP_CONTEXT)")
    .version(`skep ${skepVersion}`, "-v, --version", "show the version of this command")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .hook("preAction", (_, command) => checkArguments(command))
    .exitOverride();
  const chosen = firstWord(argv);
  const openSession = (): ReturnType<OpenSession> => open(hostOf(program));
  for (const group of groups) {
    if (chosen !== undefined && Object.hasOwn(group.words, chosen)) {
      (await group.load())(program, openSession);
    } else {
      for (const [word, text] of Object.entries(group.words)) {
        program.command(word).description(text);
      }
    }
  }
  addExamples(program, "");
  return program;
}

// An empty name asks the daemon for another thing: the list, or nothing it knows.
function checkArguments(command: Command): void {
  for (const [at, argument] of command.registeredArguments.entries()) {
    const given: unknown = command.processedArgs[at];
    const words = Array.isArray(given) ? given : [given];
    // A word of a container's own command may be empty.
    if (argument.required && argument.name() !== "command" && words.includes("")) {
      throw invalid(`<${argument.name()}>`, "", "given, not empty");
    }
  }
}

/** Pure: "help service create" -> "service create --help"; commander alone knows the first of these words only. */
export function withHelpLast(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  return first === "help" && rest.length > 1 ? [...rest, "--help"] : argv;
}

// "skep -H unix:///x service ls" -> "service"; "skep help service" -> "service".
function firstWord(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (["-H", "--host", "-c", "--context"].includes(word)) at += 1;
    else if (!word.startsWith("-") && word !== "help") return word;
  }
  return undefined;
}

/** The daemon that the options read so far mean. INVALID_ARGUMENT, NOT_FOUND. */
export function hostOf(program: Command): string {
  const { env } = process;
  return chooseHost(program.opts(), env, () => readContexts(contextsPath(env)));
}
