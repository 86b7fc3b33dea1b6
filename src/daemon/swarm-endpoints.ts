import { createHash } from "node:crypto";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError, isClusterError } from "../base/errors.ts";
import { addressOf, macOf, parseSubnet } from "../base/ip.ts";
import { freeLink } from "../overlay/local/plan-new-endpoint.ts";
import type { Overlay } from "../overlay/overlay.ts";
import { fromCluster } from "../rest/http/http-error.ts";
import type { AssignmentSet } from "../worker/agent/assignment-set.ts";
import type { Endpoint, EndpointRequest } from "../worker/containers/local-network-port.ts";
import type { GivenPlace, SwarmPlaces } from "../worker/executor/attachment-tasks.ts";
import type { Worker } from "../worker/worker.ts";

/** A container's place on a network of the swarm. */
export interface SwarmEndpoint extends Endpoint {
  /** Name of the link in the container. */
  readonly link: string;
  readonly internal: boolean;
}

export interface SwarmEndpointsDeps {
  readonly overlay: Pick<Overlay, "connectGuest" | "disconnectGuest" | "guests">;
  /** Whether the node belongs to a swarm; its worker may have to start yet. */
  readonly isMember: () => boolean;
  readonly swarmNetworks: () => readonly { readonly id: string; readonly name: string }[];
  /** Undefined while the node is in no swarm, or its worker has not started. */
  readonly worker: () => Pick<Worker, "attachments" | "assigned"> | undefined;
  readonly clock: Clock;
  /** The swarm took a container off a network. */
  readonly onDropped: (containerId: string, endpoint: SwarmEndpoint) => Promise<void>;
}

const shortIdLength = 12;
const startMs = 20_000;
const startPollMs = 50;

/** The places that containers which people made have on networks of the swarm. What is linked is kept by the overlay, over restarts too. */
export class SwarmEndpoints implements SwarmPlaces {
  readonly #deps: SwarmEndpointsDeps;

  constructor(deps: SwarmEndpointsDeps) {
    this.#deps = deps;
  }

  get isMember(): boolean {
    return this.#deps.isMember();
  }

  /** What the leader has told; undefined before it is known. */
  assigned(): AssignmentSet | undefined {
    return this.#deps.worker()?.assigned();
  }

  /** The places the container is linked to now. */
  of(containerId: string): readonly SwarmEndpoint[] {
    const guest = this.#deps.overlay.guests().get(containerId);
    const assigned = this.assigned();
    return (guest?.attachments ?? []).map(({ networkId, address, link, taskId }) => {
      const network = assigned?.network.get(networkId);
      const task = assigned?.task.get(taskId);
      const ip = addressOf(address);
      return {
        network: network?.name ?? networkId,
        networkId,
        endpointId: createHash("sha256").update(`${taskId}/${networkId}`).digest("hex"),
        ip,
        prefixLength: parseSubnet(address).prefix,
        gateway: "",
        mac: macOf(ip),
        aliases: task?.networks[0]?.aliases ?? [],
        link,
        internal: network?.internal ?? false,
      };
    });
  }

  /** Asks the swarm for a place; `settle` must follow. Docker's text with the leader's reason; INVALID_ARGUMENT for a hardware address. */
  async attach(
    container: { readonly id: string; readonly name: string },
    { network: ref, aliases, ip = "", mac = "" }: EndpointRequest,
  ): Promise<GivenPlace> {
    // By its name, as people read it in what is refused.
    const network = this.#deps.swarmNetworks().find(({ id }) => id === ref)?.name ?? ref;
    const worker = await this.#started();
    if (worker === undefined) throw new ClusterError("NOT_FOUND", `network ${network} not found`);
    if (mac !== "") {
      throw new ClusterError(
        "INVALID_ARGUMENT",
        `network ${network} of the swarm gives hardware addresses itself: leave the MAC address away`,
      );
    }
    try {
      return await worker.attachments.attach({
        containerId: container.id,
        containerName: container.name,
        network,
        aliases: [...aliases, container.id.slice(0, shortIdLength)],
        address: ip,
      });
    } catch (error) {
      const code = isClusterError(error) ? error.code : "INTERNAL";
      const reason = fromCluster(error).message;
      const text = `Could not attach to network ${network}: ${reason}`;
      throw new ClusterError(code, text, { cause: error });
    }
  }

