import { ClusterError, errorMessage } from "../../base/errors.ts";
import { KeyedMutex } from "../../base/keyed-mutex.ts";
import type { ExitStatus } from "../../runtime/container-spec.ts";
import { launchExitCode } from "../../runtime/launch-error.ts";
import { ContainerHealth } from "./container-health.ts";
import { ExitWaiters } from "./exit-waiters.ts";
import type { HandMadeDeps, StopOptions } from "./hand-made-deps.ts";
import type { HandMadeRecord, RunState } from "./hand-made-record.ts";
import { networkKind, openNetwork } from "./launch-network.ts";
import { missedExit } from "./missed-exit.ts";
import { prepareRun, releaseRun, removeFromHost } from "./prepare-run.ts";
import { nextRestartMs, startsWithDaemon } from "./restart-policy.ts";
import { RestartTimer } from "./restart-timer.ts";

const defaultGraceMs = 10_000;
/** A grace without end: a day. */
const longGraceMs = 86_400_000;
/** Clients that may wait for a start with their input. */
const waitingMax = 100;

/**
 * One container that a person made: starts and stops it, follows its ends and its restart policy, keeps its record. Operations
 * take turns; FAILED_PRECONDITION for a wrong state.
 *
 * created|exited -> running (start, policy) -> exited (end) -> removing (remove, auto-remove) -> gone
 */
export class HandMadeContainer {
  readonly #deps: HandMadeDeps;
  readonly #mutex = new KeyedMutex();
  readonly waiters = new ExitWaiters();
  #record: HandMadeRecord;
  #isPaused = false;
  #health: ContainerHealth | undefined;
  readonly #restarts: RestartTimer;
  /** Resolves when the run of now has ended and its end is noted. */
  #ended: Promise<void> = Promise.resolve();
  /** A restart by hand: its end must not remove the container. */
  #isRestarting = false;
  #isClosed = false;
  #onLaunch: (() => void)[] = [];

  constructor(record: HandMadeRecord, deps: HandMadeDeps) {
    this.#record = record;
    this.#deps = deps;
    this.#restarts = new RestartTimer(deps.clock);
  }

  get record(): HandMadeRecord {
    return this.#record;
  }

