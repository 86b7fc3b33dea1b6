import type { Argument, Command, Option } from "commander";
import { contextsPath, defaultContext, readContexts } from "./contexts.ts";
import type { Session } from "./session.ts";

/** Something that may stand where the cursor is. */
export interface Candidate {
  readonly word: string;
  readonly help: string;
}

/** What kind of object a word names, and how its names are found. */
export type NameSource = (session: Session) => Promise<readonly string[]>;

interface Named {
  readonly Name?: string;
  readonly Spec?: { readonly Name?: string };
  readonly Description?: { readonly Hostname?: string };
}

const sources: Readonly<Record<string, NameSource>> = {
  service: namesAt("/services"),
  node: async (session) => ["self", ...(await namesAt("/nodes")(session))],
  secret: namesAt("/secrets"),
  config: namesAt("/configs"),
  network: namesAt("/networks"),
  stack: async (session) => {
    const label = "com.docker.stack.namespace";
    const services =
      await session.client.get<{ Spec: { Labels?: Record<string, string> } }[]>("/services");
    return [...new Set(services.flatMap(({ Spec }) => Spec.Labels?.[label] ?? []))];
  },
  context: async () => {
    return [defaultContext, ...Object.keys(readContexts(contextsPath(process.env)).known)];
  },
  volume: async (session) => {
    const { Volumes } = await session.client.get<{ Volumes: Named[] | null }>("/volumes");
    return (Volumes ?? []).flatMap(({ Name }) => Name ?? []);
  },
  image: async (session) => {
    const images = await session.client.get<{ RepoTags: string[] }[]>("/images/json");
    return images.flatMap(({ RepoTags }) => RepoTags);
  },
  container: async (session) => {
    const found = await session.client.get<{ Names: string[] }[]>("/containers/json", { all: 1 });
    return found.flatMap(({ Names }) => Names.map((name) => name.replace(/^\//, "")));
  },
};

/** Flags whose values are names of objects, or one of few words. */
const flagValues: Readonly<Record<string, string | readonly string[]>> = {
  "--context": "context",
  "--network": "network",
  "--network-add": "network",
  "--network-rm": "network",
  "--secret": "secret",
  "--secret-add": "secret",
  "--secret-rm": "secret",
  "--config": "config",
  "--config-add": "config",
  "--config-rm": "config",
  "--availability": ["active", "pause", "drain"],
  "--role": ["worker", "manager"],
  "--mode": ["replicated", "global", "replicated-job", "global-job"],
  "--endpoint-mode": ["vip", "dnsrr"],
  "--update-order": ["stop-first", "start-first"],
  "--rollback-order": ["stop-first", "start-first"],
  "--update-failure-action": ["pause", "continue", "rollback"],
  "--rollback-failure-action": ["pause", "continue"],
  "--restart-condition": ["none", "on-failure", "any"],
  "--resolve-image": ["always", "changed", "never"],
  "--rebalance": ["auto", "manual"],
  "--schedule-overlap": ["skip", "queue", "replace"],
  "--log-driver": ["json-file", "local", "none"],
  "--template-driver": ["golang"],
  "--format": ["table", "json"],
};

/** What the last word may become, given those before it. Asks the daemon for names; without one there are none. */
export async function complete(
  program: Command,
  words: readonly string[],
  open: () => Session,
): Promise<readonly Candidate[]> {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? "";
  const joined = /^(--[^=]+)=(.*)$/.exec(last);
  if (joined !== null) {
    const [, name = "", value = ""] = joined;
    const found = await complete(program, [...before, name, value], open);
    return found.map(({ word, help }) => ({ word: `${name}=${word}`, help }));
  }
  const { command, args, flag } = walk(program, before);
  const fitting = (found: readonly Candidate[]): Candidate[] =>
    found.filter(({ word }) => word.startsWith(last));
  if (flag !== undefined) return fitting(await valuesOf(flag.long ?? "", open));
  if (last.startsWith("-")) return fitting(flagsOf(command));
  const subcommands = command.commands.map((each) => ({
    word: each.name(),
    help: each.description(),
  }));
  if (subcommands.length > 0 && args.length === 0) return fitting(subcommands);
  const argument = argumentAt(command, args.length);
  if (argument === undefined) return [];
  const choices = argument.name().split("|");
  const found: Candidate[] = [];
  for (const kind of choices) {
    const source = sources[kind.replace(/=.*$/, "")];
    if (source !== undefined) found.push(...(await namesFrom(source, open)));
    else if (choices.length > 1) found.push({ word: kind, help: "" });
  }
  return fitting(found).filter(({ word }) => !args.includes(word));
}

interface Place {
  readonly command: Command;
  /** Arguments given so far. */
  readonly args: readonly string[];
  /** The flag whose value comes next. */
  readonly flag: Option | undefined;
}

// Where the words before the cursor lead.
function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let args: string[] = [];
  let flag: Option | undefined;
  for (const word of words) {
    if (flag !== undefined) {
      flag = undefined;
    } else if (word.startsWith("-") && word !== "-") {
      const option = command.options.find(({ short, long }) => short === word || long === word);
      if (option?.required === true) flag = option;
    } else {
      const next = command.commands.find(
        (each) => each.name() === word || each.aliases().includes(word),
      );
      if (next !== undefined && args.length === 0) command = next;
      else args = [...args, word];
    }
  }
  return { command, args, flag };
}

function argumentAt(command: Command, at: number): Argument | undefined {
  const all = command.registeredArguments;
  const last = all.at(-1);
  return all[at] ?? (last?.variadic === true ? last : undefined);
}

function flagsOf(command: Command): Candidate[] {
  return [
    ...command.options.flatMap(({ long, description }) =>
      long === undefined || long === null ? [] : [{ word: long, help: description }],
    ),
    { word: "--help", help: "display help for command" },
  ];
}

async function valuesOf(flag: string, open: () => Session): Promise<readonly Candidate[]> {
  const values = flagValues[flag];
  if (values === undefined) return [];
  if (typeof values !== "string") return values.map((word) => ({ word, help: "" }));
  const source = sources[values];
  return source === undefined ? [] : await namesFrom(source, open);
}

// Completion never complains: without a daemon there is nothing to offer.
async function namesFrom(source: NameSource, open: () => Session): Promise<Candidate[]> {
  try {
    return (await source(open())).map((word) => ({ word, help: "" }));
  } catch {
    return [];
  }
}

function namesAt(path: string): NameSource {
  return async (session) => {
    const found = await session.client.get<Named[]>(path);
    return found.flatMap(
      ({ Name, Spec, Description }) => Name ?? Description?.Hostname ?? Spec?.Name ?? [],
    );
  };
}
