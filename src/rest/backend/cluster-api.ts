import type { MethodDefinition } from "@grpc/proto-loader";
import type { ControlDefinition } from "../../gen/skep/Control.ts";
import type { WatchMessage } from "../../gen/skep/WatchMessage.ts";

type ControlMethod =
  | "GetNode"
  | "ListNodes"
  | "UpdateNode"
  | "RemoveNode"
  | "GetService"
  | "ListServices"
  | "CreateService"
  | "UpdateService"
  | "RemoveService"
  | "GetTask"
  | "ListTasks"
  | "GetNetwork"
  | "ListNetworks"
  | "CreateNetwork"
  | "RemoveNetwork"
  | "GetSecret"
  | "ListSecrets"
  | "CreateSecret"
  | "UpdateSecret"
  | "RemoveSecret"
  | "GetConfig"
  | "ListConfigs"
  | "CreateConfig"
  | "UpdateConfig"
  | "RemoveConfig"
  | "GetCluster"
  | "UpdateCluster"
  | "ListServiceCounts"
  | "DryRun"
  | "RebalanceService";

type UnaryCalls = {
  [M in ControlMethod as Uncapitalize<M>]: ControlDefinition[M] extends MethodDefinition<
    infer Request,
    infer _ResponseInput,
    infer _RequestOutput,
    infer Response
  >
    ? (request: Request) => Promise<Response>
    : never;
};

/**
 * The Control service of proto/control.proto as promises: `getService({ ref })` and so on.
 * Calls reject with ClusterError. REST asks only on managers; `NOT_LEADER` and `UNAVAILABLE` mean
 * that no leader could be asked. Given specs are complete: every field of the decoded form is there.
 */
export interface ClusterApi extends UnaryCalls {
  /** Committed changes from now on, until `signal` is aborted; before them those of `sinceMs` and later that are kept. */
  watch(signal: AbortSignal, sinceMs?: number): AsyncIterable<WatchMessage>;
}
