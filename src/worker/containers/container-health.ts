import type { Clock } from "../../base/clock.ts";
import { withDeadline } from "../../base/deadline.ts";
import { errorMessage } from "../../base/errors.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import {
  type HealthCheck,
  type HealthStatus,
  type ImageHealthcheck,
  monitorHealth,
  planHealthCheck,
} from "../executor/health-check.ts";

const logMax = 5;
const outputBytesMax = 4096;

/** One probe of a container's health. */
export interface HealthProbe {
  readonly startMs: number;
  readonly endMs: number;
  readonly exitCode: number;
  readonly output: string;
}

/** What inspect shows of a container's health. */
export interface HealthView {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  readonly log: readonly HealthProbe[];
}

export interface ContainerHealthDeps {
  readonly runtime: Pick<ContainerRuntime, "exec">;
  readonly clock: Clock;
  readonly onChange: (status: HealthStatus) => void;
}

/** Probes one run of a container until stopped, and remembers the last five results. */
export class ContainerHealth {
  readonly #stop = new AbortController();
  readonly #deps: ContainerHealthDeps;
  readonly #log: HealthProbe[] = [];
  #status: HealthStatus = "starting";
  #streak = 0;

  private constructor(deps: ContainerHealthDeps) {
    this.#deps = deps;
  }

  /** Undefined when the container has no health check. */
  static start(
    id: string,
    asked: ImageHealthcheck | undefined,
    deps: ContainerHealthDeps,
  ): ContainerHealth | undefined {
    const check = planHealthCheck(null, asked);
    if (check === undefined) return undefined;
    const health = new ContainerHealth(deps);
    health.#run(id, check);
    return health;
  }

  get view(): HealthView {
    return { status: this.#status, failingStreak: this.#streak, log: [...this.#log] };
  }

  stop(): void {
    this.#stop.abort();
  }

  #run(id: string, check: HealthCheck): void {
    void monitorHealth({
      check,
      clock: this.#deps.clock,
      signal: this.#stop.signal,
      probe: (args, timeoutMs) => this.#probe(id, args, timeoutMs),
      onChange: ({ status }) => {
        this.#status = status;
        this.#deps.onChange(status);
      },
    });
  }

  async #probe(id: string, args: readonly string[], timeoutMs: number): Promise<number> {
    const startMs = this.#deps.clock.now();
    const { exitCode, output } = await this.#exec(id, args, timeoutMs);
    this.#log.push({ startMs, endMs: this.#deps.clock.now(), exitCode, output });
    if (this.#log.length > logMax) this.#log.shift();
    this.#streak = exitCode === 0 ? 0 : this.#streak + 1;
    return exitCode;
  }

  async #exec(
    id: string,
    args: readonly string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number; output: string }> {
    try {
      const session = await this.#deps.runtime.exec(id, {
        args,
        env: [],
        cwd: "",
        user: "",
        tty: false,
        openStdin: false,
      });
      let output = "";
      for (const stream of [session.stdout, session.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          if (output.length < outputBytesMax) output += chunk.toString();
        });
      }
      try {
        const { clock } = this.#deps;
        const exitCode = await withDeadline(clock, timeoutMs, "the health check", session.wait());
        return { exitCode, output: output.slice(0, outputBytesMax) };
      } catch {
        await session.kill("SIGKILL");
        return {
          exitCode: -1,
          output: `Health check exceeded timeout (${timeoutMs / 1000}s): ${output}`,
        };
      }
    } catch (error) {
      return { exitCode: -1, output: errorMessage(error) };
    }
  }
}
