import type { ServiceSpecJson } from "./service.ts";

/** Body of POST /services/dry-run: nothing is changed by it. */
export interface DryRunRequestJson {
  readonly Services: readonly ServiceSpecJson[];
  /** Ids of services that would be removed first. */
  readonly RemovedServices?: readonly string[];
  /** Secrets that would be written; Data is base64. */
  readonly Secrets?: readonly { readonly Name: string; readonly Data: string }[];
}

/** What would become of one service. */
export interface DryRunServiceJson {
  Name: string;
  Tasks: { Slot: number; NodeID: string; Hostname: string; Kept: boolean }[];
  /** Tasks that no node can run, by reason. */
  Unplaced: { Count: number; Explanation: string }[];
  /** Why the service would be refused; "" when it would not. */
  Refusal: string;
}

/** Answer of POST /services/dry-run. */
export interface DryRunResponseJson {
  Services: DryRunServiceJson[];
  /** Secrets that exist with other data. */
  ChangedSecrets: string[];
}