  get isRunning(): boolean {
    return this.#record.run.phase === "running";
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Its policy starts it again in a moment. */
  get waitsForRestart(): boolean {
    return this.#restarts.isComing;
  }

  get health(): ContainerHealth["view"] | undefined {
    return this.#health?.view;
  }

  /** Runs `work` while nothing else happens to the container. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run("", work);
  }

  /** Calls `fn` while it runs: now, or after its next start if that succeeds. Within `exclusively`. */
  onceRunning(fn: () => void): void {
    if (this.isRunning) fn();
    else if (this.#onLaunch.length < waitingMax) this.#onLaunch.push(fn);
    else throw wrongState(`too many clients wait for the start of ${this.#record.name}`);
  }

  /** Once at the daemon's start: takes over what runs, notes what ended meanwhile, goes on with a removal. */
  async adopt(): Promise<void> {
    const { runtime, clock } = this.#deps;
    const { id, run } = this.#record;
    if (run.phase === "removing") {
      await this.exclusively(() => this.#remove());
      return;
    }
    let info = runtime.info(id);
    // Launched, but not yet let run, when the daemon died.
    if (info.state === "created") await runtime.stop(id, { graceMs: 0 });
    info = runtime.info(id);
    if (info.state === "running") {
      await this.exclusively(() => this.#takeOver());
    } else if (run.phase === "running") {
      const exit = missedExit(info, run, clock.now());
      await this.exclusively(() => this.#onExit(exit));
    } else if (run.phase === "exited" && this.#record.config.autoRemove) {
      // The daemon died between its end and its removal.
      await this.exclusively(() => this.#removeByItself());
    } else {
      await runtime.reusable.reset(id);
    }
  }

  /** After `adopt`, when networks are there: what shall run from the daemon's start on is started. */
  startWithDaemon(): void {
    const { config, run } = this.#record;
    if (this.isRunning || this.waitsForRestart || run.phase === "removing") return;
    const { exitCode, stoppedByHand, restartCount } = run;
    const hasRun = run.startedAtMs > 0;
    const ended = { policy: config.restart, exitCode, stoppedByHand, restartCount, hasRun };
    if (startsWithDaemon(ended)) this.#restartIn(1);
  }

  /** The daemon stops: the container goes on. */
  close(): void {
    this.#isClosed = true;
    this.#restarts.close();
    this.#health?.stop();
  }

  async start(): Promise<void> {
    await this.exclusively(async () => {
      this.#mustExist();
      if (this.isRunning) return;
      this.#restarts.cancel();
      this.#restarts.lastDelayMs = 0;
      this.#set({ stoppedByHand: false, restartCount: 0 });
      try {
        await this.#launch();
      } catch (error) {
        if (this.#record.config.autoRemove) await this.#removeByItself();
        throw error;
      }
    });
  }

  /** Not running is no error. `graceMs` undefined = its own; negative = without end. */
  async stop(options: StopOptions): Promise<void> {
    if ((await this.#calm()) && !this.isRunning) {
      await this.#note({ stoppedByHand: true });
      this.#tell("stop");
      return;
    }
    if (!this.isRunning) return;
    const { config, id } = this.#record;
    await this.#note({ stoppedByHand: true });
    const signal = options.signal || config.stopSignal || "SIGTERM";
    const graceMs = options.graceMs ?? config.stopTimeoutMs ?? defaultGraceMs;
    this.#tell("kill", { signal });
    await this.#thaw();
    await this.#deps.runtime.stop(id, { signal, graceMs: graceMs < 0 ? longGraceMs : graceMs });
    await this.#ended;
    this.#tell("stop");
  }

  async restart(options: StopOptions): Promise<void> {
    this.#isRestarting = true;
    try {
      await this.stop(options);
    } finally {
      this.#isRestarting = false;
    }
    await this.start();
    this.#tell("restart");
  }

  async kill(signal: string): Promise<void> {
    const { config, id } = this.#record;
    this.#mustRun();
    const isStop =
      /^(?:SIG)?KILL$|^9$/i.test(signal) || signal === (config.stopSignal || "SIGTERM");
    if (isStop) await this.#note({ stoppedByHand: true });
    await this.#deps.runtime.kill(id, signal);
    this.#tell("kill", { signal });
    if (isStop) await this.#thaw();
  }

  async pause(): Promise<void> {
    await this.exclusively(async () => {
      this.#mustRun();
      if (this.#isPaused) throw wrongState(`Container ${this.#record.id} is already paused`);
      await this.#deps.runtime.reusable.pause(this.#record.id);
      this.#isPaused = true;
      this.#tell("pause");
    });
  }

  async unpause(): Promise<void> {
    await this.exclusively(async () => {
      if (!this.#isPaused) throw wrongState(`Container ${this.#record.id} is not paused`);
      await this.#thaw();
      this.#tell("unpause");
    });
  }

  /** Ends it when forced, and takes it away with all it wrote. */
  async remove(options: { readonly force: boolean; readonly volumes: boolean }): Promise<void> {
    if ((this.isRunning || this.waitsForRestart) && !options.force) {
      throw wrongState(`container ${this.#record.name} is running: stop it or remove it by force`);
    }
    await this.#calm();
    if (this.isRunning) {
      await this.#note({ stoppedByHand: true });
      this.#tell("kill", { signal: "9" });
      await this.#thaw();
      await this.#deps.runtime.stop(this.#record.id, { graceMs: 0 });
      await this.#ended;
    }
    await this.exclusively(async () => {
      if (this.waiters.isRemoved) return;
      if (options.volumes) await this.#deps.volumes.abandon(this.#record.id);
      await this.#remove();
    });
  }

  /** Another part of its record; written before it resolves. */
  async change(
    part: Partial<Pick<HandMadeRecord, "name" | "config" | "endpoints">>,
  ): Promise<void> {
    this.#record = { ...this.#record, ...part };
    await this.#deps.records.save(this.#record);
  }

  async #launch(): Promise<void> {
    const { runtime, clock } = this.#deps;
    const { run } = this.#record;
    try {
      const spec = await prepareRun(this.#record, this.#deps);
      // Before it is so: a daemon that dies in between must know that it was meant to run.
      await this.#note({ phase: "running", startedAtMs: clock.now(), error: "" });
      const { startedAtMs } = await runtime.reusable.launch(spec);
      // Not written: the runtime knows it, too, and a start waits for each write.
      this.#set({ startedAtMs });
    } catch (error) {
      const reason = errorMessage(error);
      await releaseRun(this.#record.id, this.#deps);
      await this.#note({
        ...run,
        error: reason,
        exitCode: launchExitCode(reason),
        finishedAtMs: run.startedAtMs > 0 ? clock.now() : 0,
      });
      this.#onLaunch = [];
      this.waiters.ended(this.#record.run);
      throw error;
    }
    this.#follow();
    this.#tell("start");
    const waiting = this.#onLaunch;
    this.#onLaunch = [];
    for (const fn of waiting) fn();
  }

  // After a restart of the daemon, of a container that runs.
  async #takeOver(): Promise<void> {
    const { runtime, log } = this.#deps;
    const { id, config } = this.#record;
    const { startedAtMs } = runtime.info(id);
    if (!this.isRunning) await this.#note({ phase: "running", startedAtMs });
    else this.#set({ startedAtMs });
    this.#isPaused = await runtime.reusable.isPaused(id);
    try {
      if (networkKind(config.networkMode) === "bridge") await openNetwork(this.#record, this.#deps);
    } catch (error) {
      log.error(
        { containerId: id, err: errorMessage(error) },
        "a container's network is not whole",
      );
    }
    this.#follow();
  }

  #follow(): void {
    const { runtime, clock, log } = this.#deps;
    const { id, config } = this.#record;
    this.#health = ContainerHealth.start(id, config.healthcheck, {
      runtime,
      clock,
      onChange: (status) => this.#tell(`health_status: ${status}`),
    });
    this.#ended = runtime.wait(id).then(async (exit) => {
      if (!this.#isClosed) await this.exclusively(() => this.#onExit(exit));
    });
    this.#ended.catch((error: unknown) => {
      log.error({ containerId: id, err: errorMessage(error) }, "a container's end was not noted");
    });
  }

  async #onExit(exit: ExitStatus): Promise<void> {
    const { config, run } = this.#record;
    if (run.phase === "removing") return;
    const { exitCode, oomKilled, finishedAtMs } = exit;
    this.#health?.stop();
    this.#isPaused = false;
    const ranMs = finishedAtMs - run.startedAtMs;
    const { lastDelayMs } = this.#restarts;
    const delayMs = nextRestartMs({ ...run, policy: config.restart, exitCode, ranMs, lastDelayMs });
    this.#restarts.isDue = delayMs !== undefined;
    const error = exit.reason ?? "";
    await this.#note({ phase: "exited", exitCode, oomKilled, finishedAtMs, error });
    if (oomKilled) this.#tell("oom");
    this.#tell("die", {
      exitCode: String(exitCode),
      execDuration: String(Math.round(ranMs / 1000)),
    });
    this.waiters.ended(this.#record.run);
    await releaseRun(this.#record.id, this.#deps);
    if (delayMs !== undefined) this.#restartIn(delayMs);
    else if (config.autoRemove && !this.#isRestarting) await this.#removeByItself();
  }

  async #removeByItself(): Promise<void> {
    await this.#deps.volumes.abandon(this.#record.id);
    await this.#remove();
  }

  #restartIn(delayMs: number): void {
    this.#restarts.set(delayMs, () => void this.#restartNow());
  }

  async #restartNow(): Promise<void> {
    await this.exclusively(async () => {
      // A person may have been faster.
      if (!this.#restarts.cancel() || this.#record.run.phase !== "exited") return;
      this.#restarts.isDue = true;
      try {
        this.#set({ restartCount: this.#record.run.restartCount + 1 });
        await this.#launch();
      } catch (error) {
        const { config, run, id } = this.#record;
        this.#deps.log.warn({ containerId: id, err: errorMessage(error) }, "restart failed");
        const { lastDelayMs } = this.#restarts;
        const ended = { ...run, policy: config.restart, ranMs: 0, lastDelayMs };
        const delayMs = nextRestartMs(ended);
        if (delayMs !== undefined) this.#restartIn(delayMs);
      } finally {
        this.#restarts.isDue = false;
      }
    });
  }

  // A restart to come is off, one under way is waited for. Whether there was one to come.
  async #calm(): Promise<boolean> {
    const before = this.#restarts.cancel();
    await this.exclusively(async () => {});
    return this.#restarts.cancel() || before;
  }

  async #thaw(): Promise<void> {
    if (!this.#isPaused) return;
    await this.#deps.runtime.reusable.unpause(this.#record.id);
    this.#isPaused = false;
  }

  async #remove(): Promise<void> {
    const { records, onRemoved } = this.#deps;
    const { id } = this.#record;
    await this.#note({ phase: "removing" });
    // Who reads its last output keeps its log until then.
    await this.waiters.drained(this.#deps.clock);
    await removeFromHost(id, this.#deps);
    await records.remove(id);
    this.#tell("destroy");
    onRemoved(id);
    this.waiters.removed(this.#record.run);
  }

  #set(part: Partial<RunState>): void {
    this.#record = { ...this.#record, run: { ...this.#record.run, ...part } };
  }

  async #note(part: Partial<RunState>): Promise<void> {
    this.#set(part);
    await this.#deps.records.save(this.#record);
  }

  #tell(action: string, extra: Readonly<Record<string, string>> = {}): void {
    this.#deps.onEvent(action, this.#record, extra);
  }

  #mustExist(): void {
    if (this.#record.run.phase !== "removing") return;
    throw new ClusterError("NOT_FOUND", `No such container: ${this.#record.id}`);
  }

  #mustRun(): void {
    if (this.isRunning) return;
    throw wrongState(`container ${this.#record.id} is not running`);
  }
}

function wrongState(message: string): ClusterError {
  return new ClusterError("FAILED_PRECONDITION", message);
}
