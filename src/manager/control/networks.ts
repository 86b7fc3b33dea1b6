import { ClusterError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { parseSubnet, subnetsOverlap } from "../../base/ip.ts";
import type { IpamOptions } from "../../gen/skep/IpamOptions.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { NetworkSpec } from "../../gen/skep/NetworkSpec.ts";
import type { Task } from "../../gen/skep/Task.ts";
import { isAttachment } from "../../model/attachment.ts";
import { atLeast, isTerminal } from "../../model/task-state.ts";
import { validateNetworkSpec } from "../../model/validate/network.ts";
import { invalid } from "../../model/validate/refuse.ts";
import type { StoreView } from "../../store/store-view.ts";
import { nameConflict } from "./file-objects.ts";
import { matchesAnnotated } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { freedName } from "./removed-name.ts";
import { isLeaving, required, resolve } from "./resolve.ts";

type NetworkMethods = Pick<
  ControlMethods,
  "getNetwork" | "listNetworks" | "createNetwork" | "removeNetwork"
>;

/** Control of networks. */
export function networkMethods({ store, readBarrier, random }: ControlDeps): NetworkMethods {
  return {
    async getNetwork({ ref }) {
      await readBarrier();
      return { network: resolve(store.view(), "network", ref) };
    },
    async listNetworks({ filters }) {
      await readBarrier();
      const networks = [...store.view().all("network")].filter(
        (network) =>
          !isLeaving(network) && matchesAnnotated(filters, network.id, network.spec?.annotations),
      );
      return { networks };
    },
    async createNetwork({ spec }) {
      const wanted = required(spec, "the network's spec");
      validateNetworkSpec(wanted);
      const id = newId(random);
      await store.update((tx) => {
        const name = wanted.annotations?.name ?? "";
        if (tx.byName("network", name) !== undefined) throw nameConflict("network", name);
        if (wanted.ingress) checkNoIngress(tx);
        checkSubnetFree(tx, wanted);
        tx.create("network", { id, spec: wanted });
      });
      return { network: store.view().get("network", id) ?? null };
    },
    async removeNetwork({ ref }) {
      await store.update((tx) => {
        const network = resolve(tx, "network", ref);
        checkUnused(tx, network);
        if (hasEndingTasks(tx, network.id)) {
          // The network reaper removes it after its last task; its name is free at once.
          tx.update("network", { ...network, pendingDelete: true, spec: freedName(network) });
        } else {
          tx.remove("network", network.id);
        }
      });
      return {};
    },
  };
}

/** Whether tasks that have not ended are attached to the network. */
export function hasEndingTasks(view: StoreView, networkId: string): boolean {
  for (const task of view.all("task")) {
    if (isTerminal(task.status?.state ?? "NEW")) continue;
    if (task.networks.some((attachment) => attachment.networkId === networkId)) return true;
  }
  return false;
}

function checkNoIngress(view: StoreView): void {
  for (const network of view.all("network")) {
    if (network.spec?.ingress === true && !isLeaving(network)) {
      const name = network.spec.annotations?.name ?? network.id;
      throw new ClusterError("ALREADY_EXISTS", `ingress network (${name}) is already present`);
    }
  }
}

// The allocator would refuse it too, but later, and to the tasks. A network that is leaving gives its addresses back soon.
function checkSubnetFree(view: StoreView, wanted: NetworkSpec): void {
  const text = subnetOf(wanted.ipam);
  if (text === "") return;
  const subnet = parseSubnet(text);
  for (const network of view.all("network")) {
    const other = subnetOf(network.ipam) || subnetOf(network.spec?.ipam);
    if (isLeaving(network) || other === "") continue;
    if (!subnetsOverlap(parseSubnet(other), subnet)) continue;
    const name = network.spec?.annotations?.name ?? network.id;
    throw invalid(`subnet ${text}`, `it overlaps with ${other} of network ${name}`);
  }
}

function subnetOf(ipam: IpamOptions | null | undefined): string {
  return ipam?.configs[0]?.subnet ?? "";
}

function checkUnused(view: StoreView, network: Network): void {
  const user = view.servicesUsingNetwork(network.id).find((service) => !isLeaving(service));
  if (user !== undefined) {
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `network ${network.id} is in use by service ${user.id}`,
    );
  }
  for (const task of view.tasksOfService("")) {
    // Docker's words.
    if (isAttachment(task) && isMeantFor(task, network.id)) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `network ${network.id} is in use by task ${task.id}`,
      );
    }
  }
  if (network.spec?.ingress !== true) return;
  for (const service of view.all("service")) {
    const ports = service.spec?.endpoint?.ports ?? [];
    if (!isLeaving(service) && ports.some((port) => port.publishMode === "INGRESS")) {
      throw new ClusterError(
        "FAILED_PRECONDITION",
        `ingress network cannot be removed because service ${service.id} depends on it`,
      );
    }
  }
}

function isMeantFor({ spec, status, desiredState }: Task, networkId: string): boolean {
  if (isTerminal(status?.state ?? "NEW") || atLeast(desiredState, "SHUTDOWN")) return false;
  return spec?.networks.some(({ target }) => target === networkId) ?? false;
}
