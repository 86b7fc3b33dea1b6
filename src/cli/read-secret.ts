import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ClusterError } from "../base/errors.ts";

/** Standard input, or what a test has for it. */
export interface SecretInput extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

/** A line that the person types without seeing it; without a terminal the first line of standard input. */
export async function readSecret(
  prompt: string,
  input: SecretInput = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  if (input.isTTY !== true) return ((await text(input)).split("\n")[0] ?? "").trim();
  output.write(prompt);
  input.setRawMode?.(true);
  try {
    return await typedLine(input);
  } finally {
    input.setRawMode?.(false);
    input.pause();
    output.write("\n");
  }
}

function typedLine(input: SecretInput): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = "";
    const onData = (chunk: Buffer): void => {
      const typed = typedSoFar(line, chunk.toString("utf8"));
      line = typed.line;
      if (!typed.isOver) return;
      input.off("data", onData);
      if (typed.isGivenUp) reject(new ClusterError("CANCELLED", "nothing was entered"));
      else resolve(line.trim());
    };
    input.on("data", onData);
    input.resume();
  });
}

/** The line after more keys were pressed; Enter, Ctrl-C and Ctrl-D end it, the last two without a line. */
export function typedSoFar(
  before: string,
  keys: string,
): { line: string; isOver: boolean; isGivenUp: boolean } {
  let line = before;
  for (const key of keys) {
    if (key === "\r" || key === "\n") return { line, isOver: true, isGivenUp: false };
    if (key === "\u0003" || key === "\u0004") return { line, isOver: true, isGivenUp: true };
    // Delete and backspace.
    line = key === "\u007f" || key === "\b" ? line.slice(0, -1) : line + key;
  }
  return { line, isOver: false, isGivenUp: false };
}
