import { type Clock, sleep } from "../../src/base/clock.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import type { Config } from "../../src/gen/skep/Config.ts";
import type { Service } from "../../src/gen/skep/Service.ts";
import type { ServiceSpec } from "../../src/gen/skep/ServiceSpec.ts";
import type { Version } from "../../src/gen/skep/Version.ts";
import type { ControlMethods } from "../../src/manager/control/methods.ts";
import { aServiceSpec, aTaskSpec } from "./builders.ts";
import type { SimManager } from "./cluster-sim-manager.ts";
import type { RegisterInput, RegisterRecorder } from "./linearizability-register.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimProcess, Timeline } from "./sim-timeline.ts";

export interface ClientSurroundings {
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly managers: ReadonlyMap<number, SimManager>;
  /** Share of requests that concern services; the others concern configs. */
  readonly serviceShare: number;
  readonly recorder: RegisterRecorder;
  count(event: string): void;
  report(violation: string): void;
}

interface Seen {
  readonly value: string | null;
  readonly id: string;
  readonly version: Version | null;
}

const absent: Seen = { value: null, id: "", version: null };
const callMs = 8_000;
export const configKeys = ["config1", "config2", "config3"] as const;
export const serviceKeys = ["web", "everywhere", "sum", "sweep"] as const;

/** Asks one thing after another, of a manager that it takes for the leader, and records what it is told. */
export class SimClient {
  readonly process: SimProcess;
  readonly #number: number;
  readonly #clock: Clock;
  readonly #world: ClientSurroundings;
  readonly #seen = new Map<string, Seen>();
  #manager: SimManager | undefined;
  #writes = 0;
  isStopping = false;
  pauseMs = 300;

  constructor(number: number, clock: (process: SimProcess) => Clock, world: ClientSurroundings) {
    this.#number = number;
    this.process = { name: `c${number}`, isAlive: true, pausedUntilMs: 0 };
    this.#clock = clock(this.process);
    this.#world = world;
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      await this.#once();
      await sleep(this.#clock, randomInteger(this.#world.random, 0, this.pauseMs));
    }
  }

  /** What it last saw. */
  valueOf(key: string): string | null {
    return this.#seen.get(key)?.value ?? null;
  }

  /** One linearizable read; true when it was answered. */
  async readOnce(key: string): Promise<boolean> {
    this.#manager = this.#leader();
    return await this.#ask(key, { kind: "read" });
  }

  /** One write; true when it was answered. */
  async writeOnce(key: string): Promise<boolean> {
    this.#manager = this.#leader();
    const seen = this.#seen.get(key) ?? absent;
    return await this.#ask(key, { kind: "cas", from: seen.value, to: this.#newValue(key) });
  }

