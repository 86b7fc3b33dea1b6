import { isDeepStrictEqual } from "node:util";
import type { Endpoint } from "../../gen/skep/Endpoint.ts";
import type { Network } from "../../gen/skep/Network.ts";
import type { NetworkAttachment } from "../../gen/skep/NetworkAttachment.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { StoreView } from "../../store/store-view.ts";
import { allocateNetwork, isAllocated, isOverlay } from "./allocate-network.ts";
import { allocateEndpoint } from "./allocate-service.ts";
import { allocateAttachments, awaitsAllocation } from "./allocate-task.ts";
import { holdingsIn } from "./holdings.ts";
import { Ledger } from "./ledger.ts";
import { PassNetworks } from "./pass-networks.ts";

/** What the allocator gives to objects, to be written to the store. */
export type Grant =
  | { readonly kind: "network"; readonly id: string; readonly network: Network }
  | { readonly kind: "node"; readonly id: string; readonly attachments: NetworkAttachment[] }
  | {
      readonly kind: "service";
      readonly id: string;
      readonly specVersion: number;
      readonly endpoint: Endpoint;
    }
  | {
      readonly kind: "task";
      readonly id: string;
      readonly attachments: NetworkAttachment[];
      readonly endpoint: Endpoint | null;
    }
  /** The task goes on waiting, and says why. */
  | { readonly kind: "taskError"; readonly id: string; readonly err: string };

/** The tables the allocator looks at. */
export type AllocatedTable = "network" | "node" | "service" | "task";

/** Tasks granted in one pass, so that it stays short; the rest comes in the next. */
const tasksPerPassMax = 1000;

/**
 * Decides who gets what. It remembers what is given out (the ledger) and which objects changed or wait; everything else it reads from the
 * view it is given. Synchronous and without IO.
 */
