import type { CommandResult } from "../src/base/command.ts";
import type { Step, StepGroup } from "../test/support/command-steps.ts";
import { reasons } from "./difference-reasons.ts";

/** What a command did, and what about it is not as the step wants. */
export interface Outcome extends CommandResult {
  readonly problem: string | undefined;
}

interface Difference {
  readonly run: string;
  readonly theirs: string;
  readonly ours: string;
  readonly why: string;
}

/** Pure: the page about the commands that two daemons answered differently. */
export function differencesPage(
  groups: readonly StepGroup[],
  theirs: ReadonlyMap<Step, Outcome>,
  ours: ReadonlyMap<Step, Outcome>,
): { readonly text: string; readonly summary: string } {
  const steps = groups.flatMap((group) => group.steps);
  const differences = steps.flatMap((step) => {
    const [left, right] = [theirs.get(step), ours.get(step)];
    return left === undefined || right === undefined ? [] : differenceOf(step, left, right);
  });
  const wrong = steps.filter((step) => ours.get(step)?.problem !== undefined).length;
  const open = differences.filter(({ why }) => why === "").length;
  const summary = `${steps.length} commands, ${differences.length} answered differently, ${open} of them unexplained; ${wrong} not as the suite wants on skepd`;
  const text = [
    "# Commands of the docker CLI: Docker Engine and Skep",
    "",
    "Made by `make compatibility`: the stock docker CLI 28 sends the commands of `test/integration/docker-cli` to a real",
    "dockerd (Debian's 20.10) and to skepd, both with two nodes; exit codes and, for commands that fail, what they say are compared.",
    "Ids, addresses, times and whether a message begins with a capital are left out of the comparison.",
    "",
    `${summary}.`,
    "",
    "| command | Docker Engine | Skep | why |",
    "| --- | --- | --- | --- |",
    ...differences.map(
      ({ run, theirs: left, ours: right, why }) =>
        `| \`${cell(run)}\` | ${cell(left)} | ${cell(right)} | ${cell(why)} |`,
    ),
    "",
  ].join("\n");
  return { text, summary };
}

function differenceOf(step: Step, theirs: Outcome, ours: Outcome): Difference[] {
  const [left, right] = [answerOf(step, theirs), answerOf(step, ours)];
  if (left === right) return [];
  const run = step.run.length > 120 ? `${step.run.slice(0, 119)}…` : step.run;
  const why = reasons.find(({ command }) => command.test(step.run))?.why ?? "";
  return [{ run, theirs: left, ours: right, why }];
}

// What is compared: the exit code, and the words of a failure, or whether the output is what the step wants.
function answerOf(step: Step, outcome: Outcome): string {
  const { exitCode, stderr, problem } = outcome;
  if (exitCode !== 0) return `exit ${exitCode}: ${plain(stderr)}`;
  if ((step.exit ?? 0) !== 0) return "succeeds";
  return problem === undefined ? "as wanted" : `succeeds, but ${plain(problem)}`;
}

/** Without what differs from run to run. */
export function plain(text: string): string {
  return text
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(See 'docker|Usage:|Run 'docker)/.test(line.trim()))
    .slice(0, 3)
    .join(" ")
    .replace(/\b[a-z0-9]{25}\b/g, "ID")
    .replace(/\b[0-9a-f]{64}\b/g, "DIGEST")
    .replace(/\b(container|image) (?=\d*[a-f])[0-9a-f]{12}\b/g, "$1 ID")
    .replace(/\b\d+\.\d+\.\d+\.\d+(:\d+)?\b/g, "ADDRESS")
    .replace(/(?<=daemon: )[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
