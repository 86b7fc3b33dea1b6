import { checkDependencies } from "./dependencies.ts";
import type { Place, Problems } from "./problems.ts";
import { type Project, type ProjectService, placeOf } from "./project.ts";
import { child } from "./tree.ts";

/** Pure: tells what is contradictory or names something that is not there. */
export function checkProject(project: Project, problems: Problems, place: Place): void {
  if (project.services.length === 0) problems.error(place, "there are no services");
  for (const service of project.services) {
    const check = new ServiceCheck(service, project, problems);
    check.image();
    check.deploy();
    check.ports();
    check.volumes();
    check.references();
  }
  checkPublishedPorts(project, problems);
  checkDependencies(project, problems);
}

// A port of the routing mesh is taken on every node; ports of nodes themselves are a matter of placement.
function checkPublishedPorts({ services }: Project, problems: Problems): void {
  const taken = new Map<string, { readonly name: string; readonly mode: string }>();
  for (const service of services) {
    for (const { published = 0, protocol = "tcp", mode = "ingress" } of service.fields.ports ??
      []) {
      const key = `${published}/${protocol}`;
      const other = taken.get(key);
      if (published === 0 || other?.name === service.name) continue;
      if (other !== undefined && (mode === "ingress" || other.mode === "ingress")) {
        problems.error(
          placeOf(service, "ports"),
          `services.${service.name}.ports: port ${key} is published by service ${other.name} too`,
        );
      }
      taken.set(key, { name: service.name, mode });
    }
  }
}

class ServiceCheck {
  readonly #service: ProjectService;
  readonly #project: Project;
  readonly #problems: Problems;
  readonly #at: string;

  constructor(service: ProjectService, project: Project, problems: Problems) {
    this.#service = service;
    this.#project = project;
    this.#problems = problems;
    this.#at = `services.${service.name}`;
  }

