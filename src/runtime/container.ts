import type { ContainerRecord, StoredSpec } from "./container-record.ts";
import type { ContainerInfo, ExitStatus } from "./container-spec.ts";
import type { ContainerFolders } from "./folder-layout.ts";

/** A container in memory: its spec, what is known of its process, and who waits for its end. */
export class Container {
  readonly spec: StoredSpec;
  readonly folders: ContainerFolders;
  readonly ended: Promise<ExitStatus>;
  record: ContainerRecord;
  /** Set while its folders are being taken away: a late exit file must not bring them back. */
  removing = false;
  #resolveEnded: (exit: ExitStatus) => void = () => {};

  constructor(spec: StoredSpec, folders: ContainerFolders, record: ContainerRecord) {
    this.spec = spec;
    this.folders = folders;
    this.record = record;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    if (record.exit !== undefined) this.#resolveEnded(record.exit);
  }

  /** The first end counts. False when it had ended before. */
  end(exit: ExitStatus): boolean {
    if (this.record.exit !== undefined) return false;
    this.record = { ...this.record, exit };
    this.#resolveEnded(exit);
    return true;
  }

  get info(): ContainerInfo {
    const { record, spec } = this;
    const state =
      record.exit !== undefined ? "exited" : record.startedAtMs > 0 ? "running" : "created";
    return {
      id: spec.id,
      name: spec.name,
      state,
      pid: state === "exited" ? 0 : record.process.pid,
      createdAtMs: record.createdAtMs,
      startedAtMs: record.startedAtMs,
      ...(record.exit === undefined ? {} : { exit: record.exit }),
      labels: spec.labels,
      tty: spec.tty,
    };
  }
}
