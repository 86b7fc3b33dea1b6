import { must } from "../../base/assert.ts";
import type { DispatcherHandlers } from "../../gen/skep/Dispatcher.ts";
import { toDuration } from "../../model/time.ts";
import type { ServiceHandlers } from "../../rpc/api.ts";
import type { CallContext } from "../../rpc/call.ts";
import type { RoleRule } from "../../rpc/roles.ts";
import { notLeader } from "../control/control-server.ts";
import type { Dispatcher } from "./dispatcher.ts";

export interface DispatcherServerDeps {
  /** Undefined unless this manager leads. */
  readonly active: () => Dispatcher | undefined;
  readonly leaderAddress: () => string | undefined;
}

/** Every node, managers too. */
export const dispatcherRoles = {
  Session: "worker",
  Heartbeat: "worker",
  UpdateTaskStatus: "worker",
  UpdateNodeDescription: "worker",
  Assignments: "worker",
  AckAssignments: "worker",
  AttachNetwork: "worker",
} as const satisfies Readonly<Record<string, RoleRule>>;

/** The Dispatcher service. A manager that does not lead says who does. */
export function dispatcherHandlers(
  deps: DispatcherServerDeps,
): ServiceHandlers<DispatcherHandlers> {
  const active = (): Dispatcher => {
    const dispatcher = deps.active();
    if (dispatcher === undefined) throw notLeader(deps.leaderAddress());
    return dispatcher;
  };
  return {
    async session({ description }, context, stream) {
      const address = context.remoteAddress.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
      const write = stream.write.bind(stream);
      await active().session(nodeIdOf(context), { description, address }, write, context.signal);
    },
    async heartbeat({ sessionId, leaving }, context) {
      if (leaving) {
        await active().left(nodeIdOf(context), sessionId);
        return { period: null };
      }
      return { period: toDuration(active().heartbeat(nodeIdOf(context), sessionId)) };
    },
    async updateTaskStatus({ sessionId, updates }, context) {
      await active().updateTaskStatus(nodeIdOf(context), sessionId, updates);
      return {};
    },
    async updateNodeDescription({ sessionId, description }, context) {
      await active().updateDescription(nodeIdOf(context), sessionId, description);
      return {};
    },
    async assignments({ sessionId }, context, stream) {
      const write = stream.write.bind(stream);
      await active().assignments(nodeIdOf(context), sessionId, write, context.signal);
    },
    async ackAssignments({ sessionId, resultsIn }, context) {
      active().acknowledge(nodeIdOf(context), sessionId, resultsIn);
      return {};
    },
    async attachNetwork({ sessionId, ...wish }, context) {
      return await active().attachNetwork(nodeIdOf(context), sessionId, wish);
    },
  };
}

/** Who calls; the role rules see to it that there is a certificate. */
function nodeIdOf({ peer }: CallContext): string {
  return must(peer, "the caller's certificate").nodeId;
}
