import { unreachable } from "../base/assert.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { RaftMember } from "../gen/skep/RaftMember.ts";
import type { Store } from "../store/store.ts";
import { putNode } from "./dispatcher/node-states.ts";
import { planRoles, type RoleAction } from "./plan-roles.ts";
import type { RaftControl } from "./raft-control.ts";
import { recordRemoved, removedRaftIds } from "./removed-members.ts";

/** Reachability is looked at this often; what failed is tried again then. */
const intervalMs = 1_000;

export interface RoleManagerDeps {
  readonly store: Store;
  readonly raft: RaftControl;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Makes nodes managers and workers as their specs want, and writes what the managers are. Runs on the leader only. */
export class RoleManager {
  readonly #deps: RoleManagerDeps;
  readonly #log: Logger;
  #unsubscribe: (() => void)[] = [];
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #members: readonly RaftMember[] = [];
  #again = false;
  #stopped = false;

  constructor(deps: RoleManagerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "role-manager" });
  }

  start(): void {
    const { store, raft } = this.#deps;
    this.#unsubscribe = [
      raft.onMembers(() => this.#kick()),
      store.subscribe((events) => {
        if (events.some(({ table }) => table === "node")) this.#kick();
      }),
    ];
    this.#kick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#timer?.cancel();
    await this.#running;
  }

  #kick(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    this.#timer?.cancel();
    // Never within a store's listener: what it decides is written to the store.
    await Promise.resolve();
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#pass();
    }
    this.#running = undefined;
    if (!this.#stopped) this.#timer = this.#deps.clock.setTimer(intervalMs, () => this.#kick());
  }

  async #pass(): Promise<void> {
    const { store, raft } = this.#deps;
    const { raftId, leaderId, members, learners } = raft.status();
    const view = store.view();
    const actions = planRoles({
      nodes: view.all("node"),
      members,
      membersBefore: this.#members,
      learners,
      removed: removedRaftIds(view.cluster()),
      ownRaftId: raftId,
      leaderId,
      reachable: (id) => raft.reachable(id),
    });
    const before = this.#members;
    this.#members = members;
    for (const action of actions) {
      if (this.#stopped) return;
      try {
        await this.#carryOut(action);
      } catch (error) {
        this.#log.info({ err: error, action }, "role change has to wait");
        if (action.kind !== "recordRemoved") continue;
        // What else is planned would make us forget that this id was a member's.
        this.#members = before;
        return;
      }
    }
  }

  async #carryOut(action: RoleAction): Promise<void> {
    const { store, raft } = this.#deps;
    switch (action.kind) {
      case "promote":
        await store.update((tx) => {
          putNode(tx, action.nodeId, (node) => ({ ...node, role: "MANAGER" }));
        });
        break;
      case "demote":
        await store.update((tx) => {
          putNode(tx, action.nodeId, (node) => ({ ...node, role: "WORKER", managerStatus: null }));
        });
        break;
      case "setStatus":
        await store.update((tx) => {
          putNode(tx, action.nodeId, (node) => ({ ...node, managerStatus: action.status }));
        });
        break;
      case "recordRemoved":
        await store.update((tx) => {
          recordRemoved(tx, [{ raftId: action.raftId, nodeId: action.nodeId, dropped: false }]);
        });
        break;
      case "removeMember":
        await raft.removeMember(action.raftId);
        break;
      case "transferLeadership":
        await raft.transferLeadership();
        break;
      default:
        unreachable(action);
    }
  }
}
