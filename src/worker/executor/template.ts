import { ClusterError } from "../../base/errors.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { taskName } from "../../model/task-name.ts";

/** What templates may name: {{.Service.Name}}, {{.Node.Hostname}}, {{.Task.Slot}}… (Docker `service create`). */
export interface TemplateContext {
  readonly task: Task;
  readonly nodeId: string;
  readonly node: NodeDescription;
}

/** Replaces the placeholders of a hostname, an environment variable or a mount source. INVALID_ARGUMENT on an unknown one. */
export function expandTemplate(text: string, context: TemplateContext): string {
  return text.replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (whole, expression: string) =>
    placeholderValue(expression, whole, context),
  );
}

function placeholderValue(
  expression: string,
  whole: string,
  { task, nodeId, node }: TemplateContext,
): string {
  const indexed = /^index\s+\.Service\.Labels\s+"([^"]*)"$/.exec(expression);
  const label = indexed?.[1] ?? /^\.Service\.Labels\.(\w+)$/.exec(expression)?.[1];
  if (label !== undefined) return task.serviceAnnotations?.labels[label] ?? "";
  switch (expression) {
    case ".Service.ID":
      return task.serviceId;
    case ".Service.Name":
      return task.serviceAnnotations?.name ?? "";
    case ".Node.ID":
      return nodeId;
    case ".Node.Hostname":
      return node.hostname;
    case ".Node.Platform.OS":
      return node.platform?.os ?? "";
    case ".Node.Platform.Architecture":
      return node.platform?.architecture ?? "";
    case ".Task.ID":
      return task.id;
    case ".Task.Name":
      return taskName(task);
    case ".Task.Slot":
      return task.slot > 0 ? String(task.slot) : nodeId;
    default:
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `template ${whole} is not known; use .Service, .Node or .Task`,
      );
  }
}
