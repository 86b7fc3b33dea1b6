import type { Clock, Timer } from "../../base/clock.ts";
import { ClusterError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { Random } from "../../base/random.ts";
import type { AttachNetworkResponse } from "../../gen/skep/AttachNetworkResponse.ts";
import { atLeast } from "../../model/task-state.ts";
import type { Store } from "../../store/store.ts";
import { type AttachmentWish, planAttachment } from "./plan-attachment.ts";

/** How long the allocator may take. */
const allocationMs = 8_000;
/** An address that another container has just given up is free in a moment. */
const patienceMs = 3_000;

export interface NetworkAttacherDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes attachments for the nodes, and waits until they have their addresses. One that its node never claims is rejected by the node. */
export class NetworkAttacher {
  readonly #deps: NetworkAttacherDeps;

  constructor(deps: NetworkAttacherDeps) {
    this.#deps = deps;
  }

  /** Errors of `planAttachment`; FAILED_PRECONDITION says why there is no address. */
  async attach(nodeId: string, wish: AttachmentWish): Promise<AttachNetworkResponse> {
    const { store, clock, random } = this.#deps;
    const made = { id: newId(random), nowMs: clock.now() };
    const network = await store.update((tx) => {
      const planned = planAttachment(tx, nodeId, wish, made);
      tx.create("task", planned.task);
      return planned.network;
    });
    const refused = await this.#allocation(made.id);
    if (refused === "") {
      const networkName = network.spec?.annotations?.name ?? "";
      return { taskId: made.id, networkId: network.id, networkName };
    }
    await store.update((tx) => {
      if (tx.get("task", made.id) !== undefined) tx.remove("task", made.id);
    });
    throw new ClusterError("FAILED_PRECONDITION", refused);
  }

  /** Why the task gets no address; "" once it has one. */
  #allocation(taskId: string): Promise<string> {
    const { store, clock } = this.#deps;
    const task = () => store.view().get("task", taskId);
    return new Promise((resolve) => {
      let patience: Timer | undefined;
      const done = (refused: string): void => {
        unsubscribe();
        deadline.cancel();
        patience?.cancel();
        resolve(refused);
      };
      const look = (): void => {
        const status = task()?.status;
        if (!status) done("the attachment was taken away");
        else if (atLeast(status.state, "PENDING")) done("");
        else if (status.err !== "") {
          patience ??= clock.setTimer(patienceMs, () => done(task()?.status?.err || status.err));
        }
      };
      const deadline = clock.setTimer(allocationMs, () =>
        done(`no address was given within ${allocationMs / 1_000} s`),
      );
      const unsubscribe = store.subscribe(look);
      look();
    });
  }
}
