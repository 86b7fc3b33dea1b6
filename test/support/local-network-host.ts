import type { ChildProcess } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LocalNetworks } from "../../src/daemon/local-networks.ts";
import type { TestHost } from "./test-hosts.ts";

export interface LocalNetworkHostOptions {
  readonly execRoot: string;
  readonly dataFolder: string;
  /** Name servers of the daemon. */
  readonly nameServers: readonly string[];
  readonly pools: readonly string[];
  /** Ports "tcp/80" that the swarm has. */
  readonly published: readonly string[];
}

type Method = {
  [K in keyof LocalNetworks]: LocalNetworks[K] extends (...args: never[]) => unknown ? K : never;
}[Exclude<keyof LocalNetworks, "keepOnly">];

/** What a LocalNetworks in a process of its own, on a test host, can be asked. */
export class LocalNetworkHost {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >();
  #sequence = 0;

  constructor(host: TestHost) {
    const main = join(dirname(fileURLToPath(import.meta.url)), "local-network-host-main.js");
    this.#child = host.spawn(process.execPath, [main], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.on("message", (message) => {
      const { id, value, error } = message as { id: number; value: unknown; error?: string };
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#child.on("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the host exited"));
      this.#waiting.clear();
    });
  }

  start(options: LocalNetworkHostOptions): Promise<void> {
    return this.#ask("start", [options]) as Promise<void>;
  }

  /** As the timer of the daemon does. */
  repair(): Promise<void> {
    return this.#ask("repair", []) as Promise<void>;
  }

  keepOnly(containerIds: readonly string[]): Promise<void> {
    return this.#ask("keepOnly", [containerIds]) as Promise<void>;
  }

  call<K extends Method>(
    name: K,
    ...args: Parameters<LocalNetworks[K]>
  ): Promise<Awaited<ReturnType<LocalNetworks[K]>>> {
    return this.#ask(name, args) as Promise<Awaited<ReturnType<LocalNetworks[K]>>>;
  }

  /** SIGKILL, as a crashed daemon. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.kill("SIGKILL");
    });
  }

  #ask(name: string, args: readonly unknown[]): Promise<unknown> {
    this.#sequence += 1;
    const id = this.#sequence;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, name, args });
    });
  }
}