  async #once(): Promise<void> {
    const { random, serviceShare } = this.#world;
    const keys = random.float() < serviceShare ? serviceKeys : configKeys;
    const key = keys[Math.floor(random.float() * keys.length)] ?? keys[0];
    if (this.#manager?.leadership?.isLeading !== true || random.float() < 0.05) {
      this.#manager = random.float() < 0.85 ? this.#leader() : this.#anyManager();
    }
    await this.#ask(key, this.#nextInput(key));
  }

  #nextInput(key: string): RegisterInput {
    const { random } = this.#world;
    const seen = this.#seen.get(key);
    const dice = random.float();
    if (seen === undefined || dice < 0.4) return { kind: "read" };
    if (dice < 0.5 && seen.value !== null) return { kind: "write", value: null };
    return { kind: "cas", from: seen.value, to: this.#newValue(key) };
  }

  /** Written by nobody else, ever. */
  #newValue(key: string): string {
    this.#writes += 1;
    const kinds = key === "sum" || key === "sweep" ? ["ok"] : ["ok", "ok", "ok", "bad", "refused"];
    const kind = kinds[Math.floor(this.#world.random.float() * kinds.length)] ?? "ok";
    return `${kind}:c${this.#number}w${this.#writes}`;
  }

  async #ask(key: string, input: RegisterInput): Promise<boolean> {
    const { network, recorder } = this.#world;
    const manager = this.#manager;
    const target = manager?.process;
    const control = manager?.control;
    if (manager === undefined || target === undefined || control === undefined) return false;
    const call = recorder.called(this.#number, key, input);
    const seen = this.#seen.get(key) ?? absent;
    try {
      const answer = await network.call(this.process, target, callMs, () =>
        carryOut(control, key, input, seen),
      );
      if (answer === "not done") recorder.notDone(call);
      else {
        if (answer.seen !== undefined) this.#seen.set(key, answer.seen);
        recorder.answered(call, answer.output);
      }
      this.#world.count(`${input.kind} answered`);
      return answer !== "not done";
    } catch (error) {
      this.#manager = undefined;
      this.#seen.delete(key);
      this.#failed(call, key, input, error);
      return false;
    }
  }

  #failed(call: number, key: string, input: RegisterInput, error: unknown): void {
    const { recorder, count, report } = this.#world;
    if (isNotDone(error) || input.kind === "read") recorder.notDone(call);
    if (isNotDone(error)) count("request refused");
    else if (isClusterError(error, "UNAVAILABLE")) count("outcome unknown");
    else report(`client ${this.#number}, ${input.kind} of ${key}: ${String(error)}`);
  }

  #leader(): SimManager | undefined {
    const leading = [...this.#world.managers.values()].filter((m) => m.raft?.status().isLeader);
    return leading[Math.floor(this.#world.random.float() * leading.length)] ?? this.#anyManager();
  }

  #anyManager(): SimManager | undefined {
    const up = [...this.#world.managers.values()].filter(({ isUp }) => isUp);
    return up[Math.floor(this.#world.random.float() * up.length)];
  }
}

/** Told by the cluster itself, in every code that promises that nothing was changed. */
function isNotDone(error: unknown): boolean {
  if (isClusterError(error, "NOT_LEADER", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION")) return true;
  return isClusterError(error, "UNAVAILABLE") && error.details["sent"] === "no";
}

type Answer =
  | { readonly seen?: Seen; readonly output: Parameters<RegisterRecorder["answered"]>[1] }
  | "not done";

/** What a register's operation is in terms of the Control API. */
async function carryOut(
  control: ControlMethods,
  key: string,
  input: RegisterInput,
  seen: Seen,
): Promise<Answer> {
  const isService = (serviceKeys as readonly string[]).includes(key);
  try {
    if (input.kind === "read") {
      const found = isService ? await readService(control, key) : await readConfig(control, key);
      return { seen: found, output: { kind: "value", value: found.value } };
    }
    if (input.kind === "write") {
      await (isService ? control.removeService({ ref: key }) : control.removeConfig({ ref: key }));
      return { seen: absent, output: { kind: "done" } };
    }
    const to = input.to ?? "";
    const made = isService
      ? await writeService(control, key, to, seen)
      : await writeConfig(control, key, to, seen);
    return { seen: made, output: { kind: "swapped", swapped: true } };
  } catch (error) {
    return answerOf(error, input);
  }
}

/** Refusals that say how things are. */
function answerOf(error: unknown, input: RegisterInput): Answer {
  if (isClusterError(error, "NOT_FOUND")) {
    if (input.kind === "read") return { seen: absent, output: { kind: "value", value: null } };
    // The manager's store need not be the newest when it finds nothing to remove or to change.
    return "not done";
  }
  if (input.kind !== "cas") throw error;
  if (isClusterError(error, "OUT_OF_DATE", "ALREADY_EXISTS")) {
    // Of a service other parts change too; and an old leader may refuse by what it knows.
    return "not done";
  }
  throw error;
}

async function readConfig(control: ControlMethods, key: string): Promise<Seen> {
  return seenConfig((await control.getConfig({ ref: key })).config);
}

/** Value and version must be of one moment: another writer may have come between the write and the answer. */
function seenConfig(config: Config | null): Seen {
  const value = config?.spec?.annotations?.labels?.["value"] ?? null;
  return { value, id: config?.id ?? "", version: config?.meta?.version ?? null };
}

async function writeConfig(
  control: ControlMethods,
  name: string,
  value: string,
  seen: Seen,
): Promise<Seen> {
  const annotations = { name, labels: { value }, indices: [] };
  const spec = { annotations, data: Buffer.from("x"), templating: null };
  const { config } =
    seen.value === null
      ? await control.createConfig({ spec })
      : await control.updateConfig({ configId: seen.id, version: seen.version, spec });
  return seenConfig(config);
}

async function readService(control: ControlMethods, key: string): Promise<Seen> {
  return seenService((await control.getService({ ref: key })).service);
}

function seenService(service: Service | null): Seen {
  if (service === null || service.pendingDelete) return absent;
  const value = service.spec?.task?.container?.image ?? null;
  return { value, id: service.id, version: service.meta?.version ?? null };
}

async function writeService(
  control: ControlMethods,
  name: string,
  value: string,
  seen: Seen,
): Promise<Seen> {
  const spec = serviceSpec(name, value);
  const { service } =
    seen.value === null
      ? await control.createService({ spec })
      : await control.updateService({
          serviceId: seen.id,
          version: seen.version,
          spec,
          registryAuthFrom: "spec",
          rollback: false,
        });
  return seenService(service);
}

/** Each name has a mode of its own; the image carries the value. */
function serviceSpec(name: string, image: string): ServiceSpec {
  const number = Number(image.replace(/^.*w/, ""));
  const task = aTaskSpec({ container: { image } });
  const mode = {
    web: { replicated: { replicas: number % 5 } },
    everywhere: { global: {} },
    sum: { replicatedJob: { totalCompletions: (number % 4) + 1, maxConcurrent: 2 } },
    sweep: { globalJob: {} },
  }[name];
  return aServiceSpec({ annotations: { name }, task, ...mode });
}
