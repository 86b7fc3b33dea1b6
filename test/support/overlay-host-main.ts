import { must } from "../../src/base/assert.ts";
import { systemClock } from "../../src/base/clock.ts";
import { errorMessage } from "../../src/base/errors.ts";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { DnsServer } from "../../src/dns/server.ts";
import { buildZone } from "../../src/dns/zone.ts";
import { Overlay } from "../../src/overlay/overlay.ts";
import type { OverlayHostCalls } from "./overlay-host.ts";

// The program of OverlayHost: one Overlay and one DnsServer in this process's network namespace.

type Calls = {
  [K in keyof OverlayHostCalls]: (
    ...args: Parameters<OverlayHostCalls[K]>
  ) => ReturnType<OverlayHostCalls[K]> | Promise<ReturnType<OverlayHostCalls[K]>>;
};

const log: Logger = {
  ...silentLogger,
  error: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => log,
};
let running: { overlay: Overlay; dns: DnsServer } | undefined;
const overlay = () => must(running, "overlay").overlay;

const calls: Calls = {
  async start({ execRoot, dataPathAddress, upstreams }) {
    const made = new Overlay({
      execRoot,
      instance: "t",
      bridgeSubnet: "172.18.0.0/16",
      dataPathAddress: () => dataPathAddress,
      clock: systemClock,
      log,
    });
    const dns = new DnsServer({
      upstreams: () => upstreams,
      clock: systemClock,
      random: systemRandom,
      log,
    });
    await made.start();
    running = { overlay: made, dns };
  },
  apply: (state) => overlay().apply(state),
  createSandbox: ({ id, attachments, options }) =>
    overlay().createSandbox(id, attachments, options),
  removeSandbox: (id) => overlay().removeSandbox(id),
  sandboxes: () => overlay().sandboxes(),
  repair: () => overlay().repair(),
  async addNames({ id, path, zone }) {
    const built = buildZone(zone);
    await must(running, "dns").dns.addSandbox(id, path, () => built);
  },
  portConflicts: () => [...overlay().portConflicts()],
  async removeAll() {
    await must(running, "dns").dns.stop();
    await overlay().removeAll();
  },
};

process.on("message", (message) => {
  const { id, name, argument } = message as {
    id: number;
    name: keyof Calls;
    argument: never;
  };
  const run = async () => (calls[name] as (argument: never) => unknown)(argument);
  run().then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => {
      const cause = error instanceof Error ? error.cause : undefined;
      const more = cause === undefined ? "" : `: ${errorMessage(cause)}`;
      process.send?.({ id, error: `${errorMessage(error)}${more}` });
    },
  );
});
process.on("disconnect", () => process.exit());
