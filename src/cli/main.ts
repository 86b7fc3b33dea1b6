import { CommanderError } from "commander";
import { ApiClient } from "./client.ts";
import { exitCodeOf } from "./exit-code.ts";
import { hostOf, makeProgram, withHelpLast } from "./program.ts";
import { problemText, type Session } from "./session.ts";

const completionMs = 2_000;

// No top-level await: the one file that this becomes is a script (docs/decisions/0019).
void main(process.argv.slice(2));

/** Exit codes as docker's: 0, 1 when the daemon says no, 125 for wrong flags (exit-code.ts). */
async function main(argv: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  process.once("SIGINT", () => {
    interrupted.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  // The reader of a pipe may have seen enough (`skep events | head -1`).
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  try {
    if (argv[0] === "__complete") return await printCandidates(argv.slice(1), interrupted.signal);
    const words = withHelpLast(argv);
    const program = await makeProgram(words, (host) => openSession(host, interrupted.signal));
    await program.parseAsync(words as string[], { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

// For the scripts of `skep completion`: a candidate and its help a line.
async function printCandidates(words: readonly string[], interrupted: AbortSignal): Promise<void> {
  setTimeout(() => process.exit(0), completionMs).unref(); // a shell does not wait for a daemon that hangs
  const { complete } = await import("./complete.ts");
  const open = (host: string): Session => openSession(host, interrupted);
  const program = await makeProgram(words, open);
  program.parseOptions(words.slice(0, -1));
  const candidates = await complete(program, words, () => open(hostOf(program)));
  process.stdout.write(candidates.map(({ word, help }) => `${word}\t${help}\n`).join(""));
}

function report(error: unknown): number {
  // commander has told already.
  if (!(error instanceof CommanderError)) process.stderr.write(`${problemText(error)}\n`);
  return exitCodeOf(error);
}

function openSession(host: string, interrupted: AbortSignal): Session {
  return {
    client: new ApiClient(host),
    print: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`WARNING: ${text}\n`),
    terminal: process.stdout.isTTY === true,
    columns: process.stdout.columns || 80, // 0 where nobody set a size
    interrupted,
    now: () => Date.now(),
  };
}
