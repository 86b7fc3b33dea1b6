import { must } from "../../src/base/assert.ts";
import { systemClock } from "../../src/base/clock.ts";
import { errorMessage } from "../../src/base/errors.ts";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { LocalNetworks } from "../../src/daemon/local-networks.ts";
import { DnsServer } from "../../src/dns/server.ts";
import { defaultAddressPools, parseAddressPool } from "../../src/overlay/local/address-pool.ts";
import { LocalOverlay } from "../../src/overlay/local/local-overlay.ts";
import type { LocalNetworkHostOptions } from "./local-network-host.ts";

// The program of LocalNetworkHost: local networks and a DnsServer in this process's network namespace.

const log: Logger = {
  ...silentLogger,
  error: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => log,
};
let running: { local: LocalOverlay; networks: LocalNetworks } | undefined;

async function start(options: LocalNetworkHostOptions): Promise<void> {
  const { execRoot, dataFolder, nameServers, pools, published } = options;
  const [clock, random] = [systemClock, systemRandom];
  const local = new LocalOverlay({
    ...{ execRoot, dataFolder, instance: "t", clock, random, log },
    pools: pools.length === 0 ? defaultAddressPools : pools.map(parseAddressPool),
    avoided: () => ["10.0.0.0/8"],
    isPublished: (protocol, port) => published.includes(`${protocol}/${port}`),
  });
  await local.start();
  const dns = new DnsServer({ upstreams: () => nameServers, clock, random, log });
  const emit = () => {};
  const swarmNetworks = () => [{ id: "swarmnet", name: "front" }];
  const noOverlay = {
    guests: () => new Map(),
    connectGuest: async () => {},
    disconnectGuest: async () => {},
  };
  const networks = new LocalNetworks({
    ...{ local, dns, nameServers, swarmNetworks, emit, log },
    overlay: noOverlay,
    isMember: () => false,
    worker: () => undefined,
    clock,
  });
  running = { local, networks };
}

async function answer(name: string, args: readonly unknown[]): Promise<unknown> {
  if (name === "start") return start(args[0] as LocalNetworkHostOptions);
  const { local, networks } = must(running, "start");
  if (name === "repair") return local.repair();
  if (name === "keepOnly") return networks.keepOnly(new Set(args[0] as string[]));
  const method = networks[name as "open"] as (...given: readonly unknown[]) => unknown;
  return method.apply(networks, [...args]);
}

process.on("message", (message) => {
  const { id, name, args } = message as { id: number; name: string; args: readonly unknown[] };
  answer(name, args).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: errorMessage(error) }),
  );
});
process.on("disconnect", () => process.exit());
