import { must } from "../../base/assert.ts";
import { errorMessage } from "../../base/errors.ts";
import { checkObjects } from "./check-objects.ts";
import { checkProject } from "./check-project.ts";
import { dependenciesOf, inDeployOrder } from "./dependencies.ts";
import { assignmentsOf, type ComposeSource, loadTree } from "./load.ts";
import { Problems } from "./problems.ts";
import { decodeProject, type Project, type ProjectService, placeOf } from "./project.ts";
import type { StackFile, StackModel } from "./stack-model.ts";
import type { Variables } from "./substitute.ts";

/** What reading a stack takes from the world. */
export interface StackFiles {
  /** The bytes of a file; undefined when there is none. */
  readBytes(path: string): Buffer | undefined;
}

/**
 * Compose files as the model of a stack. All problems are in `problems`: check it before the model is used. `folder` is where
 * relative paths begin.
 */
export function readStack(
  sources: readonly ComposeSource[],
  folder: string,
  environment: Variables,
  files: StackFiles,
): { readonly model: StackModel; readonly problems: Problems } {
  const problems = new Problems();
  const texts = { read: (path: string) => files.readBytes(path)?.toString() };
  const { tree, variables } = loadTree(sources, folder, environment, texts, problems);
  const project = decodeProject(tree, problems);
  if (problems.errors.length === 0) checkProject(project, problems, tree.place);
  checkObjects(project, tree, problems);
  const reader = new ContentReader(variables, files, problems);
  const model: StackModel = {
    ...(project.version === undefined ? {} : { version: project.version }),
    ...(project.name === undefined ? {} : { name: project.name }),
    services: inDeployOrder(project).map((service) => reader.service(service, project)),
    networks: named(project.networks),
    volumes: named(project.volumes),
    secrets: reader.contents("secret", named(project.secrets), project),
    configs: reader.contents("config", named(project.configs), project),
  };
  return { model, problems };
}

class ContentReader {
  readonly #environment: Variables;
  readonly #files: StackFiles;
  readonly #problems: Problems;

  constructor(environment: Variables, files: StackFiles, problems: Problems) {
    this.#environment = environment;
    this.#files = files;
    this.#problems = problems;
  }

  // What env files say, then the service's own environment; names without a value get the client's.
  service(service: ProjectService, project: Project): StackModel["services"][number] {
    const { environment: own, env_file: envFiles = [], ...fields } = service.fields;
    const environment: Record<string, string | null> = {};
    for (const { path = "", required = true, format } of envFiles) {
      const text = this.#files.readBytes(path)?.toString();
      if (text === undefined) {
        if (required) {
          const place = placeOf(service, "env_file");
          this.#problems.error(
            place,
            `services.${service.name}.env_file: there is no file ${path}`,
          );
        }
        continue;
      }
      for (const [name, value] of format === "raw" ? rawLines(text) : this.#dotenv(text, path)) {
        const known = value ?? this.#environment(name);
        if (known !== undefined) environment[name] = known;
      }
    }
    for (const [name, value] of Object.entries(own ?? {})) {
      environment[name] = value ?? this.#environment(name) ?? null;
    }
    return {
      name: service.name,
      fields: {
        ...fields,
        ...(own === undefined && envFiles.length === 0 ? {} : { environment }),
      },
      dependsOn: dependenciesOf(service, project),
    };
  }

  contents(
    noun: "secret" | "config",
    objects: Readonly<Record<string, StackFile>>,
    project: Project,
  ): Record<string, StackFile> {
    return Object.fromEntries(
      Object.entries(objects).map(([name, object]) => {
        const data = object.external === true ? undefined : this.#data(noun, name, object, project);
        return [name, data === undefined ? object : { ...object, data }];
      }),
    );
  }

  #data(
    noun: "secret" | "config",
    name: string,
    { file, environment, content }: StackFile,
    project: Project,
  ): Buffer | undefined {
    if (content !== undefined) return Buffer.from(content);
    const at = must(project.places.get(`${noun}s.${name}`), "the place of an object");
    if (environment !== undefined) {
      const value = this.#environment(environment);
      if (value !== undefined) return Buffer.from(value);
      this.#problems.error(at, `${noun}s.${name}.environment: variable ${environment} is not set`);
    } else if (file !== undefined) {
      try {
        const bytes = this.#files.readBytes(file);
        if (bytes !== undefined) return bytes;
        this.#problems.error(at, `${noun}s.${name}.file: there is no file ${file}`);
      } catch (error) {
        this.#problems.error(at, `${noun}s.${name}.file: ${errorMessage(error)}`);
      }
    }
    return undefined;
  }

  #dotenv(text: string, path: string): [string, string | undefined][] {
    const assignments = assignmentsOf(text, path, this.#environment, this.#problems);
    return assignments.map(({ name, value }) => [name, value]);
  }
}

// Docker's own reading: all after the first "=" is the value.
function rawLines(text: string): [string, string | undefined][] {
  return text.split(/\r?\n/).flatMap((line): [string, string | undefined][] => {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const at = trimmed.indexOf("=");
    return at < 0 ? [[trimmed.trim(), undefined]] : [[trimmed.slice(0, at), trimmed.slice(at + 1)]];
  });
}

// An external object is called what its key says, unless it has a name.
function named<T extends { name?: string; external?: boolean }>(
  objects: Readonly<Record<string, T>>,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(objects).map(([key, object]) => {
      if (object.external === false) {
        const { external: _, ...rest } = object;
        return [key, rest as T];
      }
      return [key, object.external === true ? { ...object, name: object.name ?? key } : object];
    }),
  );
}
