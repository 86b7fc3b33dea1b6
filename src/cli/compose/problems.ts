import { ClusterError } from "../../base/errors.ts";

/** Where something stands: line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something to tell about a compose file. */
export interface Problem {
  readonly place: Place;
  readonly message: string;
}

/** "compose.yml:3:5" */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** Gathers what is wrong and what is ignored, so that all of it is told at once. */
export class Problems {
  readonly #errors: Problem[] = [];
  readonly #warnings: Problem[] = [];

  error(place: Place, message: string): void {
    this.#errors.push({ place, message });
  }

  warn(place: Place, message: string): void {
    this.#warnings.push({ place, message });
  }

  /** In the order of files and lines, without those said twice (an anchor may be used often). */
  get errors(): readonly Problem[] {
    return inOrder(this.#errors);
  }

  get warnings(): readonly Problem[] {
    return inOrder(this.#warnings);
  }

  /** FAILED_PRECONDITION with a line for each error, when there are any: no flag is wrong, so the exit code is 1, as docker has it. */
  check(): void {
    const lines = this.errors.map(problemLine);
    if (lines.length > 0) throw new ClusterError("FAILED_PRECONDITION", lines.join("\n"));
  }
}

/** "compose.yml:3:5: services.web.image must be a string" */
export function problemLine({ place, message }: Problem): string {
  return `${placeText(place)}: ${message}`;
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  const files = [...new Set(problems.map(({ place }) => place.file))];
  return problems
    .filter((problem) => !seen.has(problemLine(problem)) && seen.add(problemLine(problem)))
    .sort(
      (a, b) =>
        files.indexOf(a.place.file) - files.indexOf(b.place.file) ||
        a.place.line - b.place.line ||
        a.place.column - b.place.column,
    );
}