  image(): void {
    const { image, healthcheck, restart } = this.#service.fields;
    if (image === undefined) {
      this.#error(["image"], `${this.#at} needs an image: a stack builds none`);
    }
    if (healthcheck?.disable === true && healthcheck.test !== undefined) {
      this.#error(["healthcheck"], `${this.#at}.healthcheck cannot have test when disable is true`);
    }
    if (restart === undefined) return;
    if (!/^(no|always|unless-stopped|on-failure(:\d+)?)?$/.test(restart)) {
      const words = "no, always, unless-stopped, on-failure or on-failure:3";
      this.#error(["restart"], `${this.#at}.restart must be one of ${words}, not "${restart}"`);
    } else if (this.#service.fields.deploy?.restart_policy !== undefined) {
      this.#warn(["restart"], `${this.#at}.restart is ignored: deploy.restart_policy is there`);
    } else if (restart === "no") {
      this.#warn(
        ["restart"],
        `${this.#at}.restart is ignored: set deploy.restart_policy.condition to none instead`,
      );
    }
  }

  deploy(): void {
    const { deploy } = this.#service.fields;
    if (deploy === undefined) return;
    const { mode = "replicated", replicas, placement, resources } = deploy;
    const at = `${this.#at}.deploy`;
    const isGlobal = mode.startsWith("global");
    if (isGlobal && replicas !== undefined) {
      this.#error(["deploy", "replicas"], `${at}.replicas has no meaning in mode ${mode}`);
    }
    if (isGlobal && (placement?.max_replicas_per_node ?? 0) > 0) {
      const key = "max_replicas_per_node";
      this.#error(
        ["deploy", "placement", key],
        `${at}.placement.${key} has no meaning in mode ${mode}`,
      );
    }
    for (const key of ["update_config", "rollback_config"] as const) {
      if (mode.endsWith("-job") && deploy[key] !== undefined) {
        this.#error(["deploy", key], `${at}.${key} has no meaning for jobs`);
      }
    }
    for (const text of placement?.constraints ?? []) {
      if (/^\s*[^\s=!]+\s*(==|!=)\s*\S.*$/.test(text)) continue;
      this.#error(
        ["deploy", "placement", "constraints"],
        `${at}.placement.constraints: "${text}" must be key==value or key!=value`,
      );
    }
    for (const generic of resources?.reservations?.generic_resources ?? []) {
      const given = Object.values(generic);
      if (given.length === 1 && given[0]?.kind !== undefined && given[0].value !== undefined) {
        continue;
      }
      this.#error(
        ["deploy", "resources", "reservations", "generic_resources"],
        `${at}.resources.reservations.generic_resources needs discrete_resource_spec with kind and value`,
      );
    }
  }

  ports(): void {
    const { ports = [], deploy } = this.#service.fields;
    const taken = new Set<string>();
    for (const [
      index,
      { target, published, protocol = "tcp", mode = "ingress" },
    ] of ports.entries()) {
      const place = this.#itemPlace("ports", index);
      const at = `${this.#at}.ports[${index}]`;
      if (target === undefined) this.#problems.error(place, `${at} needs a target`);
      const key = `${published}/${protocol}`;
      if ((published ?? 0) > 0 && taken.has(key)) {
        this.#problems.error(place, `${at}: port ${key} is published twice`);
      }
      taken.add(key);
      if (deploy?.endpoint_mode === "dnsrr" && mode === "ingress") {
        this.#problems.error(place, `${at}: endpoint_mode dnsrr goes only with ports of mode host`);
      }
    }
  }

  volumes(): void {
    const targets = new Set<string>();
    for (const [index, volume] of (this.#service.fields.volumes ?? []).entries()) {
      const place = this.#itemPlace("volumes", index);
      const at = `${this.#at}.volumes[${index}]`;
      const { type = "volume", source, target } = volume;
      if (target === undefined) this.#problems.error(place, `${at} needs a target`);
      else if (targets.has(target))
        this.#problems.error(place, `${at}: ${target} is mounted twice`);
      else targets.add(target);
      if (type === "bind" && source === undefined) {
        this.#problems.error(place, `${at} needs a source`);
      }
      if (type === "tmpfs" && source !== undefined) {
        this.#problems.error(place, `${at}: a tmpfs has no source`);
      }
      if (
        type === "volume" &&
        source !== undefined &&
        !Object.hasOwn(this.#project.volumes, source)
      ) {
        this.#problems.error(
          place,
          `${at}: there is no volume ${source} under the top-level volumes`,
        );
      }
      for (const kind of ["bind", "volume", "tmpfs"] as const) {
        if (kind === type || volume[kind] === undefined) continue;
        this.#problems.error(place, `${at}.${kind} does not go with type ${type}`);
      }
    }
  }

  references(): void {
    for (const name of Object.keys(this.#service.fields.networks ?? {})) {
      if (name === "default" || Object.hasOwn(this.#project.networks, name)) continue;
      this.#error(
        ["networks", name],
        `${this.#at}.networks: there is no network ${name} under the top-level networks`,
      );
    }
    for (const kind of ["secrets", "configs"] as const) {
      const noun = kind.slice(0, -1);
      for (const [index, { source }] of (this.#service.fields[kind] ?? []).entries()) {
        const place = this.#itemPlace(kind, index);
        const at = `${this.#at}.${kind}[${index}]`;
        if (source === undefined) this.#problems.error(place, `${at} needs a source`);
        else if (!Object.hasOwn(this.#project[kind], source)) {
          this.#problems.error(
            place,
            `${at}: there is no ${noun} ${source} under the top-level ${kind}`,
          );
        }
      }
    }
  }

  #itemPlace(key: string, index: number): Place {
    const items = child(this.#service.tree, key);
    const item = items?.kind === "list" ? items.items[index] : undefined;
    return item?.place ?? placeOf(this.#service, key);
  }

  #error(keys: readonly string[], message: string): void {
    this.#problems.error(placeOf(this.#service, ...keys), message);
  }

  #warn(keys: readonly string[], message: string): void {
    this.#problems.warn(placeOf(this.#service, ...keys), message);
  }
}
