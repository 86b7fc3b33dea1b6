import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.ts";

/** A command that does something, with the words that lead to it: "service create". */
export interface LeafCommand {
  readonly path: string;
  readonly command: Command;
}

/** Every command of skep as it is defined, without those that only hold others. */
export async function allCommands(): Promise<LeafCommand[]> {
  const open = (): never => {
    throw new Error("a definition needs no daemon");
  };
  const names = (await makeProgram([], open)).commands.map((each) => each.name());
  const found = new Map<string, Command>();
  for (const name of names) {
    const program = await makeProgram([name], open);
    const group = program.commands.find((each) => each.name() === name);
    if (group !== undefined)
      for (const leaf of leavesOf(group, name)) found.set(leaf.path, leaf.command);
  }
  return [...found].map(([path, command]) => ({ path, command }));
}

function leavesOf(command: Command, path: string): LeafCommand[] {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((inner) => leavesOf(inner, `${path} ${inner.name()}`));
}

/** "--filter", or "-x" where there is no long form. */
export function flagNames(command: Command): string[] {
  return command.options.map(({ long, short }) => long ?? short ?? "");
}
