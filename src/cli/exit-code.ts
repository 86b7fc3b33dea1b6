import { CommanderError } from "commander";
import { isClusterError } from "../base/errors.ts";

/** commander's errors that docker ends with 1 for: what is wrong there is the words, not a flag. */
const wordErrors = new Set([
  "commander.unknownCommand",
  "commander.missingArgument",
  "commander.excessArguments",
  "commander.missingMandatoryOptionValue",
]);

/** Exit codes as docker's: 125 for a flag that is not known or has a wrong value, 1 for all else; 0 after help. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CommanderError))
    return isClusterError(error, "INVALID_ARGUMENT") ? 125 : 1;
  // A noun alone shows its help, as docker does.
  if (error.exitCode === 0 || error.code === "commander.help") return 0;
  return wordErrors.has(error.code) ? 1 : 125;
}
