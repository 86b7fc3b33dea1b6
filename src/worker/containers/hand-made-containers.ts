import { cpus } from "node:os";
import type { Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { untilAborted } from "../../base/deadline.ts";
import { ClusterError, errorMessage, isClusterError } from "../../base/errors.ts";
import { newContainerId } from "../../base/ids.ts";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { ImageStore } from "../../image/image-store.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import { type AttachRequest, connectInput, openAttachOutput } from "./attach-session.ts";
import { checkConfig, checkLimits, checkRestartPolicy } from "./check-config.ts";
import type { ContainerConfig, EndpointWish } from "./container-config.ts";
import type { ContainerVolumes } from "./container-volumes.ts";
import type { WaitCondition } from "./exit-waiters.ts";
import { HandMadeContainer } from "./hand-made-container.ts";
import type { HandMadeDeps, OnHandMade } from "./hand-made-deps.ts";
import { type HandMadeRecord, neverRun, type RunState } from "./hand-made-record.ts";
import {
  initialEndpoints,
  type NetworkOwner,
  networkKind,
  sandboxRequest,
} from "./launch-network.ts";
import type { LocalNetworks } from "./local-network-port.ts";
import { handMadeLabel, planLaunch, planLimits } from "./plan-launch.ts";
import { RecordStore } from "./record-store.ts";
import { resolveConfig } from "./resolve-config.ts";

export interface HandMadeContainersOptions {
  /** Folder of the records. */
  readonly folder: string;
}

export interface HandMadeContainersDeps {
  readonly runtime: ContainerRuntime;
  readonly images: ImageStore;
  readonly volumes: ContainerVolumes;
  readonly networks: LocalNetworks;
  /** A name for a container that was given none. */
  readonly randomName: () => string;
  readonly onEvent: OnHandMade;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** An attached client's side of a container. */
export interface AttachedContainer {
  readonly stdout: Readable;
  readonly stderr: Readable;
  wait(): Promise<number>;
}

/** The containers that people make on this node, beside those of the cluster's tasks. */
export class HandMadeContainers {
  readonly #deps: HandMadeContainersDeps;
  readonly #records: RecordStore;
  readonly #containers = new Map<string, HandMadeContainer>();
  readonly #names = new KeyedMutex();

  private constructor(options: HandMadeContainersOptions, deps: HandMadeContainersDeps) {
    this.#deps = deps;
    this.#records = new RecordStore(options.folder, deps.log);
  }

  /** Takes over what an earlier daemon left. Starts nothing: see `startWithDaemon`. */
  static async open(
    options: HandMadeContainersOptions,
    deps: HandMadeContainersDeps,
  ): Promise<HandMadeContainers> {
    const all = new HandMadeContainers(options, deps);
    const { runtime, images, log } = deps;
    for (const record of await all.#records.load()) {
      all.#containers.set(record.id, new HandMadeContainer(record, all.#containerDeps()));
    }
    for (const { id, labels } of runtime.list()) {
      // Half made, or half removed.
      if (labels[handMadeLabel] === undefined || all.#containers.has(id)) continue;
      await runtime.remove(id, { force: true });
    }
    for (const container of [...all.#containers.values()]) {
      const { record } = container;
      try {
        if (runtime.find(record.id) === undefined && record.run.phase !== "removing") {
          const image = images.find(record.imageId);
          const layers = image === undefined ? [] : images.layerPaths(image);
          log.warn({ containerId: record.id }, "a container's files were lost; it begins anew");
          await runtime.reusable.define(definitionOf(record, layers, []));
        }
        await container.adopt();
      } catch (err) {
        log.error({ containerId: record.id, err: errorMessage(err) }, "container not adopted");
      }
    }
    return all;
  }

  /** Starts what its restart policy wants to run from the daemon's start on; does not wait for it. */
  startWithDaemon(): void {
    for (const container of this.#containers.values()) container.startWithDaemon();
  }

  /** The daemon stops; containers go on. */
  close(): void {
    for (const container of this.#containers.values()) container.close();
  }

  list(): readonly HandMadeContainer[] {
    return [...this.#containers.values()];
  }

  /** By full id. */
  find(id: string): HandMadeContainer | undefined {
    return this.#containers.get(id);
  }

  /** By full id. NOT_FOUND. */
  get(id: string): HandMadeContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new ClusterError("NOT_FOUND", `No such container: ${id}`);
    return container;
  }

  /**
   * Makes a container; `name` "" = a random one, `isTaken` knows the names of others. NOT_FOUND without the image or a network,
   * ALREADY_EXISTS for a name in use, INVALID_ARGUMENT.
   */
  async create(
    name: string,
    asked: ContainerConfig,
    isTaken: (name: string) => string | undefined,
  ): Promise<{ id: string; warnings: string[] }> {
    const { images, random, clock } = this.#deps;
    const image = images.find(asked.image);
    if (image === undefined) {
      throw new ClusterError("NOT_FOUND", `No such image: ${imageName(asked.image)}`);
    }
    checkConfig(asked, cpus().length);
    const id = newContainerId(random);
    const config = resolveConfig(asked, image.config, id);
    const endpoints = initialEndpoints(config);
    for (const { network } of endpoints) this.#checkNetwork(network);
    return await this.#names.run("", async () => {
      const free = this.#freeName(name, isTaken);
      const record: HandMadeRecord = {
        formatVersion: 1,
        id,
        name: free,
        createdAtMs: clock.now(),
        imageId: image.id,
        config,
        endpoints,
        run: neverRun,
      };
      await this.#make(record, images.layerPaths(image));
      return { id, warnings: [] };
    });
  }

  /** ALREADY_EXISTS for a name in use. */
  async rename(
    id: string,
    name: string,
    isTaken: (name: string) => string | undefined,
  ): Promise<void> {
    const container = this.get(id);
    await this.#names.run("", async () => {
      const oldName = container.record.name;
      if (oldName === name) {
        throw new ClusterError(
          "INVALID_ARGUMENT",
          "Renaming a container with the same name as its current name",
        );
      }
      this.#freeName(name, isTaken);
      await container.exclusively(() => container.change({ name }));
      this.#deps.networks.renamed(id, name);
      this.#deps.onEvent("rename", container.record, { oldName: `/${oldName}` });
    });
  }

  /** Restart policy and limits; undefined stays. INVALID_ARGUMENT. */
  async update(
    id: string,
    restart: ContainerConfig["restart"] | undefined,
    limits: Partial<ContainerConfig["limits"]>,
  ): Promise<void> {
    const container = this.get(id);
    await container.exclusively(async () => {
      const { config } = container.record;
      if (restart !== undefined && restart.name !== "no" && config.autoRemove) {
        throw new ClusterError(
          "INVALID_ARGUMENT",
          "Restart policy cannot be updated because AutoRemove is enabled for the container",
        );
      }
      const changed = {
        ...config,
        restart: restart ?? config.restart,
        limits: { ...config.limits, ...limits },
      };
      checkRestartPolicy(changed.restart);
      checkLimits(changed.limits, cpus().length);
      if (container.isRunning && Object.keys(limits).length > 0) {
        await this.#deps.runtime.reusable.limit(id, planLimits(changed.limits));
      }
      await container.change({ config: changed });
      this.#deps.onEvent("update", container.record);
    });
  }

  /** The state when the condition holds. Rejects with the signal's reason. */
  async wait(id: string, condition: WaitCondition, signal: AbortSignal): Promise<RunState> {
    const container = this.get(id);
    const { waiters, record } = container;
    if (condition === "not-running" && !container.isRunning) return record.run;
    const waiting = condition === "removed" ? waiters.removal() : waiters.nextExit();
    return await untilAborted(waiting, signal);
  }

  /** A client's side of the container, which need not run yet; its input reaches the next run. FAILED_PRECONDITION. */
  async attach(id: string, request: AttachRequest): Promise<AttachedContainer> {
    const container = this.get(id);
    const { runtime, log } = this.#deps;
    return await container.exclusively(async () => {
      const ended = container.waiters.nextExit();
      const output = await openAttachOutput(id, request, ended, { runtime, log });
      container.waiters.reads(output.done);
      this.#deps.onEvent("attach", container.record);
      const { stdin } = request;
      if (stdin !== undefined && container.record.config.openStdin) {
        container.onceRunning(() => connectInput(stdin, () => runtime.attachInput(id)));
      }
      const { stdout, stderr } = output;
      return { stdout, stderr, wait: async () => (await ended).exitCode };
    });
  }

  /** A network more, from now on and at each start. ALREADY_EXISTS; FAILED_PRECONDITION with the host's network. */
  async connect(id: string, wish: EndpointWish): Promise<void> {
    const container = this.get(id);
    const { networks } = this.#deps;
    const network = networks.find(wish.network);
    await container.exclusively(async () => {
      const { record, isRunning } = container;
      if (networkKind(record.config.networkMode) !== "bridge") {
        throw new ClusterError(
          "FAILED_PRECONDITION",
          `container ${record.name} has network mode ${record.config.networkMode} and cannot be connected to other networks`,
        );
      }
      if (record.endpoints.some((endpoint) => this.#isNetwork(endpoint, network.id))) {
        throw new ClusterError(
          "ALREADY_EXISTS",
          `endpoint with name ${record.name} already exists in network ${network.name}`,
        );
      }
      if (isRunning) {
        const { aliases, ip, mac } = wish;
        const more = { ...(ip === "" ? {} : { ip }), ...(mac === "" ? {} : { mac }) };
        await networks.connect(id, { network: network.id, aliases, ...more });
      }
      await container.change({
        endpoints: [...record.endpoints, { ...wish, network: network.name }],
      });
      if (isRunning) await this.#renewNames(container);
    });
  }

  /** NOT_FOUND when it is not connected to it. */
  async disconnect(id: string, nameOrId: string): Promise<void> {
    const container = this.get(id);
    const { networks } = this.#deps;
    const network = networks.find(nameOrId);
    await container.exclusively(async () => {
      const { record, isRunning } = container;
      const rest = record.endpoints.filter((endpoint) => !this.#isNetwork(endpoint, network.id));
      if (rest.length === record.endpoints.length) {
        throw new ClusterError(
          "NOT_FOUND",
          `container ${record.name} is not connected to network ${network.name}`,
        );
      }
      if (isRunning) await networks.disconnect(id, network.id);
      await container.change({ endpoints: rest });
      if (isRunning) await this.#renewNames(container);
    });
  }

  async #make(record: HandMadeRecord, layerPaths: readonly string[]): Promise<void> {
    const { runtime, volumes } = this.#deps;
    const { id, config } = record;
    try {
      const mounts = await volumes.prepare({
        containerId: id,
        layerPaths,
        mounts: config.mounts,
        imageVolumes: config.volumes,
      });
      await this.#records.save(record);
      await runtime.reusable.define(definitionOf(record, layerPaths, mounts));
      // From now on they are used by what the runtime lists.
      await volumes.release(id);
    } catch (error) {
      await volumes.abandon(id);
      if (runtime.find(id) !== undefined) await runtime.remove(id);
      await this.#records.remove(id);
      await volumes.release(id);
      throw error;
    }
    this.#containers.set(id, new HandMadeContainer(record, this.#containerDeps()));
    this.#deps.onEvent("create", record);
  }

  // Its resolver and its own names follow its networks.
  async #renewNames({ record }: HandMadeContainer): Promise<void> {
    const { networks, runtime } = this.#deps;
    const names = await networks.open(sandboxRequest(record, networks));
    await runtime.reusable.writeNames(record.id, names);
  }

  #containerDeps(): HandMadeDeps {
    return {
      ...this.#deps,
      records: this.#records,
      owner: (nameOrId) => this.#owner(nameOrId),
      onRemoved: (id) => this.#containers.delete(id),
    };
  }

  #owner(nameOrId: string): NetworkOwner {
    const container =
      this.#containers.get(nameOrId) ?? this.list().find(({ record }) => record.name === nameOrId);
    if (container === undefined) {
      throw new ClusterError("NOT_FOUND", `No such container: ${nameOrId}`);
    }
    if (!container.isRunning) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `cannot join network of a non running container: ${container.record.id}`,
      );
    }
    const { pid } = this.#deps.runtime.info(container.record.id);
    const { hostname, etcFiles } = this.#deps.runtime.spec(container.record.id);
    return { pid, hostname, hosts: etcFiles.hosts, resolvConf: etcFiles.resolvConf };
  }

  // One that is not there may come to be before the start, which fails else; one that can never be joined is told now.
  #checkNetwork(network: string): void {
    try {
      this.#deps.networks.find(network);
    } catch (error) {
      if (!isClusterError(error, "NOT_FOUND")) throw error;
    }
  }

  #isNetwork({ network }: EndpointWish, id: string): boolean {
    try {
      return this.#deps.networks.find(network).id === id;
    } catch {
      return false; // gone meanwhile
    }
  }

  #freeName(name: string, isTaken: (name: string) => string | undefined): string {
    if (name === "") {
      for (let tries = 0; ; tries += 1) {
        // Docker, too, appends a digit when names run short.
        const candidate = `${this.#deps.randomName()}${tries < 6 ? "" : tries}`;
        if (isTaken(candidate) === undefined) return candidate;
      }
    }
    const user = isTaken(name);
    if (user === undefined) return name;
    throw new ClusterError(
      "ALREADY_EXISTS",
      `Conflict. The container name "/${name}" is already in use by container "${user}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }
}

// What the runtime keeps of a container that has not run: its layers and mounts are in use.
function definitionOf(
  record: HandMadeRecord,
  layerPaths: readonly string[],
  mounts: Parameters<typeof planLaunch>[0]["mounts"],
): ReturnType<typeof planLaunch> {
  const hostname = record.config.hostname || "localhost";
  const network = { namespacePath: undefined, isHost: false, hosts: "", resolvConf: "", hostname };
  return planLaunch({ record, layerPaths, mounts, network });
}

function imageName(reference: string): string {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? reference : `${reference}:latest`;
}
