import { unreachable } from "../../base/assert.ts";
import type { TaskStatus } from "../../gen/skep/TaskStatus.ts";
import { toTimestamp } from "../../model/time.ts";
import type { Transaction } from "../../store/store-view.ts";
import { isAllocated } from "./allocate-network.ts";
import { awaitsAllocation } from "./allocate-task.ts";
import type { Grant } from "./allocator.ts";

/** Writes one grant, unless the object has moved on since it was decided. */
export function applyGrant(
  tx: Pick<Transaction, "get" | "update">,
  grant: Grant,
  nowMs: number,
): void {
  switch (grant.kind) {
    case "network": {
      const network = tx.get("network", grant.id);
      if (network === undefined || isAllocated(network)) return;
      tx.update("network", { ...network, ipam: grant.network.ipam, vni: grant.network.vni });
      return;
    }
    case "node": {
      const node = tx.get("node", grant.id);
      if (node) tx.update("node", { ...node, attachments: grant.attachments });
      return;
    }
    case "service": {
      const service = tx.get("service", grant.id);
      if (service === undefined || (service.specVersion?.index ?? 0) !== grant.specVersion) return;
      tx.update("service", { ...service, endpoint: grant.endpoint });
      return;
    }
    case "task": {
      const task = tx.get("task", grant.id);
      if (task === undefined || task.status === null || !awaitsAllocation(task)) return;
      const status: TaskStatus = {
        ...task.status,
        state: "PENDING",
        message: "pending task scheduling",
        err: "",
        timestamp: toTimestamp(nowMs),
      };
      const { attachments: networks, endpoint } = grant;
      tx.update("task", { ...task, status, networks, endpoint });
      return;
    }
    case "taskError": {
      const task = tx.get("task", grant.id);
      if (task === undefined || task.status === null || !awaitsAllocation(task)) return;
      tx.update("task", { ...task, status: { ...task.status, err: grant.err } });
      return;
    }
    default:
      unreachable(grant);
  }
}
