import type { Command } from "commander";
import { formatTemplate } from "./format/list.ts";
import { type OpenSession, problemText, type Session } from "./session.ts";
import { invalid } from "./values.ts";

/** What `inspect` of one kind of object shows. */
export interface Inspected<T> {
  readonly description: string;
  /** "<node...>" */
  readonly argument: string;
  readonly get: (session: Session, name: string, options: InspectOptions) => Promise<T>;
  /** The form for people, for `--pretty`. */
  readonly pretty?: (object: T) => string;
}

export interface InspectOptions {
  readonly format?: string;
  readonly pretty?: boolean;
  readonly verbose?: boolean;
}

/** Adds `inspect` to a noun: a JSON list, as docker's; `--format` a template over each object, `--pretty` where there is one. */
export function addInspect<T>(parent: Command, open: OpenSession, what: Inspected<T>): Command {
  const command = parent
    .command("inspect")
    .description(what.description)
    .argument(what.argument)
    .option("-f, --format <format>", "json, or a Go template: '{{.ID}}', '{{json .Spec}}'")
    .action(async (names: string[], options: InspectOptions) => show(open(), names, options, what));
  if (what.pretty !== undefined) command.option("--pretty", "for people to read");
  return command;
}

async function show<T>(
  session: Session,
  names: readonly string[],
  options: InspectOptions,
  what: Inspected<T>,
): Promise<void> {
  const print = printerOf(options, what);
  const found: T[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      found.push(await what.get(session, name, options));
    } catch (error) {
      problems.push(problemText(error));
    }
  }
  const text = print(found);
  if (text !== "") session.print(text);
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

// Made before the daemon is asked, so that a wrong template is told first.
function printerOf<T>(
  { format, pretty }: InspectOptions,
  what: Inspected<T>,
): (objects: readonly T[]) => string {
  if (pretty === true && what.pretty !== undefined) {
    if (format !== undefined) throw invalid("--format", format, "left out where --pretty is given");
    const one = what.pretty;
    return (objects) => objects.map(one).join("\n\n");
  }
  if (format === undefined) return (objects) => JSON.stringify(objects, null, 4);
  if (format === "json") {
    return (objects) => objects.map((object) => JSON.stringify(object)).join("\n");
  }
  const template = formatTemplate(format, "no value");
  return (objects) => objects.map((object) => template.render(object)).join("\n");
}
