import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { DnsServer } from "../dns/server.ts";
import type { AssignmentsMessage } from "../gen/skep/AssignmentsMessage.ts";
import type { NodeDescription } from "../gen/skep/NodeDescription.ts";
import type { SessionMessage } from "../gen/skep/SessionMessage.ts";
import type { TaskStatus } from "../gen/skep/TaskStatus.ts";
import type { TaskStatusUpdateInput } from "../gen/skep/TaskStatusUpdate.ts";
import type { ImageStore } from "../image/image-store.ts";
import type { Overlay } from "../overlay/overlay.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import {
  type AssignmentSet,
  applyAssignments,
  emptyAssignmentSet,
} from "./agent/assignment-set.ts";
import { AssignmentStore } from "./agent/assignment-store.ts";
import { DispatcherClient, type SessionListener } from "./agent/dispatcher-client.ts";
import { Reporter } from "./agent/reporter.ts";
import {
  type AskAttachment,
  AttachmentTasks,
  type SwarmPlaces,
} from "./executor/attachment-tasks.ts";
import { ContainerTasks, type OnContainer } from "./executor/container-task.ts";
import { Controllers } from "./executor/controllers.ts";
import { Executor } from "./executor/executor.ts";
import type { HealthState } from "./executor/health-check.ts";
import { containerIdOf } from "./executor/plan-container.ts";
import { TaskNetworking } from "./executor/task-networking.ts";
import { LogPublisher } from "./log-publisher.ts";
import type { Volumes } from "./volumes/volumes.ts";

export interface WorkerOptions {
  readonly nodeId: string;
  /** Folder of the worker's own state. */
  readonly stateDir: string;
}

export interface WorkerDeps {
  readonly channels: ChannelPool;
  /** Manager addresses, the most likely leader first. */
  readonly managers: () => readonly string[];
  readonly describe: () => NodeDescription;
  /** Node object, managers and roots as the leader sees them. */
  readonly onSession: (message: SessionMessage) => void;
  /** A manager says that this node does not belong to the cluster any more, and why. */
  readonly onRefused: (reason: string) => void;
  readonly images: ImageStore;
  readonly runtime: ContainerRuntime;
  readonly overlay: Overlay;
  readonly dns: DnsServer;
  readonly volumes: Volumes;
  readonly places: SwarmPlaces;
  readonly onContainer: OnContainer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What every node runs: takes assignments from the leader, runs the tasks, tells how they do. */
export class Worker implements SessionListener {
  /** Places of containers that people made on networks of the swarm. */
  readonly attachments: AttachmentTasks;
  readonly #deps: WorkerDeps;
  readonly #store: AssignmentStore;
  readonly #networking: TaskNetworking;
  readonly #controller: ContainerTasks;
  readonly #executor: Executor;
  readonly #reporter: Reporter;
  readonly #client: DispatcherClient;
  readonly #logs: LogPublisher;
  #hasSession = false;
  #set: AssignmentSet = emptyAssignmentSet;

