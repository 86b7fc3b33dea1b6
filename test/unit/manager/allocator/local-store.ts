import { silentLogger } from "../../../../src/base/log.ts";
import { Store } from "../../../../src/store/store.ts";
import type { FakeClock } from "../../../support/fake-clock.ts";

/** A store whose proposals are agreed on at once, as on a cluster of one manager. */
export function localStore(clock: FakeClock): { store: Store; proposals(): number } {
  let index = 0;
  const store: Store = new Store({
    proposer: {
      propose: async (data) => {
        await Promise.resolve();
        index += 1;
        return store.stateMachine.apply({ index, data });
      },
    },
    clock,
    log: silentLogger,
  });
  return { store, proposals: () => index };
}
