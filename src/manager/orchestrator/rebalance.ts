import type { Node } from "../../gen/skep/Node.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { rebalanceLabel } from "../../model/rebalance-label.ts";
import { desiredReplicas, isReplicated } from "../../model/service-mode.ts";
import { type NodeInfo, nodeInfoOf } from "../../scheduler/node-info.ts";
import { schedule } from "../../scheduler/schedule.ts";
import { hasEnded, isWanted, observedState } from "./task-facts.ts";
import { isPaused } from "./update-status.ts";

/** A node and all tasks that name it. */
export interface LoadedNode {
  readonly node: Node;
  readonly tasks: readonly Task[];
}

export type RebalanceStep =
  /** Something else goes on with the service; look again when it changes. */
  | { readonly kind: "wait" }
  | { readonly kind: "move"; readonly taskId: string }
  | { readonly kind: "even" };

/** Fuller nodes are looked at first; beyond this many, one that has a task to give is not to be expected. */
const pilesMax = 16;

/** Whether the service is to be spread anew: asked for once, or always. */
export function wantsRebalancing(service: Service): boolean {
  if (service.pendingDelete || !isReplicated(service)) return false;
  return service.rebalancing || service.spec?.annotations?.labels[rebalanceLabel] === "auto";
}

/**
 * Pure: the next task to move, one at a time and only while all others run. A task moves when the scheduler, asked anew, would
 * put it on a node that has at least two fewer of the service's tasks: so each move makes the service more even, and it ends.
 */
export function nextRebalanceStep(
  service: Service,
  tasks: Iterable<Task>,
  nodes: () => readonly LoadedNode[],
  nowMs: number,
): RebalanceStep {
  const wanted = [...tasks].filter((task) => isWanted(task) && !hasEnded(task));
  const state = service.updateStatus?.state;
  const quiet =
    !isPaused(service) &&
    state !== "UPDATING" &&
    state !== "ROLLBACK_STARTED" &&
    wanted.length === (desiredReplicas(service) ?? 0) &&
    wanted.every((task) => observedState(task) === "RUNNING" && !task.moving);
  if (!quiet) return { kind: "wait" };
  const loaded = nodes();
  const infos = loaded.map(({ node, tasks: own }) => nodeInfoOf(node, own));
  for (const pile of pilesOf(wanted).slice(0, pilesMax)) {
    const task = pile.at(-1);
    if (task === undefined || pile.length < 2) break;
    const target = betterNode(task, loaded, infos, nowMs);
    const there = wanted.filter(({ nodeId }) => nodeId === target).length;
    if (target !== undefined && there < pile.length - 1) return { kind: "move", taskId: task.id };
  }
  return { kind: "even" };
}

// The tasks by node, most first.
function pilesOf(tasks: readonly Task[]): Task[][] {
  const piles = new Map<string, Task[]>();
  for (const task of [...tasks].sort((a, b) => a.slot - b.slot)) {
    const pile = piles.get(task.nodeId);
    if (pile === undefined) piles.set(task.nodeId, [task]);
    else pile.push(task);
  }
  return [...piles]
    .sort(([a, left], [b, right]) => right.length - left.length || (a < b ? -1 : 1))
    .map(([, pile]) => pile);
}

// Where the scheduler would put the task if it were not anywhere yet; undefined when it would stay.
function betterNode(
  task: Task,
  loaded: readonly LoadedNode[],
  infos: readonly NodeInfo[],
  nowMs: number,
): string | undefined {
  const nodes = infos.map((info, at) => {
    const own = loaded[at];
    if (own === undefined || own.node.id !== task.nodeId) return info;
    return nodeInfoOf(
      own.node,
      own.tasks.filter(({ id }) => id !== task.id),
    );
  });
  const asked: Task = {
    ...task,
    nodeId: "",
    status: task.status === null ? null : { ...task.status, state: "PENDING" },
  };
  const nodeId = schedule({ tasks: [asked], nodes, nowMs }).assignments[0]?.nodeId;
  return nodeId === task.nodeId ? undefined : nodeId;
}
