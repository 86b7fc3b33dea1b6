import { ClusterError } from "../base/errors.ts";
import type { ExecOptions, StdioSession } from "./backend/containers.ts";

/** A command prepared for a container, then running, then done. */
export interface ExecRecord {
  readonly id: string;
  readonly containerId: string;
  readonly options: Omit<ExecOptions, "stdin">;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  session?: StdioSession;
  started: boolean;
  exitCode?: number;
}

/** Commands that clients prepared (POST /containers/{id}/exec). The oldest done ones are forgotten. */
export class ExecRegistry {
  readonly #records = new Map<string, ExecRecord>();
  readonly #recordsMax: number;

  constructor(recordsMax = 1000) {
    this.#recordsMax = recordsMax;
  }

  /** RESOURCE_EXHAUSTED when all kept ones are still running. */
  add(record: ExecRecord): void {
    if (this.#records.size >= this.#recordsMax) this.#forgetOne();
    this.#records.set(record.id, record);
  }

  get(id: string): ExecRecord | undefined {
    return this.#records.get(id);
  }

  /** Ids of the commands now running in a container. */
  runningIn(containerId: string): string[] {
    return [...this.#records.values()].flatMap((record) =>
      record.containerId === containerId && record.started && record.exitCode === undefined
        ? [record.id]
        : [],
    );
  }

  #forgetOne(): void {
    for (const [id, record] of this.#records) {
      if (record.started && record.exitCode === undefined) continue;
      this.#records.delete(id);
      return;
    }
    throw new ClusterError(
      "RESOURCE_EXHAUSTED",
      `${this.#recordsMax} commands are running in containers; wait for one to end`,
    );
  }
}
