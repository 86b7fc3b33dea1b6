import type { Problems } from "./problems.ts";
import { type Project, type ProjectService, placeOf } from "./project.ts";

/** What a service waits for before it is deployed. */
export interface Dependency {
  readonly service: string;
  /** Undefined: only deployed before, nothing is waited for (the short form). */
  readonly condition?: "service_started" | "service_healthy" | "service_completed_successfully";
}

/** Pure: the dependencies of a service that are in the project. */
export function dependenciesOf(service: ProjectService, project: Project): readonly Dependency[] {
  const known = new Set(project.services.map(({ name }) => name));
  return Object.entries(service.fields.depends_on ?? {}).flatMap(([name, { condition }]) =>
    known.has(name) ? [{ service: name, ...(condition === undefined ? {} : { condition }) }] : [],
  );
}

/** Pure: services such that each comes after all it depends on, else by name. Those in a circle come last. */
export function inDeployOrder(project: Project): readonly ProjectService[] {
  const left = [...project.services].sort((a, b) => (a.name < b.name ? -1 : 1));
  const ordered: ProjectService[] = [];
  const done = new Set<string>();
  for (;;) {
    const at = left.findIndex((service) =>
      dependenciesOf(service, project).every(({ service: name }) => done.has(name)),
    );
    const [next] = left.splice(Math.max(0, at), 1);
    if (next === undefined) return ordered;
    ordered.push(next);
    done.add(next.name);
  }
}

/** Pure: tells of dependencies that are missing, go round in a circle, or can never be fulfilled. */
export function checkDependencies(project: Project, problems: Problems): void {
  const services = new Map(project.services.map((service) => [service.name, service]));
  for (const service of project.services) {
    const at = `services.${service.name}.depends_on`;
    for (const [name, { condition, required = true, restart }] of Object.entries(
      service.fields.depends_on ?? {},
    )) {
      const place = placeOf(service, "depends_on", name);
      const other = services.get(name);
      if (other === undefined) {
        if (required) problems.error(place, `${at}: there is no service ${name}`);
      } else if (condition === undefined) {
        problems.warn(
          place,
          `${at}.${name} only sets the order: nothing is waited for without a condition (service_healthy, say)`,
        );
      } else if (condition === "service_completed_successfully" && !ends(other)) {
        problems.error(
          place,
          `${at}.${name}: service ${name} never completes; make it a job (deploy.mode: replicated-job)`,
        );
      }
      if (restart === true) problems.warn(place, `${at}.${name}.restart is ignored`);
    }
    const circle = circleFrom(service, services);
    if (circle !== undefined) {
      problems.error(
        placeOf(service, "depends_on"),
        `${at} goes round in a circle: ${circle.join(" -> ")}`,
      );
    }
  }
}

function ends({ fields: { deploy } }: ProjectService): boolean {
  const never = deploy?.restart_policy?.condition;
  return (deploy?.mode ?? "").endsWith("-job") || never === "none" || never === "on-failure";
}

function circleFrom(
  start: ProjectService,
  services: ReadonlyMap<string, ProjectService>,
): readonly string[] | undefined {
  const seen = new Set<string>();
  const follow = (name: string, path: readonly string[]): readonly string[] | undefined => {
    for (const next of Object.keys(services.get(name)?.fields.depends_on ?? {})) {
      if (next === start.name) return [...path, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = follow(next, [...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return follow(start.name, [start.name]);
}
