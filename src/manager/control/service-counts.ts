import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceCounts } from "../../gen/skep/ServiceCounts.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { desiredReplicas, isGlobal, isGlobalJob, isJob } from "../../model/service-mode.ts";
import type { StoreView } from "../../store/store-view.ts";

/** How many tasks the service should have, has running, and (jobs) has completed in this run. Tasks on nodes that are down do not run. */
export function countTasks(view: StoreView, service: Service): ServiceCounts {
  const tasks = view.tasksOfService(service.id).filter((task) => isOfThisRun(service, task));
  const isUp = (task: Task): boolean => view.get("node", task.nodeId)?.status?.state !== "DOWN";
  const running = tasks.filter((task) => task.status?.state === "RUNNING" && isUp(task));
  const completed = tasks.filter((task) => task.status?.state === "COMPLETE");
  return {
    serviceId: service.id,
    desiredTasks: desiredCount(service, tasks),
    runningTasks: running.length,
    completedTasks: isJob(service) ? completed.length : 0,
  };
}

function desiredCount(service: Service, tasks: readonly Task[]): number {
  if (isGlobalJob(service)) {
    return new Set(tasks.filter(isWanted).map((task) => task.nodeId)).size;
  }
  if (isGlobal(service)) return tasks.filter(isWanted).length;
  return desiredReplicas(service);
}

function isWanted(task: Task): boolean {
  return task.desiredState === "RUNNING" || task.desiredState === "COMPLETE";
}

function isOfThisRun(service: Service, task: Task): boolean {
  if (!isJob(service)) return true;
  return task.jobIteration?.index === service.jobStatus?.jobIteration?.index;
}
