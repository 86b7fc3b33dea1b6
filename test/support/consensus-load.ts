import { setTimeout as sleep } from "node:timers/promises";
import { must } from "../../src/base/assert.ts";
import { type Outcome, outcomeOf } from "./consensus-outcome.ts";
import { type RegisterOperation, RegisterRecorder } from "./linearizability-register.ts";
import type { ApiAnswer, TestDaemon } from "./test-daemon.ts";

/** What a client is told of one call, and when. */
export interface LoggedCall {
  readonly client: string;
  readonly what: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: Outcome["kind"];
  readonly message: string;
}

/** What clients of a cluster saw of it. */
export interface LoadHistory {
  readonly operations: readonly RegisterOperation[];
  /** Names of configs whose creation was acknowledged. */
  readonly created: ReadonlySet<string>;
  readonly calls: readonly LoggedCall[];
}

const registers = ["r0", "r1", "r2", "r3"] as const;
const clientsPerManager = 2;
/** Longer than a paused manager sleeps, so that what it answers on waking is heard. */
const answerMs = 9_000;
const pauseMs = 15;

interface ConfigJson {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Name: string; readonly Labels: Readonly<Record<string, string>> };
}

/**
 * Clients on every manager that read registers and compare-and-set them, and create configs. A register is the label `value` of a
 * config; its update names the version that was read, and no value is ever written twice, so version and value change together.
 */
export class ConsensusLoad {
  readonly #daemons: readonly TestDaemon[];
  readonly #prefix: string;
  readonly #recorder = new RegisterRecorder(() => performance.now());
  readonly #created = new Set<string>();
  readonly #calls: LoggedCall[] = [];
  readonly #clients: Promise<void>[] = [];
  #stopped = false;

  private constructor(daemons: readonly TestDaemon[], prefix: string) {
    this.#daemons = daemons;
    this.#prefix = prefix;
  }

  /** Makes the registers, named after `prefix`, and starts the clients. */
  static async start(daemons: readonly TestDaemon[], prefix: string): Promise<ConsensusLoad> {
    const load = new ConsensusLoad(daemons, prefix);
    const first = must(daemons[0], "a manager");
    for (const register of registers) {
      const key = load.#name(register);
      const call = load.#recorder.called("setup", key, { kind: "write", value: "0" });
      const answer = await first.api("POST", "/configs/create", configSpec(key, "0"));
      if (answer.status !== 201) throw new Error(`${key}: ${JSON.stringify(answer)}`);
      load.#recorder.answered(call, { kind: "done" });
    }
    for (const [number, daemon] of daemons.entries()) {
      for (let n = 0; n < clientsPerManager; n += 1) {
        load.#clients.push(load.#run(`c${number}.${n}`, daemon));
      }
    }
    return load;
  }

  /** How many calls succeeded on this manager since `sinceMs` (of performance.now). */
  succeeded(daemon: TestDaemon, sinceMs: number): number {
    const start = `c${this.#daemons.indexOf(daemon)}.`;
    return this.#calls.filter(
      ({ client, startMs, outcome }) =>
        client.startsWith(start) && startMs >= sinceMs && outcome === "ok",
    ).length;
  }

  /** Ends the clients, reads every register once through every manager, and gives what was seen. */
  async stop(): Promise<LoadHistory> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    for (const [number, daemon] of this.#daemons.entries()) {
      for (const register of registers) await this.#read(`end${number}`, daemon, register);
    }
    const operations = this.#recorder.history();
    return { operations, created: this.#created, calls: this.#calls };
  }

  async #run(client: string, daemon: TestDaemon): Promise<void> {
    for (let turn = 0; !this.#stopped; turn += 1) {
      const register = must(registers[Math.floor(Math.random() * registers.length)], "a register");
      const config = await this.#read(client, daemon, register);
      if (config !== undefined && turn % 3 !== 0) {
        await this.#compareAndSet(client, daemon, config, `${client}-${turn}`);
      }
      if (turn % 5 === 0) await this.#create(client, daemon, `${this.#prefix}-${client}-${turn}`);
      await sleep(pauseMs);
    }
  }

  async #read(client: string, daemon: TestDaemon, register: string) {
    const key = this.#name(register);
    const call = this.#recorder.called(client, key, { kind: "read" });
    const outcome = await this.#call(client, daemon, "GET", `/configs/${key}`);
    if (outcome.kind !== "ok") return undefined;
    const config = outcome.body as ConfigJson;
    const value = config.Spec.Labels["value"] ?? null;
    this.#recorder.answered(call, { kind: "value", value });
    return config;
  }

  async #compareAndSet(client: string, daemon: TestDaemon, config: ConfigJson, to: string) {
    const { ID, Version, Spec } = config;
    const from = Spec.Labels["value"] ?? null;
    const call = this.#recorder.called(client, Spec.Name, { kind: "cas", from, to });
    const path = `/configs/${ID}/update?version=${Version.Index}`;
    const outcome = await this.#call(client, daemon, "POST", path, configSpec(Spec.Name, to));
    if (outcome.kind === "ok") this.#recorder.answered(call, { kind: "swapped", swapped: true });
    if (outcome.kind === "not-done") this.#recorder.notDone(call);
    if (outcome.kind === "out-of-sequence") {
      this.#recorder.answered(call, { kind: "swapped", swapped: false });
    }
  }

  async #create(client: string, daemon: TestDaemon, name: string): Promise<void> {
    const spec = configSpec(name, "x");
    const outcome = await this.#call(client, daemon, "POST", "/configs/create", spec);
    if (outcome.kind === "ok") this.#created.add(name);
  }

  async #call(
    client: string,
    daemon: TestDaemon,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Outcome> {
    const startMs = performance.now();
    const answer: ApiAnswer | Error = await daemon
      .api(method, path, body, answerMs)
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    const outcome = outcomeOf(answer);
    this.#calls.push({
      client,
      what: `${method} ${path.split("?")[0]}`,
      startMs,
      endMs: performance.now(),
      outcome: outcome.kind,
      message: outcome.kind === "ok" ? "" : outcome.message,
    });
    // One that refuses at once must not be asked in a tight loop.
    if (outcome.kind === "not-done" || outcome.kind === "unknown") await sleep(100);
    return outcome;
  }

  #name(register: string): string {
    return `${this.#prefix}-${register}`;
  }
}

function configSpec(name: string, value: string): object {
  return { Name: name, Data: "eA==", Labels: { value } };
}
