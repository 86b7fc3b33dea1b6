import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { PlaceholderContext } from "../../model/placeholder.ts";
import { taskName } from "../../model/task-name.ts";

/** What the placeholders of a task's spec stand for on this node. */
export function placeholderContext(
  task: Task,
  nodeId: string,
  node: NodeDescription,
): PlaceholderContext {
  return {
    Service: {
      ID: task.serviceId,
      Name: task.serviceAnnotations?.name ?? "",
      Labels: task.serviceAnnotations?.labels ?? {},
    },
    Node: {
      ID: nodeId,
      Hostname: node.hostname,
      Platform: {
        Architecture: node.platform?.architecture ?? "",
        OS: node.platform?.os ?? "",
      },
    },
    Task: {
      ID: task.id,
      Name: taskName(task),
      Slot: task.slot > 0 ? String(task.slot) : nodeId,
    },
  };
}
