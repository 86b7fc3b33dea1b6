/**
 * Who must notice: "directed" = the core's tests but the golden traces; "golden" = those; "simulation" =
 * the seeded groups; "driver" = the tests of the node that drives the core; "storage" = those of the log on disk; "transport" = those of what carries messages.
 */
export type Finder = "directed" | "golden" | "simulation" | "driver" | "storage" | "transport";

/** A bug made on purpose: one line of the compiled src/raft, changed. */
export interface Mutant {
  /** What is broken. */
  readonly name: string;
  /** Below src/raft, without ".ts". */
  readonly file: string;
  /** Occurs exactly once in the compiled file. */
  readonly from: string;
  readonly to: string;
  /** Each of these must find it. */
  readonly foundBy: readonly Finder[];
}