  private constructor(options: WorkerOptions, deps: WorkerDeps, store: AssignmentStore) {
    const { clock, random } = deps;
    this.#deps = deps;
    this.#store = store;
    this.#networking = new TaskNetworking({
      nodeId: options.nodeId,
      overlay: deps.overlay,
      dns: deps.dns,
      clock,
    });
    this.#controller = new ContainerTasks({
      nodeId: options.nodeId,
      describe: deps.describe,
      images: deps.images,
      runtime: deps.runtime,
      networking: this.#networking,
      volumes: deps.volumes,
      onContainer: deps.onContainer,
      assignments: () => this.#set,
      clock,
      log: deps.log.child({ module: "executor" }),
    });
    this.attachments = new AttachmentTasks({
      places: deps.places,
      networksReady: (task, signal) => this.#networking.networksReady(task, signal),
      clock,
    });
    this.#reporter = new Reporter({ clock, log: deps.log.child({ module: "reporter" }) });
    this.#executor = new Executor({
      controller: new Controllers(this.#controller, this.attachments),
      clock,
      log: deps.log.child({ module: "executor" }),
      onStatus: (taskId, status) => this.#statusChanged(taskId, status),
      onRemoved: (taskId) => this.#keep(store.removeStatus(taskId)),
    });
    this.#client = new DispatcherClient({
      channels: deps.channels,
      managers: deps.managers,
      describe: deps.describe,
      listener: this,
      clock,
      random,
      log: deps.log.child({ module: "agent" }),
    });
    this.#logs = new LogPublisher({
      nodeId: options.nodeId,
      channels: deps.channels,
      runtime: deps.runtime,
      tasks: () => this.#executor.tasks(),
      clock,
      log: deps.log.child({ module: "log-publisher" }),
    });
  }

  /** Goes on with the tasks that the node had, then looks for the leader. DATA_LOSS when the own state is damaged. */
  static async start(options: WorkerOptions, deps: WorkerDeps): Promise<Worker> {
    const store = await AssignmentStore.open(join(options.stateDir, "tasks"));
    const worker = new Worker(options, deps, store);
    await worker.#adopt();
    worker.#client.start();
    return worker;
  }

  /** Something of what `describe` says has changed: the leader is told now, not only with the next look. */
  describeAgain(): void {
    this.#client.describeAgain();
  }

  /** The daemon stops; containers go on. */
  async stop(): Promise<void> {
    await this.#logs.stop();
    await this.#client.stop();
    await this.#executor.stop();
    await this.#store.close();
  }

  /** The node leaves its cluster: tasks end, nothing of them is left. */
  async leave(): Promise<void> {
    await this.#logs.stop();
    await this.#client.stop();
    await this.#executor.clear();
    await this.#client.leave();
    await this.#store.close();
  }

  healthOf(containerId: string): HealthState | undefined {
    return this.#controller.healthOf(containerId);
  }

  /** What the leader last assigned, for the local API. */
  assigned(): AssignmentSet {
    return this.#set;
  }

  /** Whether a leader has this node's session now. */
  get hasSession(): boolean {
    return this.#hasSession;
  }

  connected(
    address: string,
    send: (updates: TaskStatusUpdateInput[]) => Promise<void>,
    attach: AskAttachment,
  ): void {
    this.#hasSession = true;
    this.attachments.connected(attach);
    this.#reporter.connected(send, this.#executor.statuses());
    this.#logs.connected(address);
  }

  disconnected(): void {
    this.#hasSession = false;
    this.attachments.connected(undefined);
    this.#reporter.disconnected();
    this.#logs.disconnected();
  }

  refused(reason: string): void {
    this.#deps.onRefused(reason);
  }

  message(message: SessionMessage): void {
    this.#deps.onSession(message);
  }

  async assignments(message: AssignmentsMessage): Promise<void> {
    const { set, deltas } = applyAssignments(this.#set, message);
    this.#set = set;
    // Before the tasks are told: a task that starts waits for the networks of its own message.
    const applied = this.#networking.apply(set);
    for (const { kind, id } of deltas) {
      if (kind !== "task") continue;
      const task = set.task.get(id);
      if (task === undefined) this.#executor.withdraw(id);
      else this.#executor.assign(task);
    }
    this.#keep(this.#store.save(deltas, set));
    await applied;
  }

  async #adopt(): Promise<void> {
    const { set, statuses } = await this.#store.load();
    const { runtime, overlay } = this.#deps;
    this.#set = set;
    this.#networking.restore(set);
    const sandboxes = new Map(overlay.sandboxes().map(({ id, path }) => [id, path]));
    for (const task of set.task.values()) {
      const containerId = containerIdOf(task.id);
      const sandbox = sandboxes.get(containerId);
      if (sandbox !== undefined && runtime.find(containerId)?.state === "running") {
        await this.#networking.adopt(task, containerId, sandbox);
      }
      this.#executor.assign(task, statuses.get(task.id));
    }
    await this.#removeStrangers(new Set([...set.task.keys()].map(containerIdOf)));
  }

  // Containers, and sandboxes still without one, of tasks that were withdrawn just before the daemon died.
  async #removeStrangers(known: ReadonlySet<string>): Promise<void> {
    for (const { id, labels } of this.#deps.runtime.list()) {
      if (known.has(id) || labels["com.docker.swarm.task.id"] === undefined) continue;
      await this.#deps.volumes.abandon(id);
      await this.#deps.runtime.remove(id, { force: true });
      await this.#deps.volumes.release(id);
      await this.#networking.detach(id);
    }
    for (const { id } of this.#deps.overlay.sandboxes()) {
      if (known.has(id) || this.#deps.runtime.find(id) !== undefined) continue;
      await this.#networking.detach(id);
    }
  }

  #statusChanged(taskId: string, status: TaskStatus): void {
    this.#reporter.report(taskId, status);
    this.#keep(this.#store.saveStatus(taskId, status));
  }

  // What cannot be kept is learnt again from the managers after a restart: worth a warning, not an end.
  #keep(saved: Promise<void>): void {
    saved.catch((error: unknown) => {
      this.#deps.log.warn({ err: errorMessage(error) }, "the node's own state was not written");
    });
  }
}
