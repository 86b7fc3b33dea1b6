import type { ChildProcess } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ZoneInput } from "../../src/dns/zone.ts";
import type { Attachment, NetworkState, SandboxOptions } from "../../src/overlay/network-state.ts";
import type { TestHost } from "./test-hosts.ts";

/** What can be asked of the program in `overlay-host-main.ts`, by name. */
export interface OverlayHostCalls {
  start(options: { execRoot: string; dataPathAddress: string; upstreams: string[] }): void;
  apply(state: NetworkState): void;
  createSandbox(request: { id: string; attachments: Attachment[]; options: SandboxOptions }): {
    namespacePath: string;
    bridgeAddress?: string;
  };
  removeSandbox(id: string): void;
  sandboxes(): { id: string; path: string }[];
  repair(): void;
  addNames(request: { id: string; path: string; zone: ZoneInput }): void;
  portConflicts(): string[];
  removeAll(): void;
}

/** An Overlay and a DnsServer in a process of their own on a test host. */
export class OverlayHost {
  readonly host: TestHost;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >();
  #sequence = 0;

  constructor(host: TestHost) {
    this.host = host;
    const main = join(dirname(fileURLToPath(import.meta.url)), "overlay-host-main.js");
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
      for (const { reject } of this.#waiting.values()) reject(new Error("overlay host exited"));
      this.#waiting.clear();
    });
  }

  call<K extends keyof OverlayHostCalls>(
    name: K,
    ...args: Parameters<OverlayHostCalls[K]>
  ): Promise<ReturnType<OverlayHostCalls[K]>> {
    this.#sequence += 1;
    const id = this.#sequence;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: (value) => resolve(value as ReturnType<OverlayHostCalls[K]>),
        reject,
      });
      this.#child.send({ id, name, argument: args[0] });
    });
  }

  /** SIGKILL, as a crashed daemon. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.kill("SIGKILL");
    });
  }
}
