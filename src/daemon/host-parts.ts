import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { DnsServer } from "../dns/server.ts";
import { ImageStore } from "../image/image-store.ts";
import { LocalOverlay } from "../overlay/local/local-overlay.ts";
import { Overlay } from "../overlay/overlay.ts";
import { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { VolumeUser } from "../worker/volumes/volume-users.ts";
import { type OnVolume, Volumes } from "../worker/volumes/volumes.ts";
import type { Worker } from "../worker/worker.ts";
import type { DaemonConfig } from "./config.ts";
import { LocalNetworks, type OnNetwork } from "./local-networks.ts";
import type { StateDir } from "./state-dir.ts";
import { type SwarmAddresses, swarmSubnets } from "./swarm-networks.ts";

/** What this host can do, whether or not it is in a cluster. */
export interface HostParts {
  readonly images: ImageStore;
  readonly runtime: ContainerRuntime;
  readonly overlay: Overlay;
  readonly localNetworks: LocalNetworks;
  readonly dns: DnsServer;
  readonly volumes: Volumes;
  /** Lets go of everything; containers and their networks go on. */
  close(): Promise<void>;
}

export interface HostPartsOptions {
  readonly config: DaemonConfig;
  readonly state: StateDir;
  /** Unique on the host; names links and tables. */
  readonly instance: string;
  /** Address that VXLAN traffic to this node goes to; "" while in no cluster. */
  readonly dataPathAddress: () => string;
  readonly onVolume: OnVolume;
  /** The swarm's networks and address pools, as far as this node knows them. */
  readonly swarmNetworks: () => SwarmAddresses;
  /** Whether the node belongs to a cluster; its worker may have to start yet. */
  readonly isMember: () => boolean;
  /** Undefined while in no cluster, or not started. */
  readonly worker: () => Worker | undefined;
  readonly onNetwork: OnNetwork;
}

/** Opens images, runtime, networks, resolver and volumes; adopts what an earlier daemon left running. */
export async function openHostParts(
  { config, state, instance, dataPathAddress, ...told }: HostPartsOptions,
  { clock, random, log }: { clock: Clock; random: Random; log: Logger },
): Promise<HostParts> {
  await mkdir(config.execRoot, { recursive: true, mode: 0o700 });
  let opened: ContainerRuntime | undefined;
  const images = await ImageStore.open({
    root: state.images,
    clock,
    log: log.child({ module: "image" }),
    insecureRegistries: config.insecureRegistries,
    usedLayerPaths: () => opened?.layerPathsInUse() ?? [],
  });
  const runtime = await ContainerRuntime.open({
    dataRoot: state.containers,
    execRoot: join(config.execRoot, "r"),
    cgroupParent: config.cgroupParent,
    clock,
    random,
    log: log.child({ module: "runtime" }),
  });
  opened = runtime;
  let local: LocalOverlay | undefined;
  const overlay = new Overlay({
    execRoot: config.execRoot,
    instance,
    dataPathAddress,
    bridgeSubnet: config.bridgeSubnet,
    isPortHeld: (protocol, port) => local?.sandboxes.hasPort(protocol, port) ?? false,
    clock,
    log: log.child({ module: "overlay" }),
  });
  await overlay.start();
  const dns = new DnsServer({
    upstreams: () => (config.dns.length > 0 ? config.dns : hostNameServers()),
    clock,
    random,
    log: log.child({ module: "dns" }),
  });
  const networkLog = log.child({ module: "local-network" });
  local = new LocalOverlay({
    execRoot: config.execRoot,
    dataFolder: state.networks,
    instance,
    pools: config.addressPools,
    avoided: () => [config.bridgeSubnet, ...swarmSubnets(told.swarmNetworks())],
    isPublished: (protocol, port) => overlay.isPublished(protocol, port),
    clock,
    random,
    log: networkLog,
  });
  await local.start();
  const localNetworks = new LocalNetworks({
    local,
    overlay,
    isMember: told.isMember,
    worker: told.worker,
    clock,
    dns,
    nameServers: config.dns,
    swarmNetworks: () => told.swarmNetworks().networks,
    emit: told.onNetwork,
    log: networkLog,
  });
  const volumes = new Volumes(
    { root: state.volumes, execRoot: join(config.execRoot, "v") },
    {
      users: () => volumeUsers(runtime),
      onVolume: told.onVolume,
      clock,
      log: log.child({ module: "volumes" }),
    },
  );
  await volumes.sweep();
  return {
    images,
    runtime,
    overlay,
    localNetworks,
    dns,
    volumes,
    async close() {
      await dns.stop();
      await local?.stop();
      await overlay.stop();
      await runtime.close();
    },
  };
}

function volumeUsers(runtime: ContainerRuntime): VolumeUser[] {
  return runtime.list().map(({ id, state }) => ({
    containerId: id,
    volumes: runtime.spec(id).mounts.flatMap(({ volume }) => volume ?? []),
    isActive: state !== "exited",
  }));
}

function hostNameServers(): string[] {
  try {
    const lines = readFileSync("/etc/resolv.conf", "utf8").split("\n");
    return lines.flatMap((line) => /^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/.exec(line)?.[1] ?? []);
  } catch {
    return [];
  }
}
