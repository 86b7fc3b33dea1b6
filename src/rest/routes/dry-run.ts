import type { DryRunService } from "../../gen/skep/DryRunService.ts";
import { readJson } from "../http/body.ts";
import { ok, type Reply } from "../http/reply.ts";
import type { RestContext, RestRequest, Route } from "../http/request.ts";
import { JsonObject } from "../translate/json-object.ts";
import { readSecretSpec } from "../translate/secret.ts";
import { readServiceSpec } from "../translate/service-spec.ts";
import type { DryRunResponseJson, DryRunServiceJson } from "../wire/dry-run.ts";

/** POST /services/dry-run, which Docker has not: where tasks would run, and which could not. */
export const dryRunRoutes: readonly Route[] = [
  { method: "POST", pattern: "/services/dry-run", handler: dryRun, cluster: true },
];

async function dryRun(request: RestRequest, { backend }: RestContext): Promise<Reply> {
  const body = new JsonObject(await readJson(request));
  const { services, changedSecrets } = await backend.cluster.dryRun({
    services: body.list("Services", readServiceSpec),
    removedServiceIds: body.texts("RemovedServices"),
    secrets: body.list("Secrets", readSecretSpec),
  });
  const answer: DryRunResponseJson = {
    Services: services.map(serviceJson),
    ChangedSecrets: changedSecrets,
  };
  return ok(answer);
}

function serviceJson({ name, tasks, unplaced, refusal }: DryRunService): DryRunServiceJson {
  return {
    Name: name,
    Tasks: tasks.map(({ slot, nodeId, hostname, kept }) => ({
      Slot: slot,
      NodeID: nodeId,
      Hostname: hostname,
      Kept: kept,
    })),
    Unplaced: unplaced.map(({ count, explanation }) => ({
      Count: count,
      Explanation: explanation,
    })),
    Refusal: refusal,
  };
}
