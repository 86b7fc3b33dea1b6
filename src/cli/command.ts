import { Command } from "commander";
import { parseSwitch } from "./values.ts";

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
  /** "--detach", "-d": flags without a value, each with its long form. */
  readonly plain: ReadonlyMap<string, string>;
  /** "--publish", "-p": flags whose value is the next word. */
  readonly valued: ReadonlySet<string>;
}

/**
 * Pure: `--x=true`, `-x=true` -> `--x`; `--x=false` -> `--no-x` where that exists, else nothing. Stops at the first argument, for
 * what follows may belong to a container's command. INVALID_ARGUMENT for another value.
 */
export function withPlainSwitches(argv: readonly string[], switches: Switches): string[] {
  const words: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (!word.startsWith("-") || word === "-" || word === "--") {
      return [...words, ...argv.slice(at)];
    }
    const [, flag = "", value = ""] = /^(--[a-z0-9-]+|-[a-zA-Z])=(.*)$/s.exec(word) ?? [];
    const long = switches.plain.get(flag);
    if (long !== undefined) {
      const negated = `--no-${long.slice(2)}`;
      if (parseSwitch(long, value)) words.push(long);
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
  const plain = new Map<string, string>();
  const valued = new Set<string>();
  for (const { long, short, required, optional } of command.options) {
    for (const flag of [long, short]) {
      if (flag === undefined || flag === null) continue;
      if (required) valued.add(flag);
      else if (!optional) plain.set(flag, long ?? flag);
    }
  }
  return { plain, valued };
}
