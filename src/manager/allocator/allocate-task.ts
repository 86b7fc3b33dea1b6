import type { Network } from "../../gen/skep/Network.ts";
import type { NetworkAttachment } from "../../gen/skep/NetworkAttachment.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { atLeast } from "../../model/task-state.ts";
import type { Outcome } from "./allocate-network.ts";
import { hasIngressPorts, type NetworkDirectory, whyNoAddress } from "./allocate-service.ts";
import type { Ledger } from "./ledger.ts";

/** The task waits for the allocator. One that was told to stop before will never need anything. */
export function awaitsAllocation(task: Task): boolean {
  return task.status?.state === "NEW" && !atLeast(task.desiredState, "SHUTDOWN");
}

/** One address on each of the task's networks, and on the routing mesh's when its service publishes ports there. */
export function allocateAttachments(
  task: Task,
  service: Service | undefined,
  networks: NetworkDirectory,
  ledger: Ledger,
): Outcome<NetworkAttachment[]> {
  const attachments: NetworkAttachment[] = [];
  const attach = (
    network: Network,
    aliases: readonly string[],
    wished?: string,
  ): string | undefined => {
    if (attachments.some(({ networkId }) => networkId === network.id)) return undefined;
    const addresses: string[] = [];
    if (networks.isOverlay(network)) {
      const address =
        wished === undefined
          ? ledger.takeAddress(network.id, task.id)
          : ledger.takeThisAddress(network.id, wished, task.id);
      if (address === undefined) return whyNoAddress(network, ledger, wished);
      addresses.push(address);
    }
    attachments.push({ networkId: network.id, addresses, aliases: [...aliases] });
    return undefined;
  };
  for (const { target, aliases, addresses } of task.spec?.networks ?? []) {
    const network = networks.find(target);
    if (network === undefined) return { refused: `network ${target} does not exist` };
    const refused = attach(network, aliases, addresses[0]);
    if (refused !== undefined) return { refused };
  }
  if (service !== undefined && hasIngressPorts(service)) {
    if (networks.ingress === undefined) return { refused: "there is no ingress network" };
    const refused = attach(networks.ingress, []);
    if (refused !== undefined) return { refused };
  }
  return { given: attachments };
}
