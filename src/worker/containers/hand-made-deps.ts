import type { Clock } from "../../base/clock.ts";
import type { HandMadeRecord } from "./hand-made-record.ts";
import type { RunDeps } from "./prepare-run.ts";
import type { RecordStore } from "./record-store.ts";

/** Told of what happens to a container, by the Docker API's names for it. */
export type OnHandMade = (
  action: string,
  record: HandMadeRecord,
  extra?: Readonly<Record<string, string>>,
) => void;

/** What one hand-made container needs of the node. */
export interface HandMadeDeps extends RunDeps {
  readonly records: Pick<RecordStore, "save" | "remove">;
  readonly onEvent: OnHandMade;
  readonly onRemoved: (id: string) => void;
  readonly clock: Clock;
}

/** How to stop it: "" and undefined are its own signal and grace; a negative grace is without end. */
export interface StopOptions {
  readonly signal: string;
  readonly graceMs?: number | undefined;
}
