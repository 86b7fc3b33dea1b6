import { Command } from "commander";

/** A command that reads `--flag=true` and `--flag=false` as docker's does; commander alone refuses a value for a switch. */
export class CliCommand extends Command {
  override createCommand(name?: string): CliCommand {
    return new CliCommand(name);
  }

  override parseOptions(argv: string[]): ReturnType<Command["parseOptions"]> {
    return super.parseOptions(withPlainSwitches(argv, switchesOf(this)));
  }
}

/** What is needed to tell switches, and values of flags, from arguments. */
export interface Switches {
  /** "--detach": flags without a value. */
  readonly plain: ReadonlySet<string>;
  /** "--publish", "-p": flags whose value is the next word. */
  readonly valued: ReadonlySet<string>;
}

/**
 * Pure: `--x=true` -> `--x`; `--x=false` -> `--no-x` where that exists, else nothing. Stops at the first argument, for what
 * follows may belong to a container's command.
 */
export function withPlainSwitches(argv: readonly string[], switches: Switches): string[] {
  const words: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") {
      return [...words, ...argv.slice(at)];
    }
    const [, flag = "", value] = /^(--[a-z-]+)=(true|false)$/.exec(word) ?? [];
    if (switches.plain.has(flag)) {
      const negated = `--no-${flag.slice(2)}`;
      if (value === "true") words.push(flag);
      else if (switches.plain.has(negated)) words.push(negated);
      continue;
    }
    words.push(word);
    const next = argv[at + 1];
    if (switches.valued.has(word) && next !== undefined) {
      words.push(next);
      at += 1;
    }
  }
  return words;
}

function switchesOf(command: Command): Switches {
  const plain = new Set<string>();
  const valued = new Set<string>();
  for (const { long, short, required, optional } of command.options) {
    for (const flag of [long, short]) {
      if (flag === undefined || flag === null) continue;
      if (required) valued.add(flag);
      else if (!optional) plain.add(flag);
    }
  }
  return { plain, valued };
}