export class Allocator {
  #ledger = new Ledger();
  readonly #dirty: Record<AllocatedTable, Set<string>> = emptySets();
  /** Objects that could not get what they need, and why. */
  readonly #waiting: Record<AllocatedTable, Map<string, string>> = {
    network: new Map(),
    node: new Map(),
    service: new Map(),
    task: new Map(),
  };
  readonly #report: (object: { table: AllocatedTable; id: string; reason: string }) => void;

  /** `report` is told why an object other than a task has to wait. */
  constructor(
    report: (object: { table: AllocatedTable; id: string; reason: string }) => void = () => {},
  ) {
    this.#report = report;
  }

  /** The object was made, changed or removed. */
  changed(table: AllocatedTable, id: string): void {
    this.#dirty[table].add(id);
  }

  /** Forgets everything and reads the whole store anew. */
  reset(view: StoreView): void {
    this.#ledger = new Ledger();
    for (const table of tables) {
      this.#dirty[table].clear();
      this.#waiting[table].clear();
      for (const object of view.all(table)) this.#dirty[table].add(object.id);
    }
    // Subnets first: addresses are held within them.
    for (const network of view.all("network")) this.#ledger.addNetwork(network);
  }

  /** There is something to look at. */
  get hasWork(): boolean {
    return tables.some((table) => this.#dirty[table].size > 0);
  }

  /** What to give out now. The caller writes the grants to the store and then calls `settle` with them. */
  pass(view: StoreView): Grant[] {
    const retry = this.#readChanges(view);
    const todo = (table: AllocatedTable): string[] => {
      const ids = new Set(this.#dirty[table]);
      this.#dirty[table].clear();
      if (retry) for (const id of this.#waiting[table].keys()) ids.add(id);
      return [...ids];
    };
    const networks = new PassNetworks(view);
    const endpoints = new Map<string, Endpoint>();
    return [
      ...this.#allocateNetworks(view, todo("network"), networks),
      ...this.#allocateNodes(view, todo("node"), networks),
      ...this.#allocateServices(view, todo("service"), networks, endpoints),
      ...this.#allocateTasks(view, todo("task"), networks, endpoints),
    ];
  }

  /** After the grants were written, or were not: the ledger again says what the store says. */
  settle(view: StoreView, grants: readonly Grant[]): void {
    for (const grant of grants) {
      if (grant.kind === "network") {
        const network = view.get("network", grant.id);
        if (network === undefined || !isAllocated(network)) this.#ledger.removeNetwork(grant.id);
      } else if (grant.kind !== "taskError") {
        this.#hold(view, grant.kind, grant.id);
      }
    }
  }

  /** Follows the changed objects in the ledger; true when what was refused before may succeed now. */
  #readChanges(view: StoreView): boolean {
    let retry = false;
    for (const id of this.#dirty.network) {
      const network = view.get("network", id);
      if (network === undefined) this.#ledger.removeNetwork(id);
      else this.#ledger.addNetwork(network);
      retry = true;
    }
    if (this.#dirty.service.size > 0) retry = true;
    for (const table of ["node", "service", "task"] as const) {
      for (const id of this.#dirty[table]) if (this.#hold(view, table, id)) retry = true;
    }
    return retry;
  }

  #hold(view: StoreView, table: "node" | "service" | "task", id: string): boolean {
    return this.#ledger.setHoldings(id, holdingsIn(view, table, id));
  }

  #allocateNetworks(view: StoreView, ids: readonly string[], networks: PassNetworks): Grant[] {
    const grants: Grant[] = [];
    for (const id of ids) {
      const network = view.get("network", id);
      this.#waiting.network.delete(id);
      if (network === undefined || network.pendingDelete) continue;
      if (!isOverlay(network) || isAllocated(network)) continue;
      const outcome = allocateNetwork(network, view.cluster(), this.#ledger);
      if ("refused" in outcome) this.#wait("network", id, outcome.refused);
      else {
        networks.add(outcome.given);
        grants.push({ kind: "network", id, network: outcome.given });
        if (network.spec?.ingress)
          for (const node of view.all("node")) this.changed("node", node.id);
      }
    }
    return grants;
  }

  #allocateNodes(view: StoreView, ids: readonly string[], networks: PassNetworks): Grant[] {
    const { ingress } = networks;
    const grants: Grant[] = [];
    for (const id of ids) {
      const node = view.get("node", id);
      this.#waiting.node.delete(id);
      if (node === undefined || ingress === undefined) continue;
      const current = node.attachments.map(({ networkId }) => networkId);
      if (current.length === 1 && current[0] === ingress.id) continue;
      const address = this.#ledger.takeAddress(ingress.id, id);
      if (address === undefined) this.#wait("node", id, "the ingress network has no free address");
      else {
        const attachment = { networkId: ingress.id, addresses: [address], aliases: [] };
        grants.push({ kind: "node", id, attachments: [attachment] });
      }
    }
    return grants;
  }

  #allocateServices(
    view: StoreView,
    ids: readonly string[],
    networks: PassNetworks,
    endpoints: Map<string, Endpoint>,
  ): Grant[] {
    const grants: Grant[] = [];
    for (const id of ids) {
      const service = view.get("service", id);
      this.#waiting.service.delete(id);
      if (service === undefined || service.pendingDelete) continue;
      const outcome = allocateEndpoint(service, networks, this.#ledger);
      if ("refused" in outcome) {
        this.#hold(view, "service", id);
        this.#wait("service", id, outcome.refused);
      } else if (!isDeepStrictEqual(outcome.given, service.endpoint)) {
        endpoints.set(id, outcome.given);
        const specVersion = service.specVersion?.index ?? 0;
        grants.push({ kind: "service", id, specVersion, endpoint: outcome.given });
      }
    }
    return grants;
  }

  #allocateTasks(
    view: StoreView,
    ids: readonly string[],
    networks: PassNetworks,
    endpoints: ReadonlyMap<string, Endpoint>,
  ): Grant[] {
    const grants: Grant[] = [];
    for (const id of ids) {
      if (grants.length >= tasksPerPassMax) {
        this.#dirty.task.add(id);
        continue;
      }
      const task = view.get("task", id);
      this.#waiting.task.delete(id);
      if (task === undefined || !awaitsAllocation(task)) continue;
      const service = task.serviceId === "" ? undefined : view.get("service", task.serviceId);
      const waits = this.#waitsFor(task.serviceId, service, endpoints);
      const outcome =
        waits === undefined
          ? allocateAttachments(task, service, networks, this.#ledger)
          : { refused: waits };
      if ("refused" in outcome) {
        this.#hold(view, "task", id);
        this.#waiting.task.set(id, outcome.refused);
        if (task.status?.err !== outcome.refused) {
          grants.push({ kind: "taskError", id, err: outcome.refused });
        }
        continue;
      }
      const endpoint = endpoints.get(task.serviceId) ?? service?.endpoint ?? null;
      grants.push({ kind: "task", id, attachments: outcome.given, endpoint });
    }
    return grants;
  }

  /** Why the task's service keeps it waiting. */
  #waitsFor(
    serviceId: string,
    service: Service | undefined,
    endpoints: ReadonlyMap<string, Endpoint>,
  ): string | undefined {
    if (serviceId === "") return undefined;
    if (service === undefined) return "its service is not there";
    const reason = this.#waiting.service.get(serviceId);
    if (reason !== undefined) return reason;
    if (service.endpoint !== null || endpoints.has(serviceId)) return undefined;
    return "its service has no endpoint yet";
  }

  #wait(table: AllocatedTable, id: string, reason: string): void {
    if (this.#waiting[table].get(id) !== reason) this.#report({ table, id, reason });
    this.#waiting[table].set(id, reason);
  }
}

const tables = ["network", "node", "service", "task"] as const;

function emptySets(): Record<AllocatedTable, Set<string>> {
  return { network: new Set(), node: new Set(), service: new Set(), task: new Set() };
}