  /** Places on all of these networks, in their order, or on none. Errors of `attach`. */
  async attachAll(
    container: { readonly id: string; readonly name: string },
    wishes: readonly EndpointRequest[],
  ): Promise<readonly GivenPlace[]> {
    const places: GivenPlace[] = [];
    try {
      for (const wish of wishes) places.push(await this.attach(container, wish));
    } catch (error) {
      for (const place of places) this.settle(place);
      throw error;
    }
    return places;
  }

  /** A running container joins one more. `links`: the names of the links that it has from elsewhere. Resolves with the network's id. */
  async connect(
    container: { readonly id: string; readonly name: string },
    namespacePath: string,
    wish: EndpointRequest,
    links: readonly string[],
  ): Promise<string> {
    const { id } = container;
    const place = await this.attach(container, wish);
    try {
      const own = this.of(id).map(({ link }) => link);
      await this.link(id, namespacePath, place, freeLink([...links, ...own]));
    } finally {
      this.settle(place);
    }
    return place.networkId;
  }

  /** Links the container's namespace to the place. */
  async link(containerId: string, namespacePath: string, place: GivenPlace, link: string) {
    const { networkId, address, taskId } = place;
    const attachment = { networkId, address, taskId, link };
    await this.#deps.overlay.connectGuest(containerId, namespacePath, attachment);
  }

  /** The place is linked, or is not wanted any more. */
  settle({ taskId }: GivenPlace): void {
    this.#deps.worker()?.attachments.settle(taskId);
  }

  /** Gives up the container's place on the network, or all of them; what it had. Absent is no error. */
  async release(containerId: string, networkId?: string): Promise<readonly SwarmEndpoint[]> {
    const gone = this.of(containerId).filter(
      (endpoint) => networkId === undefined || endpoint.networkId === networkId,
    );
    const errors: unknown[] = [];
    for (const endpoint of gone) {
      const leaving = this.#deps.overlay.disconnectGuest(containerId, endpoint.networkId);
      await leaving.catch((error: unknown) => errors.push(error));
    }
    this.#deps.worker()?.attachments.released(containerId);
    if (errors.length > 0) throw errors[0];
    return gone;
  }

  /** Gives up the places of all others: their containers ended while the daemon was away. */
  async keepOnly(containerIds: ReadonlySet<string>): Promise<void> {
    const others = [...this.#deps.overlay.guests().keys()].filter((id) => !containerIds.has(id));
    for (const id of others) await this.release(id);
  }

  holds(containerId: string, taskId: string): boolean {
    return this.#placeOf(containerId, taskId) !== undefined;
  }

  async drop(containerId: string, taskId: string): Promise<void> {
    const place = this.#placeOf(containerId, taskId);
    if (place === undefined) return;
    const endpoint = this.of(containerId).find(({ networkId }) => networkId === place.networkId);
    await this.#deps.overlay.disconnectGuest(containerId, place.networkId);
    if (endpoint !== undefined) await this.#deps.onDropped(containerId, endpoint);
  }

  // Containers that start with the daemon are faster than their swarm.
  async #started(): Promise<Pick<Worker, "attachments"> | undefined> {
    const { worker, isMember, clock } = this.#deps;
    const untilMs = clock.monotonic() + startMs;
    while (worker() === undefined && isMember() && clock.monotonic() < untilMs) {
      await sleep(clock, startPollMs);
    }
    return worker();
  }

  #placeOf(containerId: string, taskId: string) {
    const guest = this.#deps.overlay.guests().get(containerId);
    return guest?.attachments.find((attachment) => attachment.taskId === taskId);
  }
}
