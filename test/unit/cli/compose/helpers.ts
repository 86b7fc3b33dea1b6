import type { ComposeSource } from "../../../../src/cli/compose/load.ts";
import { problemLine } from "../../../../src/cli/compose/problems.ts";
import { readStack } from "../../../../src/cli/compose/read-stack.ts";
import type { StackModel } from "../../../../src/cli/compose/stack-model.ts";

export interface ReadResult {
  readonly model: StackModel;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface World {
  readonly environment?: Readonly<Record<string, string>>;
  /** By absolute path; compose files are in /p. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Reads compose texts called f.yml, f2.yml… in folder /p. */
export function read(texts: string | readonly string[], world: World = {}): ReadResult {
  const list = typeof texts === "string" ? [texts] : texts;
  const sources: ComposeSource[] = list.map((text, at) => ({
    file: `f${at === 0 ? "" : at + 1}.yml`,
    text,
  }));
  const { files = {}, environment = {} } = world;
  const { model, problems } = readStack(sources, "/p", (name) => environment[name], {
    readBytes: (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path] ?? "") : undefined),
  });
  return {
    model,
    errors: problems.errors.map(problemLine),
    warnings: problems.warnings.map(problemLine),
  };
}

/** The fields of a service of a model without errors. */
export function fieldsOf(
  result: ReadResult,
  name: string,
): StackModel["services"][number]["fields"] {
  if (result.errors.length > 0) throw new Error(result.errors.join("\n"));
  const found = result.model.services.find((service) => service.name === name);
  if (found === undefined) throw new Error(`no service ${name}`);
  return found.fields;
}
