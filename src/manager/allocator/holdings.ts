import { addressOf, ipToNumber } from "../../base/ip.ts";
import type { NetworkAttachment } from "../../gen/skep/NetworkAttachment.ts";
import type { Node } from "../../gen/skep/Node.ts";
import type { PortProtocol } from "../../gen/skep/PortProtocol.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isTerminal } from "../../model/task-state.ts";
import type { StoreView } from "../../store/store-view.ts";
import { noLongerFits } from "../orchestrator/constraint-enforcer.ts";

/** One thing that an object has been given. */
export type Holding =
  | { readonly kind: "address"; readonly networkId: string; readonly value: number }
  | { readonly kind: "port"; readonly protocol: PortProtocol; readonly value: number };

/** Virtual addresses and ingress ports of a service. */
export function holdingsOfService(service: Service): Holding[] {
  const holdings: Holding[] = [];
  for (const { networkId, address } of service.endpoint?.virtualIps ?? []) {
    holdings.push({ kind: "address", networkId, value: ipToNumber(addressOf(address)) });
  }
  for (const port of service.endpoint?.ports ?? []) {
    if (port.publishMode === "INGRESS" && port.publishedPort !== 0) {
      holdings.push({ kind: "port", protocol: port.protocol, value: port.publishedPort });
    }
  }
  return holdings;
}

/** Addresses of a task; none once it can be running nowhere. */
export function holdingsOfTask(task: Task): Holding[] {
  return mayStillRun(task) ? holdingsOfAttachments(task.networks) : [];
}

/** Addresses of a node. */
export function holdingsOfNode(node: Node): Holding[] {
  return holdingsOfAttachments(node.attachments);
}

/** Until its node has said that it ended. A rejection by the manager says nothing about the container: only removal frees then. */
function mayStillRun(task: Task): boolean {
  if (task.status === null || !isTerminal(task.status.state)) return true;
  return task.status.state === "REJECTED" && task.status.err === noLongerFits;
}

function holdingsOfAttachments(attachments: readonly NetworkAttachment[]): Holding[] {
  return attachments.flatMap(({ networkId, addresses }) =>
    addresses.map(
      (address) => ({ kind: "address", networkId, value: ipToNumber(addressOf(address)) }) as const,
    ),
  );
}

/** What the store says the object has; nothing when it is not there. */
export function holdingsIn(
  view: Pick<StoreView, "get">,
  table: "node" | "service" | "task",
  id: string,
): Holding[] {
  if (table === "task") {
    const task = view.get("task", id);
    return task === undefined ? [] : holdingsOfTask(task);
  }
  if (table === "service") {
    const service = view.get("service", id);
    return service === undefined ? [] : holdingsOfService(service);
  }
  const node = view.get("node", id);
  return node === undefined ? [] : holdingsOfNode(node);
}
