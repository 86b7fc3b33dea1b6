import { stringify } from "yaml";
import type { StackModel, StackService } from "./stack-model.ts";

/** Docker's newest version of the compose file, for those who read one. */
const newestVersion = "3.13";

/** Pure: the model as a compose file in long forms, merged and filled in; `docker stack config` prints the same values. */
export function configText(model: StackModel): string {
  return stringify(configOf(model), {
    sortMapEntries: bySection,
    version: "1.1",
    lineWidth: 0,
  }).trimEnd();
}

/** Pure: what `configText` writes. */
export function configOf(model: StackModel): Record<string, unknown> {
  const files = (objects: StackModel["secrets"]) =>
    Object.fromEntries(Object.entries(objects).map(([key, { data: _, ...rest }]) => [key, rest]));
  const sections = {
    networks: model.networks,
    volumes: model.volumes,
    secrets: files(model.secrets),
    configs: files(model.configs),
  };
  return {
    version: model.version === undefined || model.version === "3" ? newestVersion : model.version,
    ...(model.name === undefined ? {} : { name: model.name }),
    services: Object.fromEntries(
      model.services.map((service) => [service.name, fieldsOf(service)]),
    ),
    ...Object.fromEntries(
      Object.entries(sections).filter(([, objects]) => Object.keys(objects).length > 0),
    ),
  };
}

// The short form of depends_on stays a list, as Docker has it.
function fieldsOf({ fields, dependsOn }: StackService): Record<string, unknown> {
  const { depends_on: _, ...rest } = fields;
  if (dependsOn.length === 0) return rest;
  const plain = dependsOn.every(({ condition }) => condition === undefined);
  return {
    ...rest,
    depends_on: plain
      ? dependsOn.map(({ service }) => service)
      : Object.fromEntries(
          dependsOn.map(({ service, condition }) => [
            service,
            { condition: condition ?? "service_started" },
          ]),
        ),
  };
}

const sectionOrder = ["version", "name", "services", "networks", "volumes", "secrets", "configs"];

function bySection(a: { readonly key: unknown }, b: { readonly key: unknown }): number {
  const [first, second] = [keyText(a.key), keyText(b.key)];
  const order = sectionOrder.indexOf(first) - sectionOrder.indexOf(second);
  const areSections = sectionOrder.includes(first) && sectionOrder.includes(second);
  return areSections ? order : first < second ? -1 : Number(first > second);
}

function keyText(key: unknown): string {
  return typeof key === "object" && key !== null && "value" in key
    ? String(key.value)
    : String(key);
}
