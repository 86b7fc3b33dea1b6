import { errorMessage } from "../base/errors.ts";
import type { DryRunResponse } from "../gen/skep/DryRunResponse.ts";
import type { DryRunService } from "../gen/skep/DryRunService.ts";
import type { DryRunTask } from "../gen/skep/DryRunTask.ts";
import type { Node } from "../gen/skep/Node.ts";
import type { SecretSpec } from "../gen/skep/SecretSpec.ts";
import type { Service, ServiceInput } from "../gen/skep/Service.ts";
import type { ServiceSpec } from "../gen/skep/ServiceSpec.ts";
import type { Task } from "../gen/skep/Task.ts";
import { atLeast } from "../model/task-state.ts";
import { validateServiceSpec } from "../model/validate/service.ts";
import { messageCodec } from "../rpc/load-proto.ts";
import { nodeInfoOf } from "../scheduler/node-info.ts";
import { needsScheduling, schedule } from "../scheduler/schedule.ts";
import type { StoreView } from "../store/store-view.ts";
import { checkPublishedPorts } from "./control/published-ports.ts";
import { tryResolve } from "./control/resolve.ts";
import { dirtyTest } from "./orchestrator/dirty.ts";
import type { DecisionContext } from "./orchestrator/new-task.ts";
import { reconcileService } from "./orchestrator/reconcile-service.ts";
import { isStartFirst } from "./orchestrator/update.ts";

const codec = messageCodec<ServiceInput, Service>("Service");

/** What is asked: services to create or update, and services to remove first. */
export interface DryRunInput {
  readonly services: readonly ServiceSpec[];
  readonly removedServiceIds: readonly string[];
  readonly secrets: readonly SecretSpec[];
}

/** What one service would come to, before its new tasks have nodes. */
interface Outlook {
  readonly name: string;
  readonly refusal: string;
  readonly kept: readonly Task[];
  readonly waiting: readonly Task[];
  /** Ids of tasks whose room is free for others. */
  readonly leaving: readonly string[];
}

/**
 * Pure: where the tasks of these services would run, by the same decisions that the leader makes (orchestrator, then scheduler), on the
 * cluster as `view` shows it. What an update replaces counts as gone, unless it goes on until its successor runs (start-first).
 */
export function dryRun(
  view: StoreView,
  input: DryRunInput,
  context: DecisionContext,
): DryRunResponse {
  const removed = new Set(input.removedServiceIds);
  const outlooks = input.services.map((spec) => outlookOf(view, spec, context));
  const leaving = new Set(outlooks.flatMap((outlook) => outlook.leaving));
  const nodes = [...view.all("node")];
  const infos = nodes.map((node) =>
    nodeInfoOf(
      node,
      view
        .tasksOfNode(node.id)
        .filter(({ id, serviceId }) => !leaving.has(id) && !removed.has(serviceId)),
    ),
  );
  const tasks = outlooks.flatMap(({ waiting }) => waiting);
  const placements = schedule({ tasks, nodes: infos, nowMs: context.nowMs });
  const nodeOf = new Map(placements.assignments.map(({ taskId, nodeId }) => [taskId, nodeId]));
  const reasonOf = new Map(
    placements.unplaced.map(({ taskId, explanation }) => [taskId, explanation]),
  );
  const hostnames = new Map(nodes.map((node) => [node.id, hostnameOf(node)]));
  return {
    services: outlooks.map((outlook) => resultOf(outlook, nodeOf, reasonOf, hostnames)),
    changedSecrets: changedSecrets(view, input.secrets),
  };
}

function outlookOf(view: StoreView, given: ServiceSpec, context: DecisionContext): Outlook {
  const name = given.annotations?.name ?? "";
  const existing = view.byName("service", name);
  const nothing = { name, kept: [], waiting: [], leaving: [] };
  const refusal = refusalOf(view, given, existing?.id ?? "");
  if (refusal !== "") return { ...nothing, refusal };
  const spec = withNetworkIds(view, given);
  const nodes = { get: (id: string) => view.get("node", id), all: () => view.all("node") };
  const present = existing === undefined ? [] : view.tasksOfService(existing.id);
  const live = present.filter(({ desiredState }) => !atLeast(desiredState, "SHUTDOWN"));
  const changed = serviceOf(spec, existing, context);
  const isDirty = dirtyTest(changed, nodes);
  if (existing !== undefined && !live.some(isDirty)) {
    const same = { ...changed, specVersion: existing.specVersion };
    return { name, refusal, ...steps(same, present, nodes, context) };
  }
  const fresh = steps(changed, [], nodes, context);
  const replaced = isStartFirst(changed) ? [] : live.map(({ id }) => id);
  return { name, refusal, ...fresh, leaving: replaced };
}

