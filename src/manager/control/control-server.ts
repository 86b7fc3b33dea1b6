import type { Clock } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import type { ControlHandlers } from "../../gen/skep/Control.ts";
import type { ServiceHandlers } from "../../rpc/api.ts";
import { serviceDefinition } from "../../rpc/load-proto.ts";
import type { RoleRule } from "../../rpc/roles.ts";
import type { Store } from "../../store/store.ts";
import type { ControlMethods } from "./methods.ts";
import { watchStore } from "./watch.ts";

export interface ControlServerDeps {
  /** Undefined unless this manager leads. */
  readonly local: () => ControlMethods | undefined;
  readonly leaderAddress: () => string | undefined;
  readonly store: Pick<Store, "subscribe">;
  readonly clock: Clock;
}

/** Managers only, all of it. */
export const controlRoles: Readonly<Record<string, RoleRule>> = Object.fromEntries(
  Object.keys(serviceDefinition("Control")).map((name) => [name, "manager" as const]),
);

/** The Control service. A manager that does not lead says who does, and never passes a call on: that is the caller's part. */
export function controlHandlers(deps: ControlServerDeps): ServiceHandlers<ControlHandlers> {
  const handlers: Record<string, unknown> = {
    async watch(
      _request: unknown,
      { signal }: { signal: AbortSignal },
      stream: { write(message: unknown): Promise<void> },
    ) {
      for await (const message of watchStore(deps.store, deps.clock, signal)) {
        await stream.write(message);
      }
    },
  };
  for (const [name, { responseStream }] of Object.entries(serviceDefinition("Control"))) {
    if (responseStream) continue;
    const key = name.charAt(0).toLowerCase() + name.slice(1);
    handlers[key] = async (request: unknown) => {
      const methods = deps.local() as Readonly<Record<string, unknown>> | undefined;
      if (methods === undefined) throw notLeader(deps.leaderAddress());
      const method = methods[key] as (input: unknown) => Promise<unknown>;
      return await method(request);
    };
  }
  return handlers as ServiceHandlers<ControlHandlers>;
}

/** The answer of a manager that does not lead. */
export function notLeader(leaderAddress: string | undefined): ClusterError {
  return new ClusterError(
    "NOT_LEADER",
    "this manager is not the leader",
    leaderAddress === undefined ? {} : { details: { leaderAddress } },
  );
}
