import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { randomName } from "../rest/random-name.ts";
import { HandMadeContainers } from "../worker/containers/hand-made-containers.ts";
import type { HostParts } from "./host-parts.ts";
import type { LocalEvents } from "./local-events.ts";
import type { StateDir } from "./state-dir.ts";

export interface HandMadePartsDeps {
  readonly host: HostParts;
  readonly state: StateDir;
  readonly events: LocalEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Takes over the containers that people made on this node. Those that shall run from now on are started without waiting. */
export async function openHandMade(deps: HandMadePartsDeps): Promise<HandMadeContainers> {
  const { host, state, events, clock, random } = deps;
  const handMade = await HandMadeContainers.open(
    { folder: state.handMade },
    {
      runtime: host.runtime,
      images: host.images,
      volumes: host.volumes,
      networks: host.localNetworks,
      randomName: () => randomName(random),
      onEvent: (action, { id, name, config }, extra) =>
        events.emit("container", action, id, {
          ...config.labels,
          image: config.image,
          name,
          ...extra,
        }),
      clock,
      random,
      log: deps.log.child({ module: "containers" }),
    },
  );
  const running = handMade.list().filter(({ isRunning }) => isRunning);
  // What others had is given up: they ended while no daemon was there.
  await host.localNetworks.keepOnly(new Set(running.map(({ record }) => record.id)));
  handMade.startWithDaemon();
  return handMade;
}
