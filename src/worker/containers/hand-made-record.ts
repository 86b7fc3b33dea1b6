import type { ContainerConfig, EndpointWish } from "./container-config.ts";

/** Where a container is in its life. A restarted daemon asks the runtime what became of one that ran. */
export type HandMadePhase = "created" | "running" | "exited" | "removing";

/** What is known of a container's runs. */
export interface RunState {
  readonly phase: HandMadePhase;
  /** 0 = never started. */
  readonly startedAtMs: number;
  /** 0 = never ended. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why it could not be started, or did not end by itself; "" = neither. */
  readonly error: string;
  /** Restarts by its policy since a person started it. */
  readonly restartCount: number;
  /** A person stopped it, and did not start it since. */
  readonly stoppedByHand: boolean;
}

/** All of a container that must outlive the daemon, beside what the runtime keeps. */
export interface HandMadeRecord {
  readonly formatVersion: 1;
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** "sha256:…" of the image it was made from. */
  readonly imageId: string;
  /** With the image's part filled in. */
  readonly config: ContainerConfig;
  /** Networks that it joins at its next start. */
  readonly endpoints: readonly EndpointWish[];
  readonly run: RunState;
}

/** Of a container that has just been made. */
export const neverRun: RunState = {
  phase: "created",
  startedAtMs: 0,
  finishedAtMs: 0,
  exitCode: 0,
  oomKilled: false,
  error: "",
  restartCount: 0,
  stoppedByHand: false,
};
