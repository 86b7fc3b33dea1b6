import { isIPv4 } from "node:net";
import { ClusterError } from "../../base/errors.ts";
import { parseSubnet, subnetContains } from "../../base/ip.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { TaskInput } from "../../gen/skep/Task.ts";
import { isAttachment } from "../../model/attachment.ts";
import { isTerminal } from "../../model/task-state.ts";
import { toTimestamp } from "../../model/time.ts";
import type { StoreView } from "../../store/store-view.ts";
import { resolve } from "../control/resolve.ts";

/** What a node asks for one of its containers. */
export interface AttachmentWish {
  readonly containerId: string;
  readonly containerName: string;
  /** Id, name, or the beginning of an id. */
  readonly network: string;
  readonly aliases: readonly string[];
  /** Without a prefix; "" = any. */
  readonly address: string;
}

const attachmentsOfNodeMax = 1_000;
const aliasesMax = 100;
const nameLengthMax = 255;

/**
 * Pure: the task that stands for the container on the network. NOT_FOUND; PERMISSION_DENIED where containers may not join by hand;
 * INVALID_ARGUMENT; RESOURCE_EXHAUSTED with 1,000 attachments of the node. The texts are Docker's.
 */
export function planAttachment(
  view: StoreView,
  nodeId: string,
  wish: AttachmentWish,
  made: { readonly id: string; readonly nowMs: number },
): { readonly task: TaskInput; readonly network: Network } {
  const network = resolve(view, "network", wish.network);
  if (network.spec?.attachable !== true) {
    throw new ClusterError("PERMISSION_DENIED", `network ${wish.network} not manually attachable`);
  }
  checkNames(wish);
  checkAddress(network, wish.address);
  checkRoom(view, nodeId);
  const { containerId, containerName, aliases, address } = wish;
  const task: TaskInput = {
    id: made.id,
    nodeId,
    spec: {
      attachment: { containerId, containerName },
      networks: [
        {
          target: network.id,
          aliases: [...aliases],
          addresses: address === "" ? [] : [address],
        },
      ],
    },
    status: { state: "NEW", timestamp: toTimestamp(made.nowMs), message: "created" },
    desiredState: "RUNNING",
  };
  return { task, network };
}

function checkNames({ containerId, containerName, aliases }: AttachmentWish): void {
  if (!/^[0-9a-f]{64}$/.test(containerId)) {
    throw new ClusterError("INVALID_ARGUMENT", `"${containerId}" is not the id of a container`);
  }
  if (aliases.length > aliasesMax) {
    const text = `container ${containerName}: ${aliases.length} aliases on a network; ${aliasesMax} at most`;
    throw new ClusterError("INVALID_ARGUMENT", text);
  }
  const wrong = [containerName, ...aliases].find(
    (name) => name === "" || name.length > nameLengthMax,
  );
  if (wrong !== undefined) {
    const text = `"${wrong.slice(0, 64)}" is not a name for a network: give 1 to ${nameLengthMax} characters`;
    throw new ClusterError("INVALID_ARGUMENT", text);
  }
}

// One that can never be given must not wait for the allocator.
function checkAddress(network: Network, address: string): void {
  if (address === "") return;
  const [config] = network.ipam?.configs ?? [];
  const subnet = config?.subnet ?? "";
  if (!isIPv4(address) || (subnet !== "" && !subnetContains(parseSubnet(subnet), address))) {
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `no configured subnet contains IP address ${address}: network ${network.spec?.annotations?.name ?? network.id} has ${subnet}`,
    );
  }
}

function checkRoom(view: StoreView, nodeId: string): void {
  const live = view
    .tasksOfNode(nodeId)
    .filter((task) => isAttachment(task) && !isTerminal(task.status?.state ?? "NEW"));
  if (live.length < attachmentsOfNodeMax) return;
  throw new ClusterError(
    "RESOURCE_EXHAUSTED",
    `node ${nodeId} has ${live.length} containers of its own on networks of the swarm; no more fit`,
  );
}
