import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";
import type { Store } from "../store/store.ts";
import type { ControlApi } from "./control/control-api.ts";

const waitMaxMs = 5_000;
const pollMs = 10;

/**
 * The key that unlocks managers, "" when autolock is off: as the leader knows it now, read from this manager's own
 * state, since the key never travels by the API between managers. UNAVAILABLE when this manager is behind for 5 s.
 */
export async function currentUnlockKey({
  store,
  control,
  clock,
}: {
  readonly store: Pick<Store, "view">;
  readonly control: Pick<ControlApi, "getCluster">;
  readonly clock: Clock;
}): Promise<string> {
  const { cluster } = await control.getCluster({});
  const wanted = cluster?.meta?.version?.index ?? 0;
  const untilMs = clock.monotonic() + waitMaxMs;
  for (;;) {
    const own = store.view().cluster();
    if ((own?.meta?.version?.index ?? 0) >= wanted) return own?.unlockKey ?? "";
    if (clock.monotonic() > untilMs) {
      throw new ClusterError("UNAVAILABLE", "this manager is behind the leader; ask another one");
    }
    await sleep(clock, pollMs);
  }
}
