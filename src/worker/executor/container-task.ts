import { must } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import { withDeadline } from "../../base/deadline.ts";
import { ClusterError, errorMessage, isClusterError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ContainerStatus } from "../../gen/skep/ContainerStatus.ts";
import type { NodeDescription } from "../../gen/skep/NodeDescription.ts";
import type { Task } from "../../gen/skep/Task.ts";
import type { ImageStore } from "../../image/image-store.ts";
import { durationMs } from "../../model/time.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import type { AssignmentSet } from "../agent/assignment-set.ts";
import type { Volumes } from "../volumes/volumes.ts";
import { type HealthCheck, type HealthState, planHealthCheck } from "./health-check.ts";
import { HealthWatch } from "./health-watch.ts";
import { containerIdOf, planContainer, taskMounts } from "./plan-container.ts";
import type { TaskNetworking } from "./task-networking.ts";
import type { TaskController, TaskExit } from "./task-runner.ts";

const defaultGraceMs = 10_000;

/** What happened to a container, by the Docker API's names for it. */
export type ContainerAction = "create" | "start" | "die" | "destroy";

/** Told of what happens to the containers of tasks; `attributes` are labels and what the action adds. */
export type OnContainer = (
  action: ContainerAction,
  containerId: string,
  attributes: Readonly<Record<string, string>>,
) => void;

export interface ContainerTaskDeps {
  readonly nodeId: string;
  readonly describe: () => NodeDescription;
  readonly images: ImageStore;
  readonly runtime: ContainerRuntime;
  readonly networking: TaskNetworking;
  readonly volumes: Volumes;
  readonly assignments: () => AssignmentSet;
  readonly onContainer: OnContainer;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Carries out task steps with containers. One for all tasks of the node. */
export class ContainerTasks implements TaskController {
  readonly #deps: ContainerTaskDeps;
  readonly #health = new Map<string, HealthWatch>();

  constructor(deps: ContainerTaskDeps) {
    this.#deps = deps;
  }

  async prepare(task: Task, signal: AbortSignal): Promise<void> {
    const { images, runtime, networking, volumes } = this.#deps;
    const id = containerIdOf(task.id);
    await this.#clear(id); // what an earlier, interrupted try left
    const image = await this.#image(task, signal);
    const networkNamespacePath = usesHostNetwork(task, this.#deps.assignments())
      ? undefined
      : await networking.attach(task, id, signal);
    const assignments = this.#deps.assignments();
    const node = this.#deps.describe();
    const layerPaths = images.layerPaths(image);
    const mounts = await volumes.prepare({
      containerId: id,
      layerPaths,
      mounts: taskMounts(task, this.#deps.nodeId, node),
      imageVolumes: image.config.volumes,
    });
    try {
      const spec = planContainer({
        task,
        nodeId: this.#deps.nodeId,
        node,
        image: image.config,
        layerPaths,
        networkNamespacePath,
        mounts,
        secrets: assignments.secret,
        configs: assignments.config,
        dnsServer: "127.0.0.11",
      });
      signal.throwIfAborted();
      await runtime.create(spec);
    } catch (error) {
      await this.#clear(id);
      throw error;
    }
    this.#tell("create", id);
  }

  async start(task: Task, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#deps;
    const id = containerIdOf(task.id);
    const info = runtime.find(id);
    if (info === undefined)
      throw new ClusterError("NOT_FOUND", `container of task ${task.id} is gone`);
    if (info.state === "created") {
      await runtime.start(id);
      this.#tell("start", id);
    }
    const check = this.#healthCheck(task);
    if (check === undefined) return;
    const watch = this.#watchHealth(id, check);
    const first = await Promise.race([watch.settled, runtime.wait(id, signal)]);
    if ("exitCode" in first) {
      if (first.exitCode === 0) return; // done before it was ever asked for its health
      throw new ClusterError("INTERNAL", `task: non-zero exit (${first.exitCode})`);
    }
    if (first.status === "unhealthy") {
      throw new ClusterError("INTERNAL", "task: unhealthy container");
    }
  }

  async wait(task: Task, signal: AbortSignal): Promise<TaskExit> {
    const id = containerIdOf(task.id);
    const check = this.#healthCheck(task);
    const unhealthy =
      check === undefined ? new Promise<never>(() => {}) : this.#watchHealth(id, check).unhealthy;
    const ended = await Promise.race([
      this.#deps.runtime.wait(id, signal),
      unhealthy.then(() => "unhealthy" as const),
    ]);
    if (ended === "unhealthy") {
      const exit = await this.shutdown(task);
      return {
        exitCode: exit.exitCode,
        error: `task: non-zero exit (${exit.exitCode}): dockerexec: unhealthy container`,
      };
    }
    this.#tell("die", id, { exitCode: String(ended.exitCode) });
    await this.#release(id);
    if (ended.exitCode === 0) return { exitCode: 0, error: "" };
    const reason = ended.oomKilled ? ": out of memory" : ended.reason ? `: ${ended.reason}` : "";
    return { exitCode: ended.exitCode, error: `task: non-zero exit (${ended.exitCode})${reason}` };
  }

  async shutdown(task: Task): Promise<TaskExit> {
    const { runtime } = this.#deps;
    const id = containerIdOf(task.id);
    this.#stopHealth(id);
    const info = runtime.find(id);
    let exitCode = info?.exit?.exitCode ?? 0;
    if (info !== undefined && info.state !== "exited") {
      const graceMs = durationMs(task.spec?.container?.stopGracePeriod ?? null, defaultGraceMs);
      const signal = task.spec?.container?.stopSignal ?? "";
      ({ exitCode } = await runtime.stop(id, { ...(signal === "" ? {} : { signal }), graceMs }));
      this.#tell("die", id, { exitCode: String(exitCode) });
    }
    await this.#release(id);
    return { exitCode, error: "" };
  }

  async remove(task: Task): Promise<void> {
    await this.#clear(containerIdOf(task.id));
  }

  containerStatus(task: Task): ContainerStatus | null {
    const info = this.#deps.runtime.find(containerIdOf(task.id));
    if (info === undefined) return null;
    return { containerId: info.id, pid: info.pid, exitCode: info.exit?.exitCode ?? 0 };
  }

  /** Health of a running task's container, for `ps` and `inspect`. */
  healthOf(containerId: string): HealthState | undefined {
    return this.#health.get(containerId)?.state;
  }

  async #clear(id: string): Promise<void> {
    this.#stopHealth(id);
    const { runtime, networking, volumes } = this.#deps;
    await volumes.abandon(id);
    if (runtime.find(id) !== undefined) await runtime.remove(id, { force: true });
    await volumes.release(id);
    await networking.detach(id);
  }

  #tell(action: ContainerAction, id: string, more: Readonly<Record<string, string>> = {}): void {
    const info = this.#deps.runtime.find(id);
    this.#deps.onContainer(action, id, { ...info?.labels, name: info?.name ?? "", ...more });
  }

