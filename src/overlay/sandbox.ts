import { CoalescedRun } from "./coalesced-run.ts";
import { nftApply, nftTable } from "./kernel.ts";
import { sandboxTable } from "./names.ts";
import type { SandboxRecord } from "./network-state.ts";

/** One container's network namespace and the balancer in it. */
export class Sandbox {
  /** A guest's changes with its networks. */
  record: SandboxRecord;
  readonly path: string;
  readonly #script: () => string;
  readonly #run = new CoalescedRun(() => this.#apply());
  #applied = "";
  #shown: string | undefined;
  #verify = false;
  /** Set once its links are made: then it counts as a port of its networks. */
  linked = false;

  /** `script` plans the balancer as of the moment it is called. */
  constructor(record: SandboxRecord, path: string, script: () => string) {
    this.record = record;
    this.path = path;
    this.#script = script;
  }

  /** Resolves once the balancer shows the state as of this call or later. */
  balance(verify: boolean): Promise<void> {
    this.#verify ||= verify;
    return this.#run.request();
  }

  async #apply(): Promise<void> {
    if (this.#verify && this.#applied !== "") {
      this.#verify = false;
      // The listing is taken at the first check, not after each change: it costs a process.
      const listing = await nftTable(this.path, sandboxTable);
      const changed = this.#shown !== undefined && listing !== this.#shown;
      if (changed || listing === undefined) this.#applied = "";
      else this.#shown = listing;
    }
    const script = this.#script();
    if (script === this.#applied) return;
    this.#applied = "";
    this.#shown = undefined;
    await nftApply(this.path, script);
    this.#applied = script;
  }
}
