import { isDeepStrictEqual } from "node:util";
import type { EndpointAssignment } from "../../gen/skep/EndpointAssignment.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceAssignment } from "../../gen/skep/ServiceAssignment.ts";
import type { StoreEvent } from "../../store/objects.ts";
import type { StoreView } from "../../store/store-view.ts";
import {
  endpointsOfNode,
  endpointsOfTask,
  hasIngressPorts,
  type ItemKey,
  networksOfService,
  serviceItem,
} from "./assignment-items.ts";

/** Whom an item concerns: the nodes of a network, one node, or all nodes. */
export type Scope = `network/${string}` | `node/${string}` | "all";

/** An item that has to be looked at again for the nodes of the scope. */
export interface Touched {
  readonly scope: Scope;
  readonly key: ItemKey;
}

interface IndexedService {
  readonly item: ServiceAssignment;
  readonly scopes: ReadonlySet<Scope>;
}

const noKeys: ReadonlySet<ItemKey> = new Set();

/**
 * Endpoints and services of the whole cluster by network, kept up to date event by event, so that a change costs what it changes
 * and not what there is.
 */
export class AssignmentIndex {
  readonly #endpoints = new Map<string, EndpointAssignment>();
  readonly #services = new Map<string, IndexedService>();
  readonly #keysOfScope = new Map<Scope, Set<ItemKey>>();
  readonly #ingressNetworks = new Set<string>();

  /** Starts over with everything that is there. */
  reset(view: StoreView): void {
    this.#endpoints.clear();
    this.#services.clear();
    this.#keysOfScope.clear();
    this.#ingressNetworks.clear();
    const touched: Touched[] = [];
    for (const network of view.all("network")) {
      if (network.spec?.ingress === true) this.#ingressNetworks.add(network.id);
    }
    for (const service of view.all("service")) this.#putService(service, touched);
    for (const node of view.all("node")) this.#swap([], endpointsOfNode(node), touched);
    for (const task of view.all("task")) {
      this.#swap([], endpointsOfTask(task, view.get("node", task.nodeId)), touched);
    }
  }

  endpoint(id: string): EndpointAssignment | undefined {
    return this.#endpoints.get(id);
  }

  service(id: string): IndexedService | undefined {
    return this.#services.get(id);
  }

  get ingressNetworks(): ReadonlySet<string> {
    return this.#ingressNetworks;
  }

  /** Endpoints and services that nodes of this scope must know. */
  keysOf(scope: Scope): ReadonlySet<ItemKey> {
    return this.#keysOfScope.get(scope) ?? noKeys;
  }

  /** Takes in one change; what has to be looked at again. `view` shows the state after it. */
  apply(event: StoreEvent, view: StoreView): Touched[] {
    const touched: Touched[] = [];
    switch (event.table) {
      case "task": {
        const { kind, object, previous } = event;
        const idsBefore = (previous?.networks ?? []).map(
          ({ networkId }) => `${networkId}/${object.id}`,
        );
        const node = view.get("node", object.nodeId);
        this.#swap(idsBefore, kind === "remove" ? [] : endpointsOfTask(object, node), touched);
        break;
      }
      case "node":
        this.#applyNode(event, view, touched);
        break;
      case "service":
        this.#removeService(event.object.id, touched);
        if (event.kind !== "remove") this.#putService(event.object, touched);
        break;
      case "network": {
        const isIngress = event.kind !== "remove" && event.object.spec?.ingress === true;
        if (isIngress) this.#ingressNetworks.add(event.object.id);
        else this.#ingressNetworks.delete(event.object.id);
        touched.push({ scope: "all", key: `network/${event.object.id}` });
        break;
      }
      case "secret":
      case "config":
        touched.push({ scope: "all", key: `${event.table}/${event.object.id}` });
        break;
      case "cluster":
        break;
    }
    return touched;
  }

  #applyNode(
    event: Extract<StoreEvent, { table: "node" }>,
    view: StoreView,
    touched: Touched[],
  ): void {
    const { kind, object, previous } = event;
    const node = kind === "remove" ? undefined : object;
    const idsBefore = previous === undefined ? [] : endpointsOfNode(previous).map(({ id }) => id);
    this.#swap(idsBefore, node === undefined ? [] : endpointsOfNode(node), touched);
    const movedTo = node?.description?.dataPathAddress;
    if (previous?.description?.dataPathAddress !== movedTo) {
      for (const task of view.tasksOfNode(object.id)) {
        this.#swap([], endpointsOfTask(task, node), touched);
      }
    }
    for (const { networkId } of [...(previous?.attachments ?? []), ...object.attachments]) {
      touched.push({ scope: `node/${object.id}`, key: `network/${networkId}` });
    }
  }

  #swap(
    idsBefore: readonly string[],
    after: readonly EndpointAssignment[],
    touched: Touched[],
  ): void {
    const idsAfter = new Set(after.map(({ id }) => id));
    for (const id of idsBefore) {
      const old = this.#endpoints.get(id);
      if (idsAfter.has(id) || old === undefined) continue;
      this.#endpoints.delete(id);
      this.#unlink(`network/${old.networkId}`, `endpoint/${id}`, touched);
    }
    for (const endpoint of after) {
      if (isDeepStrictEqual(this.#endpoints.get(endpoint.id), endpoint)) continue;
      this.#endpoints.set(endpoint.id, endpoint);
      this.#link(`network/${endpoint.networkId}`, `endpoint/${endpoint.id}`, touched);
    }
  }

  #putService(service: Service, touched: Touched[]): void {
    const scopes = new Set<Scope>(
      [...networksOfService(service)].map((id): Scope => `network/${id}`),
    );
    if (hasIngressPorts(service)) scopes.add("all");
    this.#services.set(service.id, { item: serviceItem(service), scopes });
    for (const scope of scopes) this.#link(scope, `service/${service.id}`, touched);
  }

  #removeService(id: string, touched: Touched[]): void {
    for (const scope of this.#services.get(id)?.scopes ?? []) {
      this.#unlink(scope, `service/${id}`, touched);
    }
    this.#services.delete(id);
  }

  #link(scope: Scope, key: ItemKey, touched: Touched[]): void {
    const keys = this.#keysOfScope.get(scope);
    if (keys === undefined) this.#keysOfScope.set(scope, new Set([key]));
    else keys.add(key);
    touched.push({ scope, key });
  }

  #unlink(scope: Scope, key: ItemKey, touched: Touched[]): void {
    const keys = this.#keysOfScope.get(scope);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOfScope.delete(scope);
    touched.push({ scope, key });
  }
}
