import { join } from "node:path";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { hostNames } from "../names.ts";
import type { AddressPool } from "./address-pool.ts";
import { LocalKernel } from "./local-kernel.ts";
import { LocalStore } from "./local-store.ts";
import { NetworkRegistry } from "./network-registry.ts";
import { SandboxRegistry } from "./sandbox-registry.ts";

export interface LocalOverlayOptions {
  /** Folder for what lives until the next boot. */
  readonly execRoot: string;
  /** Folder for what outlives it. */
  readonly dataFolder: string;
  /** Unique per daemon on this machine. */
  readonly instance: string;
  readonly pools: readonly AddressPool[];
  /** Subnets (CIDR) of the swarm; read at each use. */
  readonly avoided: () => readonly string[];
  /** Whether the swarm has published the port on this node; read at each use. */
  readonly isPublished: (protocol: "tcp" | "udp", port: number) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const repairMs = 30_000;

/** The networks that only this node knows, in its kernel and on its disk. They outlive the daemon and the swarm. */
export class LocalOverlay {
  readonly networks: NetworkRegistry;
  readonly sandboxes: SandboxRegistry;
  readonly #options: LocalOverlayOptions;
  readonly #store: LocalStore;
  readonly #kernel: LocalKernel;
  #timer: Timer | undefined;

  constructor(options: LocalOverlayOptions) {
    const { execRoot, dataFolder, instance, isPublished, log } = options;
    const { pools, avoided, clock, random } = options;
    const names = hostNames(instance);
    this.#options = options;
    const store = new LocalStore(dataFolder, log);
    const kernel = new LocalKernel({
      names,
      folder: join(execRoot, "netns-local"),
      networks: () => this.networks.all(),
      sandboxes: () => this.sandboxes.all(),
      log,
    });
    this.#store = store;
    this.#kernel = kernel;
    const networks = () => this.networks;
    this.sandboxes = new SandboxRegistry({
      ...{ names, isPublished, networks, kernel, store, random, log },
    });
    const sandboxes = () => this.sandboxes.all();
    this.networks = new NetworkRegistry({
      ...{ names, pools, avoided, sandboxes, kernel, store, clock, random },
    });
  }

  /** Makes the kernel show what the files say, and takes away what they do not. Call before anything else. */
  async start(): Promise<void> {
    const { networks, sandboxes } = await this.#store.load();
    await this.sandboxes.load(sandboxes);
    await this.networks.load(networks);
    this.#kernel.removeStrayNamespaces();
    await this.repair();
    this.#scheduleRepair();
  }

  /** Ends the loop; networks and sandboxes stay. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#kernel.idle();
  }

  /** The sandbox's network namespace, as a file. */
  path(containerId: string): string {
    return this.#kernel.path(containerId);
  }

  /** Compares the kernel with what it should show and repairs it; done every 30 s. */
  async repair(): Promise<void> {
    await this.sandboxes.repair(await this.#kernel.repair(this.networks.bridged()));
  }

  #scheduleRepair(): void {
    this.#timer = this.#options.clock.setTimer(repairMs, () => {
      this.repair()
        .catch((err: unknown) => {
          this.#options.log.error({ err }, "cannot repair this node's local networks");
        })
        .finally(() => {
          if (this.#timer !== undefined) this.#scheduleRepair();
        });
    });
  }
}
