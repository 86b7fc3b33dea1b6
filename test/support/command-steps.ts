import assert from "node:assert/strict";
import { type CommandResult, tryCommand } from "../../src/base/command.ts";

/** One command line of the stock docker CLI and what it must do. `@name@` in it stands for what an earlier step saved. */
export interface Step {
  /** After "docker": words are split at blanks; 'single quotes' keep them together. */
  readonly run: string;
  readonly input?: string;
  /** 0 when absent. */
  readonly exit?: number;
  /** What standard output must match. */
  readonly out?: RegExp;
  /** What standard error must match. */
  readonly err?: RegExp;
  /** Keeps the trimmed output, or what the first group of `pick` finds in it. */
  readonly save?: { readonly name: string; readonly pick?: RegExp };
  /** Tried again for this long until it does what it must, for what takes time to come about; milliseconds. */
  readonly withinMs?: number;
  /** Which daemon: the first manager when absent. */
  readonly on?: "second";
}

/** A group of steps that stand on each other. */
export interface StepGroup {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** Runs the docker CLI against a daemon. */
export type RunDocker = (args: readonly string[], input?: string) => Promise<CommandResult>;

/** A runner for the docker binary, with a configuration folder of its own. */
export function dockerRunner(socket: string, configFolder: string, workFolder: string): RunDocker {
  return async (args, input) =>
    await tryCommand("docker", ["-H", `unix://${socket}`, ...args], {
      timeoutMs: 60_000,
      cwd: workFolder,
      env: { PATH: process.env["PATH"] ?? "", HOME: configFolder, DOCKER_CONFIG: configFolder },
      ...(input === undefined ? {} : { input }),
    });
}

/** Runs steps in order and remembers what they saved. */
export class StepRunner {
  readonly #first: RunDocker;
  readonly #second: RunDocker;
  readonly #values = new Map<string, string>();

  constructor(first: RunDocker, second: RunDocker, values: Readonly<Record<string, string>>) {
    this.#first = first;
    this.#second = second;
    for (const [name, value] of Object.entries(values)) this.#values.set(name, value);
  }

  /** Fails with everything the command said when it does not what it must. */
  async check(step: Step): Promise<void> {
    const untilMs = Date.now() + (step.withinMs ?? 0);
    for (;;) {
      const result = await this.run(step);
      const problem = problemOf(step, result);
      if (problem === undefined) return;
      if (Date.now() >= untilMs) {
        const { exitCode, stdout, stderr } = result;
        assert.fail(
          `${problem}\nexit code ${exitCode}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Runs the command and saves what the step wants saved, whatever came of it. */
  async run(step: Step): Promise<CommandResult> {
    const args = wordsOf(step.run).map((word) => this.#fill(word));
    const docker = step.on === "second" ? this.#second : this.#first;
    const result = await docker(
      args,
      step.input === undefined ? undefined : this.#fill(step.input),
    );
    if (step.save !== undefined) {
      const { name, pick } = step.save;
      const found = pick === undefined ? result.stdout.trim() : pick.exec(result.stdout)?.[1];
      if (found !== undefined) this.#values.set(name, found);
    }
    return result;
  }

  #fill(text: string): string {
    return text.replace(/@(\w+)@/g, (whole, name: string) => this.#values.get(name) ?? whole);
  }
}

/** What is wrong with a result; undefined when it is what the step wants. */
export function problemOf(
  step: Step,
  { exitCode, stdout, stderr }: CommandResult,
): string | undefined {
  const want = step.exit ?? 0;
  if (exitCode !== want) return `docker ${step.run}: exit code ${exitCode}, not ${want}`;
  if (step.out !== undefined && !step.out.test(stdout)) {
    return `docker ${step.run}: the output does not match ${step.out}`;
  }
  if (step.err !== undefined && !step.err.test(stderr)) {
    return `docker ${step.run}: the errors do not match ${step.err}`;
  }
  return undefined;
}

/** Splits a command line at blanks, but not within single quotes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:[^\s']+|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ""));
}
