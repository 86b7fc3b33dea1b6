import { isAttachment } from "../../model/attachment.ts";
import { matchesTask } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { resolve } from "./resolve.ts";

/** Control of tasks: people only look at them. */
export function taskMethods({
  store,
  readBarrier,
}: ControlDeps): Pick<ControlMethods, "getTask" | "listTasks"> {
  return {
    async getTask({ ref }) {
      await readBarrier();
      return { task: resolve(store.view(), "task", ref) };
    },
    async listTasks({ filters }) {
      await readBarrier();
      const view = store.view();
      const candidates =
        filters !== null && filters.serviceIds.length > 0
          ? [...new Set(filters.serviceIds)].flatMap((id) => view.tasksOfService(id))
          : [...view.all("task")];
      // An attachment is nothing that people made; it is found by its id.
      const tasks = candidates.filter((task) => !isAttachment(task));
      return { tasks: tasks.filter((task) => matchesTask(filters, task, view)) };
    },
  };
}
