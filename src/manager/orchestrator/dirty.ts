import { isDeepStrictEqual } from "node:util";
import type { EndpointSpec } from "../../gen/skep/EndpointSpec.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskSpec } from "../../gen/skep/TaskSpec.ts";
import { matchesConstraints, parseConstraint } from "../../model/constraint.ts";
import { taskStateOrder } from "../../model/task-state.ts";
import { type NodeLookup, observedState, specVersionOf } from "./task-facts.ts";

/**
 * Whether a task must be replaced to be what its service now says. A change of placement alone does not count
 * while the task's node still fits, nor does a change of registry credentials once the image is on the node.
 */
export function isTaskDirty(service: Service, task: Task, nodes: NodeLookup): boolean {
  return dirtyTest(service, nodes)(task);
}

/** `isTaskDirty` for many tasks of one service: tasks of one version were made from the same words, compared once. */
export function dirtyTest(service: Service, nodes: NodeLookup): (task: Task) => boolean {
  const wanted = service.spec?.task ?? null;
  const sameWords = new Map<number, boolean>();
  return (task) => {
    const version = specVersionOf(task);
    if (version === specVersionOf(service)) return false;
    if (!sameEndpoint(service.spec?.endpoint ?? null, task)) return true;
    let same = sameWords.get(version);
    if (same === undefined) {
      same = isDeepStrictEqual(wanted, task.spec);
      sameWords.set(version, same);
    }
    return !same && differsInEarnest(wanted, task, nodes);
  };
}

function differsInEarnest(wanted: TaskSpec | null, task: Task, nodes: NodeLookup): boolean {
  if (wanted === null || task.spec === null) return true;
  let like = task.spec;
  if (placementStillFits(wanted, task, nodes)) like = { ...like, placement: wanted.placement };
  if (hasImage(task)) like = withCredentialsOf(like, wanted);
  return !isDeepStrictEqual(wanted, like);
}

/** Whether two tasks were made from the same words, whatever the version of the service. */
export function sameTaskSpec(a: Task, b: Task): boolean {
  return specVersionOf(a) === specVersionOf(b) || isDeepStrictEqual(a.spec, b.spec);
}

function sameEndpoint(wanted: EndpointSpec | null, task: Task): boolean {
  // Before allocation the task has no endpoint yet and will get the current one.
  if (task.endpoint === null) return true;
  return isDeepStrictEqual(withDefaults(wanted), withDefaults(task.endpoint.spec));
}

function withDefaults(spec: EndpointSpec | null): EndpointSpec {
  return spec ?? { mode: "VIP", ports: [] };
}

function placementStillFits(wanted: TaskSpec, task: Task, nodes: NodeLookup): boolean {
  const node = nodes.get(task.nodeId);
  if (node === undefined) return false;
  return matchesConstraints((wanted.placement?.constraints ?? []).map(parseConstraint), node);
}

function hasImage(task: Task): boolean {
  const order = taskStateOrder(observedState(task));
  return order >= taskStateOrder("READY") && order <= taskStateOrder("RUNNING");
}

function withCredentialsOf(spec: TaskSpec, wanted: TaskSpec): TaskSpec {
  if (spec.container === null || wanted.container === null) return spec;
  return {
    ...spec,
    container: { ...spec.container, registryAuth: wanted.container.registryAuth },
  };
}
