import { must } from "../../base/assert.ts";
import { serviceDefinition } from "../../rpc/load-proto.ts";
import { dryRunMethods } from "../dry-run-control.ts";
import { clusterMethods } from "./clusters.ts";
import { configMethods } from "./configs.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { networkMethods } from "./networks.ts";
import { nodeMethods } from "./nodes.ts";
import { secretMethods } from "./secrets.ts";
import { serviceMethods } from "./services.ts";
import { taskMethods } from "./tasks.ts";

/** Control on this manager's own store. Only the leader's answers are current. */
export function createControl(deps: ControlDeps): ControlMethods {
  return {
    ...nodeMethods(deps),
    ...serviceMethods(deps),
    ...taskMethods(deps),
    ...networkMethods(deps),
    ...secretMethods(deps),
    ...configMethods(deps),
    ...clusterMethods(deps),
    ...dryRunMethods(deps),
  };
}

/**
 * The same methods for callers in this process: requests get the full form they would have after a journey through gRPC, so that
 * nothing depends on where the leader is.
 */
export function completeRequests(methods: ControlMethods): ControlMethods {
  const definition = serviceDefinition("Control");
  const entries = Object.entries(methods).map(([key, method]) => {
    const name = key.charAt(0).toUpperCase() + key.slice(1);
    const { requestSerialize, requestDeserialize } = must(definition[name], `Control.${name}`);
    const complete = async (request: object): Promise<unknown> =>
      await (method as (decoded: unknown) => Promise<unknown>)(
        requestDeserialize(requestSerialize(request)),
      );
    return [key, complete];
  });
  return Object.fromEntries(entries) as ControlMethods;
}
