import type { Assignment } from "../../gen/skep/Assignment.ts";
import type { AssignmentChange } from "../../gen/skep/AssignmentChange.ts";
import type { StoreView } from "../../store/store-view.ts";
import type { AssignmentIndex, Scope } from "./assignment-index.ts";
import {
  type ItemKey,
  isAllocated,
  isAssigned,
  networkItem,
  splitKey,
} from "./assignment-items.ts";
import {
  byKind,
  changeOf,
  difference,
  interestsOf,
  type NodeInterests,
  networkOfEndpoint,
  noInterests,
  taskItem,
} from "./assignments.ts";

/** What the next message is made from. */
export interface AssignmentSource {
  readonly view: StoreView;
  readonly index: AssignmentIndex;
  /** Tasks whose stop is held back. */
  readonly held: { has(taskId: string): boolean };
}

/** What one node was told, and what of it may no longer be true. Synchronous, without IO. */
export class NodeAssignments {
  readonly nodeId: string;
  readonly #sent = new Map<ItemKey, Assignment>();
  readonly #dirty = new Set<ItemKey>();
  #interests: NodeInterests = noInterests;
  #interestsDirty = true;
  #sequence = 0;
  #isComplete = false;

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  get interests(): NodeInterests {
    return this.#interests;
  }

  /** The number of the last message made. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether there may be something to tell. */
  get isDirty(): boolean {
    return this.#dirty.size > 0 || this.#interestsDirty;
  }

  /** Whether the first message, with the complete set, was made. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Scopes this node is in. */
  isIn(scope: Scope): boolean {
    if (scope === "all" || scope === `node/${this.nodeId}`) return true;
    return (
      scope.startsWith("network/") && this.#interests.networks.has(scope.slice("network/".length))
    );
  }

  touch(key: ItemKey): void {
    this.#dirty.add(key);
  }

  /** The node's own tasks, or the ingress networks, changed. */
  touchInterests(): void {
    this.#interestsDirty = true;
  }

  /** The changes since the last message; counts as told. The first call gives the complete set. */
  collect(source: AssignmentSource): AssignmentChange[] {
    if (this.#interestsDirty) this.#updateInterests(source);
    if (!this.#isComplete) {
      for (const key of source.index.keysOf("all")) this.#dirty.add(key);
    }
    const changes: AssignmentChange[] = [];
    for (const key of this.#dirty) {
      const item = this.#itemOf(key, source);
      const change = changeOf(key, this.#sent.get(key), item);
      if (change === undefined) continue;
      if (item === undefined) this.#sent.delete(key);
      else this.#sent.set(key, item);
      changes.push(change);
    }
    this.#dirty.clear();
    if (changes.length > 0 || !this.#isComplete) this.#sequence += 1;
    this.#isComplete = true;
    return changes.sort(byKind);
  }

  #updateInterests({ view, index }: AssignmentSource): void {
    this.#interestsDirty = false;
    const before = this.#interests;
    const after = interestsOf(view.tasksOfNode(this.nodeId), index.ingressNetworks);
    this.#interests = after;
    for (const id of difference(before.tasks, after.tasks)) this.#dirty.add(`task/${id}`);
    for (const id of difference(before.secrets, after.secrets)) this.#dirty.add(`secret/${id}`);
    for (const id of difference(before.configs, after.configs)) this.#dirty.add(`config/${id}`);
    for (const id of difference(before.networks, after.networks)) {
      this.#dirty.add(`network/${id}`);
      for (const key of index.keysOf(`network/${id}`)) this.#dirty.add(key);
    }
  }

  #itemOf(key: ItemKey, { view, index, held }: AssignmentSource): Assignment | undefined {
    const { kind, id } = splitKey(key);
    switch (kind) {
      case "task": {
        const task = view.get("task", id);
        if (task === undefined || task.nodeId !== this.nodeId || !isAssigned(task))
          return undefined;
        return taskItem(task, held.has(id));
      }
      case "secret": {
        const secret = this.#interests.secrets.has(id) ? view.get("secret", id) : undefined;
        return secret === undefined ? undefined : { secret, item: "secret" };
      }
      case "config": {
        const config = this.#interests.configs.has(id) ? view.get("config", id) : undefined;
        return config === undefined ? undefined : { config, item: "config" };
      }
      case "network":
        return this.#networkItem(id, view);
      case "endpoint": {
        const isOurs = this.#interests.networks.has(networkOfEndpoint(key));
        const endpoint = isOurs ? index.endpoint(id) : undefined;
        return endpoint === undefined ? undefined : { endpoint, item: "endpoint" };
      }
      case "service": {
        const service = index.service(id);
        if (service === undefined) return undefined;
        const isOurs = [...service.scopes].some((scope) => this.isIn(scope));
        return isOurs ? { service: service.item, item: "service" } : undefined;
      }
    }
  }

  #networkItem(id: string, view: StoreView): Assignment | undefined {
    const network = this.#interests.networks.has(id) ? view.get("network", id) : undefined;
    if (network === undefined || !isAllocated(network)) return undefined;
    const vxlanPort = view.cluster()?.networkDefaults?.vxlanPort ?? 0;
    const node = view.get("node", this.nodeId);
    return { network: networkItem(network, node, vxlanPort), item: "network" };
  }
}
