import { errorMessage } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import type { ContainerSpec } from "../../runtime/container-spec.ts";
import type { ReusableContainers } from "../../runtime/reusable-containers.ts";
import type { ContainerVolumes } from "./container-volumes.ts";
import type { HandMadeRecord } from "./hand-made-record.ts";
import { type LaunchNetworkDeps, openNetwork } from "./launch-network.ts";
import { planLaunch } from "./plan-launch.ts";

/** What one container needs of the runtime. */
export type HandMadeRuntime = Pick<
  ContainerRuntime,
  "find" | "info" | "spec" | "wait" | "stop" | "kill" | "remove" | "exec"
> & {
  readonly reusable: Pick<
    ReusableContainers,
    "launch" | "reset" | "pause" | "unpause" | "isPaused"
  >;
};

export interface RunDeps extends LaunchNetworkDeps {
  readonly runtime: HandMadeRuntime;
  readonly volumes: ContainerVolumes;
  readonly log: Logger;
}

/** Makes mounts and network of one run ready. After an error `releaseRun` takes back what was made. */
export async function prepareRun(record: HandMadeRecord, deps: RunDeps): Promise<ContainerSpec> {
  const { id, config } = record;
  const { layerPaths } = deps.runtime.spec(id);
  const mounts = await deps.volumes.prepare({
    containerId: id,
    layerPaths,
    mounts: config.mounts,
    imageVolumes: config.volumes,
  });
  const network = await openNetwork(record, deps);
  return planLaunch({ record, layerPaths, mounts, network });
}

/** Gives back what a container holds only while it runs. Nothing of it may keep its end from being noted. */
export async function releaseRun(id: string, deps: RunDeps): Promise<void> {
  const { runtime, networks, volumes, log } = deps;
  const steps = [
    () => runtime.reusable.reset(id),
    () => networks.close(id),
    () => volumes.release(id),
  ];
  for (const step of steps) {
    await step().catch((error: unknown) => {
      log.warn(
        { containerId: id, err: errorMessage(error) },
        "a container was not wholly released",
      );
    });
  }
}

/** Takes away all of a container but its record. What is gone already is no error. */
export async function removeFromHost(id: string, deps: RunDeps): Promise<void> {
  const { runtime, networks, volumes } = deps;
  await networks.close(id);
  if (runtime.find(id) !== undefined) await runtime.remove(id, { force: true });
  await volumes.release(id);
}
