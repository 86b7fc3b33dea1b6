import type { IdJson } from "../../../rest/wire/common.ts";
import type { NetworkCreateResponseJson } from "../../../rest/wire/network.ts";
import type {
  ServiceCreateResponseJson,
  ServiceUpdateResponseJson,
} from "../../../rest/wire/service.ts";
import { ApiError } from "../../client.ts";
import { registryAuthHeaders } from "../../registry-auth.ts";
import { waitForService } from "../../service/wait.ts";
import { problemText, type Session } from "../../session.ts";
import { withFileIds } from "./make-plan.ts";
import type { FileStep, ServiceStep, StackPlan } from "./plan-stack.ts";
import { waitForDependencies } from "./wait-for.ts";

export interface DeployOptions {
  readonly prune: boolean;
  readonly withRegistryAuth: boolean;
  readonly detach: boolean;
  readonly quiet: boolean;
  /** How long a dependency may take to be as a service asks. */
  readonly waitTimeoutMs: number;
}

/** Carries a plan out: removed services first, then networks, secrets, configs, and services, each after those it depends on. */
export async function deployStack(
  session: Session,
  plan: StackPlan,
  options: DeployOptions,
): Promise<void> {
  for (const warning of plan.warnings) session.warn(warning);
  if (options.prune) {
    for (const { ID, Spec } of plan.orphans) {
      session.print(`Removing service ${Spec.Name}`);
      await removed(session.client.delete(`/services/${ID}`));
    }
  }
  for (const network of plan.networks) {
    session.print(`Creating network ${network.Name}`);
    await session.client.post<NetworkCreateResponseJson>("/networks/create", { body: network });
  }
  const ids = {
    secrets: await putFiles(session, "secret", plan.secrets),
    configs: await putFiles(session, "config", plan.configs),
  };
  const deployed = new Map<string, string>();
  for (const step of plan.services) {
    await waitForDependencies(session, step, deployed, options.waitTimeoutMs);
    if (session.interrupted.aborted) {
      throw new Error(`interrupted: service ${step.name} and those after it were not deployed`);
    }
    const id = await putService(session, { ...step, spec: withFileIds(step.spec, ids) }, options);
    deployed.set(step.name, id);
  }
  if (options.detach) return;
  for (const id of deployed.values()) await waitForService(session, id, { quiet: options.quiet });
}

// Ids by name of all that is there in the end.
async function putFiles(
  session: Session,
  noun: "secret" | "config",
  steps: readonly FileStep[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const { request, present, action } of steps) {
    const { Name } = request;
    if (present === undefined) {
      session.print(`Creating ${noun} ${Name}`);
      const { ID } = await session.client.post<IdJson>(`/${noun}s/create`, { body: request });
      ids.set(Name, ID);
      continue;
    }
    ids.set(Name, present.id);
    if (action === "keep") continue;
    try {
      const query = { version: present.version };
      await session.client.post(`/${noun}s/${present.id}/update`, { query, body: request });
    } catch (error) {
      const way = /only updates to Labels are allowed/i.test(problemText(error))
        ? `\nthe data of a ${noun} never change: give the new data a new name (top-level ${noun}s, "name: ${Name}_2"), so that services move over to it`
        : "";
      throw new Error(`failed to update ${noun} ${Name}: ${problemText(error)}${way}`);
    }
  }
  return ids;
}

async function putService(
  session: Session,
  { name, spec, present, changes }: ServiceStep,
  options: DeployOptions,
): Promise<string> {
  const image = spec.TaskTemplate.ContainerSpec?.Image ?? "";
  const headers = options.withRegistryAuth ? await registryAuthHeaders(image) : {};
  if (present === undefined) {
    session.print(`Creating service ${name}`);
    const made = await session.client.post<ServiceCreateResponseJson>("/services/create", {
      body: spec,
      headers,
    });
    for (const warning of made.Warnings ?? []) session.warn(warning);
    return made.ID;
  }
  // New credentials must reach the nodes, though nothing else changes.
  if (changes.length === 0 && Object.keys(headers).length === 0) {
    session.print(`Service ${name} is as it should be`);
    return present.ID;
  }
  session.print(`Updating service ${name} (id: ${present.ID})`);
  const { ForceUpdate } = present.Spec.TaskTemplate;
  const body = { ...spec, TaskTemplate: { ...spec.TaskTemplate, ForceUpdate } };
  const { Warnings } = await session.client.post<ServiceUpdateResponseJson>(
    `/services/${present.ID}/update`,
    { query: { version: present.Version.Index, registryAuthFrom: "spec" }, body, headers },
  );
  for (const warning of Warnings ?? []) session.warn(warning);
  return present.ID;
}

async function removed(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}
