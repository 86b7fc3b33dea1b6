import type { MethodDefinition } from "@grpc/proto-loader";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { ControlDefinition } from "../../gen/skep/Control.ts";
import type { Store } from "../../store/store.ts";

/** The unary methods of the Control service, on decoded requests and complete responses. */
export type ControlMethods = {
  readonly [M in keyof ControlDefinition as string extends M
    ? never
    : M extends "Watch"
      ? never
      : Uncapitalize<string & M>]: ControlDefinition[M] extends MethodDefinition<
    infer _RequestInput,
    infer _ResponseInput,
    infer Request,
    infer Response
  >
    ? (request: Request) => Promise<Response>
    : never;
};

export interface ControlDeps {
  readonly store: Store;
  /** Resolves once the store shows everything that was committed before the call. NOT_LEADER, UNAVAILABLE. */
  readonly readBarrier: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}
