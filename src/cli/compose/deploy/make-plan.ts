import type { ServiceSpecJson } from "../../../rest/wire/service.ts";
import type { Session } from "../../session.ts";
import type { FileIds } from "../stack-container.ts";
import type { StackModel } from "../stack-model.ts";
import { serviceSpecOf } from "../stack-service.ts";
import { missingExternals, planStack, type StackPlan } from "./plan-stack.ts";
import { type ResolveImage, resolveImages } from "./resolve-images.ts";
import { readState, type StackState } from "./stack-state.ts";

/** Reads the cluster and decides what a deploy of the model would do. Rejects when something external is missing. */
export async function makePlan(
  session: Session,
  stack: string,
  model: StackModel,
  resolveImage: ResolveImage,
): Promise<StackPlan> {
  const state = await readState(session, stack);
  const missing = missingExternals(model, state);
  if (missing.length > 0) throw new Error(missing.join("\n"));
  const ids = fileIds(state);
  const specs = model.services.map((service) => serviceSpecOf(stack, service, model, ids));
  const resolved = await resolveImages(session, specs, state.services, resolveImage);
  return planStack(stack, model, resolved, state);
}

/** The spec with the ids of secrets and configs that were made since. */
export function withFileIds(spec: ServiceSpecJson, ids: FileIds): ServiceSpecJson {
  const container = { ...spec.TaskTemplate.ContainerSpec };
  if (container.Secrets !== undefined) {
    container.Secrets = container.Secrets.map((reference) => ({
      ...reference,
      SecretID: ids.secrets.get(reference.SecretName) ?? reference.SecretID,
    }));
  }
  if (container.Configs !== undefined) {
    container.Configs = container.Configs.map((reference) => ({
      ...reference,
      ConfigID: ids.configs.get(reference.ConfigName) ?? reference.ConfigID,
    }));
  }
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: container } };
}

function fileIds({ secrets, configs }: StackState): FileIds {
  return {
    secrets: new Map(secrets.map(({ ID, Spec }) => [Spec.Name, ID])),
    configs: new Map(configs.map(({ ID, Spec }) => [Spec.Name, ID])),
  };
}
