import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { until } from "./until.ts";

/** A program at a terminal of its own (by script(1) of bsdutils), to which keys are sent. Call `close` in the end. */
export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  #shown = "";

  /** `command` is read by sh. */
  constructor(command: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn("script", ["-q", "-e", "-c", command, "/dev/null"], { env });
    const show = (text: string): void => {
      this.#shown = (this.#shown + stripVTControlCharacters(text)).slice(-65_536);
    };
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", show);
    }
    this.#child.stdin.on("error", () => {}); // it has ended: what waits for its words says so
  }

  /** Sends keys and waits until what is shown after them matches; gives that. */
  async type(keys: string, want: RegExp, timeoutMs = 10_000): Promise<string> {
    const from = this.#shown.length;
    const after = (): string => this.#shown.slice(from);
    this.#child.stdin.write(keys);
    try {
      return await until(`${want} shown`, timeoutMs, () => want.test(after()) && after());
    } catch (error) {
      throw new Error(`${String(error)}; shown is ${JSON.stringify(after())}`);
    }
  }

  /** Ends it; the program's terminal is gone with it. */
  close(): void {
    this.#child.kill("SIGKILL"); // script(1) passes over gentler ones while its program runs
  }
}