function steps(
  service: Service,
  present: readonly Task[],
  nodes: Parameters<typeof reconcileService>[2],
  context: DecisionContext,
): Pick<Outlook, "kept" | "waiting" | "leaving"> {
  const actions = reconcileService(service, present, nodes, context);
  const stopped = new Set(
    actions.flatMap((action) =>
      action.kind === "setDesired" && atLeast(action.desired, "SHUTDOWN") ? [action.taskId] : [],
    ),
  );
  const stays = present.filter(
    (task) => !stopped.has(task.id) && !atLeast(task.desiredState, "SHUTDOWN"),
  );
  const created = actions.flatMap((action) =>
    action.kind === "createTask" ? [allocated(service, action.task)] : [],
  );
  const isPlaced = (task: Task): boolean => atLeast(task.status?.state ?? "NEW", "ASSIGNED");
  return {
    kept: stays.filter(isPlaced),
    waiting: [
      ...stays.filter((task) => !isPlaced(task)).map((task) => allocated(service, task)),
      ...created,
    ].filter(needsScheduling),
    leaving: [...stopped],
  };
}

// As the allocator leaves a task: ready for the scheduler.
function allocated(service: Service, task: Task): Task {
  const endpoint = { spec: service.spec?.endpoint ?? null, ports: [], virtualIps: [] };
  const { status } = task;
  return {
    ...task,
    endpoint: task.endpoint ?? endpoint,
    status: status === null ? null : { ...status, state: "PENDING" },
  };
}

// The version is one no task has: whether tasks differ is decided by their words.
function serviceOf(
  spec: ServiceSpec,
  existing: Service | undefined,
  context: DecisionContext,
): Service {
  const specVersion = { index: Number.MAX_SAFE_INTEGER };
  if (existing !== undefined) return { ...existing, spec, specVersion, updateStatus: null };
  const jobStatus = { jobIteration: { index: 0 } };
  return codec.decode(codec.encode({ id: context.newId(), spec, specVersion, jobStatus }));
}

function refusalOf(view: StoreView, spec: ServiceSpec, ownId: string): string {
  try {
    validateServiceSpec(withFileIds(spec));
    checkPublishedPorts(view, spec, ownId);
    return "";
  } catch (error) {
    return errorMessage(error);
  }
}

// Secrets and configs that are still to be made have no ids.
function withFileIds(spec: ServiceSpec): ServiceSpec {
  const { task } = spec;
  if (task === null || task.container === null) return spec;
  const secrets = task.container.secrets.map((ref) => ({
    ...ref,
    secretId: ref.secretId || "new",
  }));
  const configs = task.container.configs.map((ref) => ({
    ...ref,
    configId: ref.configId || "new",
  }));
  return { ...spec, task: { ...task, container: { ...task.container, secrets, configs } } };
}

// As in the store, where that network exists.
function withNetworkIds(view: StoreView, spec: ServiceSpec): ServiceSpec {
  if (spec.task === null) return spec;
  const networks = spec.task.networks.map((attachment) => ({
    ...attachment,
    target: tryResolve(view, "network", attachment.target)?.id ?? attachment.target,
  }));
  return { ...spec, task: { ...spec.task, networks } };
}

function resultOf(
  { name, refusal, kept, waiting }: Outlook,
  nodeOf: ReadonlyMap<string, string>,
  reasonOf: ReadonlyMap<string, string>,
  hostnames: ReadonlyMap<string, string>,
): DryRunService {
  const placed = (task: Task, nodeId: string, isKept: boolean): DryRunTask => ({
    slot: task.slot,
    nodeId,
    hostname: hostnames.get(nodeId) ?? nodeId,
    kept: isKept,
  });
  const tasks = [
    ...kept.map((task) => placed(task, task.nodeId, true)),
    ...waiting.flatMap((task) => {
      const nodeId = nodeOf.get(task.id);
      return nodeId === undefined ? [] : [placed(task, nodeId, false)];
    }),
  ].sort((a, b) => a.slot - b.slot || (a.hostname < b.hostname ? -1 : 1));
  const counts = new Map<string, number>();
  for (const { id } of waiting) {
    const reason = reasonOf.get(id);
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const unplaced = [...counts].map(([explanation, count]) => ({ count, explanation }));
  return { name, tasks, unplaced, refusal };
}

function changedSecrets(view: StoreView, secrets: readonly SecretSpec[]): string[] {
  return secrets.flatMap(({ annotations, data }) => {
    const name = annotations?.name ?? "";
    const known = view.byName("secret", name)?.spec?.data;
    return known === undefined || Buffer.compare(known, data) === 0 ? [] : [name];
  });
}

function hostnameOf(node: Node): string {
  return node.description?.hostname ?? node.id;
}
