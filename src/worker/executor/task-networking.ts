import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { DnsServer } from "../../dns/server.ts";
import { buildZone, type Zone } from "../../dns/zone.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { taskName } from "../../model/task-name.ts";
import type { Overlay } from "../../overlay/overlay.ts";
import type { AssignmentSet } from "../agent/assignment-set.ts";
import { emptyAssignmentSet } from "../agent/assignment-set.ts";
import { assignedZoneInput } from "./assigned-zone.ts";
import { planNetworkState } from "./network-state.ts";

const networkWaitMs = 30_000;
const networkPollMs = 50;

/** What the executor knows of the node's networks, and the sandboxes of its tasks. */
export class TaskNetworking {
  readonly #deps: {
    readonly nodeId: string;
    readonly overlay: Overlay;
    readonly dns: DnsServer;
    readonly clock: Clock;
  };
  readonly #zones = new Map<string, { set: AssignmentSet; zone: Zone }>();
  #set: AssignmentSet = emptyAssignmentSet;
  /** Undefined until a manager has told this daemon what is wanted. */
  #applied: Promise<void> | undefined;

  constructor(deps: { nodeId: string; overlay: Overlay; dns: DnsServer; clock: Clock }) {
    this.#deps = deps;
  }

  /** Resolves once DNS and balancers of this node show `set`. */
  apply(set: AssignmentSet): Promise<void> {
    this.#set = set;
    const applied = this.#deps.overlay.apply(planNetworkState(set, this.#deps.nodeId));
    this.#applied = applied;
    return applied;
  }

  /** What was known before the daemon restarted; the kernel still shows it. */
  restore(set: AssignmentSet): void {
    this.#set = set;
  }

  /** Makes the task's network namespace with its addresses, and its resolver. Undefined: the task uses the host's network. */
  async attach(task: Task, containerId: string, signal: AbortSignal): Promise<string> {
    await this.networksReady(task, signal);
    const attachments = task.networks.flatMap(({ networkId, addresses }) =>
      addresses.slice(0, 1).map((address) => ({ networkId, address })),
    );
    const internalOnly =
      attachments.length > 0 &&
      attachments.every(({ networkId }) => this.#set.network.get(networkId)?.internal === true);
    const { namespacePath } = await this.#deps.overlay.createSandbox(containerId, attachments, {
      hostPorts: (task.endpoint?.ports ?? [])
        .filter(({ publishMode }) => publishMode === "HOST")
        .map((port) => ({
          protocol: port.protocol === "UDP" ? ("udp" as const) : ("tcp" as const),
          published: port.publishedPort,
          target: port.targetPort,
        })),
      external: !internalOnly,
    });
    await this.#serveNames(task, containerId, namespacePath);
    return namespacePath;
  }

  /** After a daemon restart: the sandbox is there, its resolver went with the old daemon. */
  async adopt(task: Task, containerId: string, namespacePath: string): Promise<void> {
    await this.#serveNames(task, containerId, namespacePath);
  }

  async detach(containerId: string): Promise<void> {
    this.#zones.delete(containerId);
    await this.#deps.dns.removeSandbox(containerId);
    await this.#deps.overlay.removeSandbox(containerId);
  }

  async #serveNames(task: Task, containerId: string, namespacePath: string): Promise<void> {
    await this.#deps.dns.addSandbox(containerId, namespacePath, () =>
      this.#zoneOf(task, containerId),
    );
  }

  /** Resolves when the task's networks are set up on this node. FAILED_PRECONDITION after 30 s. */
  async networksReady(task: Task, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    if (task.networks.length === 0) return;
    // What is known from before a restart has not been applied: a manager must say what is wanted now.
    while (this.#applied === undefined) await sleep(clock, networkPollMs, signal);
    const until = clock.monotonic() + networkWaitMs;
    for (;;) {
      const missing = task.networks.find(({ networkId }) => !this.#set.network.has(networkId));
      if (missing === undefined) break;
      if (clock.monotonic() > until) {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `network ${missing.networkId} was not set up on this node within ${networkWaitMs / 1000} s`,
        );
      }
      await sleep(clock, networkPollMs, signal);
    }
    await this.#applied;
  }

  #zoneOf(task: Task, containerId: string): Zone {
    const known = this.#zones.get(containerId);
    if (known !== undefined && known.set === this.#set) return known.zone;
    const set = this.#set;
    const zone = buildZone({
      attachments: task.networks.flatMap(({ networkId, addresses, aliases }) =>
        addresses.slice(0, 1).map((address) => ({ networkId, address, aliases })),
      ),
      ...assignedZoneInput(set),
      ownNames: [containerId.slice(0, 12), taskName(task)],
    });
    this.#zones.set(containerId, { set, zone });
    return zone;
  }
}
