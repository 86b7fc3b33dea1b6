import type { Random } from "../../src/base/random.ts";
import type { SimManager } from "./cluster-sim-manager.ts";
import { managerNode } from "./cluster-sim-manager.ts";
import type { Timeline } from "./sim-timeline.ts";

const membersMax = 7;
/** Longer than any step of a join waits for the others. */
const answerMs = 15_000;

export interface MembersDeps {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly make: (raftId: number) => SimManager;
  /** This one never comes back. */
  readonly onGone: (raftId: number) => void;
  readonly count: (event: string) => void;
}

/** The managers there are, how they come and how they go. */
export class SimMembers {
  readonly managers = new Map<number, SimManager>();
  readonly #deps: MembersDeps;
  #lastId = 0;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  /** The first of them; it starts the cluster. */
  first(): SimManager {
    const manager = this.#make();
    manager.start();
    return manager;
  }

  /** The one that leads by its own account; of several the newest. */
  leader(): SimManager | undefined {
    return [...this.managers.values()]
      .filter(({ raft }) => raft?.status().isLeader)
      .sort((a, b) => (b.raft?.status().term ?? 0) - (a.raft?.status().term ?? 0))[0];
  }

  /** As a join: the node has its certificate, the leader takes it in, it starts. */
  async add(): Promise<void> {
    const leader = this.leader();
    const members = leader?.raft?.status().members.length ?? membersMax;
    if (leader === undefined || members >= membersMax) return;
    const manager = this.#make();
    manager.isRemoved = true; // until it belongs to the group
    // A leader that died never answers.
    let isGivenUp = false;
    const cancel = this.#deps.timeline.plan(answerMs, undefined, "join not answered", () => {
      isGivenUp = true;
      this.#leave(manager);
    });
    try {
      await leader.store?.update((tx) => tx.create("node", managerNode(manager.name)));
      await leader.raft?.addMember(manager.member);
    } catch {
      // Unknown or refused: it never starts, and is taken out if it got in.
      cancel();
      if (!isGivenUp) this.#leave(manager);
      return;
    }
    if (isGivenUp) return;
    cancel();
    this.#deps.count("member joined");
    manager.isRemoved = false;
    manager.start(leader.raft?.status().members ?? []);
  }

  /** Makes a worker of any of them. */
  demote(): void {
    const members = this.leader()?.raft?.status().members ?? [];
    if (members.length <= 2) return;
    const victim = members[Math.floor(this.#deps.random.float() * members.length)];
    const manager = this.managers.get(victim?.raftId ?? 0);
    if (manager !== undefined) this.#leave(manager);
  }

  /** For the report of a failure. */
  describe(): string {
    const lines = [...this.managers.values()].map((manager) => {
      const status = manager.raft?.status();
      const state = manager.isRemoved ? "removed" : manager.process === undefined ? "down" : "up";
      if (status === undefined) return `${manager.name} ${state}`;
      const { members: _, progress, ...rest } = status;
      return `${manager.name} ${state} ${JSON.stringify(rest)} ${JSON.stringify([...progress])}`;
    });
    return `\n${lines.join("\n")}`;
  }

  #make(): SimManager {
    this.#lastId += 1;
    const manager = this.#deps.make(this.#lastId);
    this.managers.set(this.#lastId, manager);
    return manager;
  }

  /** Asks again and again for the node to go, as an operator would; its host is switched off when it is out. */
  #leave(manager: SimManager): void {
    this.#deps.timeline.plan(500, undefined, "leave", () => {
      if (this.managers.get(manager.raftId) !== manager) return;
      this.#askToGo(manager);
      void this.#forgetWhenOut(manager);
      this.#leave(manager);
    });
  }

  /** Out is who is so by the word of a leader that knows to be one: then no earlier request can bring it back. */
  async #forgetWhenOut(manager: SimManager): Promise<void> {
    const { raftId, name } = manager;
    const leader = this.leader();
    try {
      await leader?.raft?.readIndex();
    } catch {
      return;
    }
    const isMember = leader?.raft?.status().members.some((member) => member.raftId === raftId);
    const node = leader?.store?.view().get("node", name);
    const isAsked = node === undefined || node.spec?.desiredRole === "WORKER";
    if (isMember !== false || !isAsked || this.managers.get(raftId) !== manager) return;
    if (!manager.isRemoved) this.#deps.count("member left");
    manager.isRemoved = true;
    manager.crash(false);
    this.managers.delete(raftId);
    this.#deps.onGone(raftId);
    this.#removeNode(name);
  }

  /** As `node rm`, asked until it is done: what stays is work for each new leader. */
  #removeNode(name: string): void {
    const store = this.leader()?.store;
    if (store !== undefined && store.view().get("node", name) === undefined) return;
    store?.update((tx) => tx.remove("node", name)).catch(() => {});
    this.#deps.timeline.plan(500, undefined, "node rm", () => this.#removeNode(name));
  }

  #askToGo({ name }: SimManager): void {
    this.leader()
      ?.store?.update((tx) => {
        const node = tx.get("node", name);
        if (!node?.spec || node.spec.desiredRole === "WORKER") return;
        tx.update("node", { ...node, spec: { ...node.spec, desiredRole: "WORKER" } });
      })
      .catch(() => {});
  }
}
