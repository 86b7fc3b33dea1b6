import type { Network } from "../../gen/skep/Network.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import type { TaskJson, TaskStatusJson } from "../wire/task.ts";
import { genericResourceJson, objectJson } from "./common.ts";
import { portJson } from "./endpoint.ts";
import { clusterNetworkJson } from "./network.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { taskSpecJson } from "./task-spec.ts";
import { timestampJson } from "./time.ts";
import { taskStateWords, wordFor } from "./words.ts";

/** Docker's task. Attachments to networks that are not in `networks` any more are left out. */
export function taskJson(task: Task, networks: ReadonlyMap<string, Network>): TaskJson {
  const attachments = task.networks.flatMap((attachment) => {
    const network = networks.get(attachment.networkId);
    return network === undefined
      ? []
      : [{ Network: clusterNetworkJson(network), Addresses: attachment.addresses }];
  });
  return {
    ...objectJson(task.id, task.meta),
    ...omitEmpty({ Name: task.annotations?.name ?? "" }),
    Labels: task.annotations?.labels ?? {},
    Spec: task.spec === null ? { ForceUpdate: 0, Runtime: "container" } : taskSpecJson(task.spec),
    ...omitEmpty({ ServiceID: task.serviceId, Slot: task.slot, NodeID: task.nodeId }),
    Status: statusJson(task.status),
    DesiredState: wordFor(taskStateWords, task.desiredState),
    ...omitEmpty<Pick<TaskJson, "NetworksAttachments" | "GenericResources">>({
      NetworksAttachments: attachments,
      GenericResources: task.assignedGenericResources.map(genericResourceJson),
    }),
    ...omitUndefined({
      JobIteration: task.jobIteration === null ? undefined : { Index: task.jobIteration.index },
    }),
    Volumes: null,
  };
}

function statusJson(status: TaskStatus | null): TaskStatusJson {
  if (status === null) return { State: "new", PortStatus: {} };
  const { container } = status;
  return {
    Timestamp: timestampJson(status.timestamp),
    State: wordFor(taskStateWords, status.state),
    ...omitEmpty({ Message: status.message, Err: status.err }),
    ...omitUndefined({
      ContainerStatus:
        container === null
          ? undefined
          : {
              ContainerID: container.containerId,
              PID: container.pid,
              ExitCode: container.exitCode,
            },
    }),
    PortStatus: omitEmpty({ Ports: (status.portStatus?.ports ?? []).map(portJson) }),
  };
}