  // A dead container keeps its logs but gives back its addresses, names and mounts.
  async #release(id: string): Promise<void> {
    this.#stopHealth(id);
    await this.#deps.volumes.release(id);
    await this.#deps.networking.detach(id);
  }

  async #image(task: Task, signal: AbortSignal) {
    const { images } = this.#deps;
    const container = must(task.spec?.container, "container of a task");
    const local = images.find(container.image);
    if (local !== undefined) return local;
    try {
      return await images.pull(container.image, {
        ...(container.registryAuth === "" ? {} : { auth: container.registryAuth }),
        onProgress: () => {},
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = errorMessage(error);
      this.#deps.log.warn({ taskId: task.id, image: container.image, err: reason }, "pull failed");
      const code = isClusterError(error) && error.code !== "UNAVAILABLE" ? error.code : "NOT_FOUND";
      throw new ClusterError(code, `No such image: ${container.image} (${reason})`, {
        cause: error,
      });
    }
  }

  #healthCheck(task: Task): HealthCheck | undefined {
    const container = task.spec?.container;
    const image = this.#deps.images.find(container?.image ?? "");
    return planHealthCheck(container?.healthcheck ?? null, image?.config.healthcheck);
  }

  #watchHealth(id: string, check: HealthCheck): HealthWatch {
    const known = this.#health.get(id);
    if (known !== undefined) return known;
    const watch = new HealthWatch(check, this.#deps.clock, (args, timeoutMs) =>
      this.#probe(id, args, timeoutMs),
    );
    this.#health.set(id, watch);
    return watch;
  }

  async #probe(id: string, args: readonly string[], timeoutMs: number): Promise<number> {
    const { runtime, clock } = this.#deps;
    const session = await runtime.exec(id, {
      args,
      env: [],
      cwd: "",
      user: "",
      tty: false,
      openStdin: false,
    });
    session.stdout.resume();
    session.stderr.resume();
    try {
      return await withDeadline(clock, timeoutMs, "the health check", session.wait());
    } catch (error) {
      await session.kill("SIGKILL");
      throw error;
    }
  }

  #stopHealth(id: string): void {
    this.#health.get(id)?.stop();
    this.#health.delete(id);
  }
}

function usesHostNetwork(task: Task, assignments: AssignmentSet): boolean {
  return task.networks.some(({ networkId }) => assignments.network.get(networkId)?.name === "host");
}
