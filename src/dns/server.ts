import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { Forwarder } from "./handlers/forward.ts";
import { SandboxResolver } from "./sandbox-resolver.ts";
import type { Zone } from "./zone.ts";

export interface DnsServerDeps {
  /** Outside name servers, "address" or "address:port", first asked first; read at each use, three at most. */
  readonly upstreams: () => readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
}

/** Answers names on 127.0.0.11:53, UDP and TCP, inside each sandbox. The socket tells who asks. */
export class DnsServer {
  readonly #deps: DnsServerDeps;
  readonly #forwarder: Forwarder;
  readonly #resolvers = new Map<string, SandboxResolver>();

  constructor(deps: DnsServerDeps) {
    this.#deps = deps;
    this.#forwarder = new Forwarder(deps);
  }

  /**
   * Answers in the sandbox from now on, in place of what was there. `zone` is called for each question:
   * return the same object until something changes. `upstreams`: servers of this sandbox alone; none: those of all.
   * INTERNAL when the namespace is gone or port 53 is taken.
   */
  async addSandbox(
    containerId: string,
    namespacePath: string,
    zone: () => Zone,
    upstreams: readonly string[] = [],
  ): Promise<void> {
    await this.removeSandbox(containerId);
    const resolver = new SandboxResolver({
      zone,
      forwarder:
        upstreams.length === 0
          ? this.#forwarder
          : new Forwarder({ ...this.#deps, upstreams: () => upstreams }),
      log: this.#deps.log,
      clock: this.#deps.clock,
    });
    this.#resolvers.set(containerId, resolver);
    try {
      await resolver.listen(namespacePath);
    } catch (error) {
      await this.removeSandbox(containerId);
      throw error;
    }
  }

  /** Absent is no error. */
  async removeSandbox(containerId: string): Promise<void> {
    const resolver = this.#resolvers.get(containerId);
    if (resolver === undefined) return;
    this.#resolvers.delete(containerId);
    await resolver.close();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#resolvers.keys()].map((id) => this.removeSandbox(id)));
  }
}
