import type { Command } from "commander";
import { completionScript, shells } from "../completion-scripts.ts";
import type { OpenSession } from "../session.ts";
import { parseChoice } from "../values.ts";

/** `skep completion SHELL` */
export function addCompletionCommands(program: Command, open: OpenSession): void {
  program
    .command("completion")
    .description("Print what makes a shell complete commands, flags and names of objects")
    .argument(`<${shells.join("|")}>`)
    .action((shell: string) => {
      open().print(completionScript(parseChoice("the shell", shell, shells)));
    });
}
