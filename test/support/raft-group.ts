import { ClusterError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { RaftNode } from "../../src/raft/node/raft-node.ts";
import type { RaftNodeOptions } from "../../src/raft/node/raft-node-options.ts";
import type { AppliedEntry, StateMachine } from "../../src/raft/node/state-machine.ts";
import type { RaftMember } from "../../src/raft/storage/snapshot-store.ts";
import { MemoryNetwork } from "../../src/raft/transport/memory-transport.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { MemoryDisk } from "./raft-memory-disk.ts";
import { seededRandom } from "./seeded-random.ts";

/** Remembers what was applied, as text. "refuse…" is refused, "break…" breaks it. */
export class ListMachine implements StateMachine {
  items: string[] = [];
  lastIndex = 0;
  restores = 0;

  apply({ index, data }: AppliedEntry): unknown {
    const text = Buffer.from(data).toString();
    this.lastIndex = index;
    if (text.startsWith("break")) throw new TypeError("a bug");
    if (text.startsWith("refuse")) throw new ClusterError("OUT_OF_DATE", text);
    this.items.push(text);
    return `${index}:${text}`;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    const bytes = Buffer.from(JSON.stringify(this.items));
    return (async function* () {
      yield bytes;
    })();
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.items = JSON.parse(Buffer.concat(parts).toString()) as string[];
    this.restores += 1;
  }
}

export interface GroupMember {
  readonly raftId: number;
  readonly disk: MemoryDisk;
  node: RaftNode;
  machine: ListMachine;
  up: boolean;
}

/** A raft group of one process on a fake clock. */
export class RaftGroup {
  readonly clock = new FakeClock();
  readonly network = new MemoryNetwork();
  readonly members = new Map<number, GroupMember>();
  readonly #options: Partial<RaftNodeOptions>;

  constructor(options: Partial<RaftNodeOptions> = {}) {
    this.#options = options;
  }

  /** A group of `size` voters with a leader; member 1 leads. */
  static async of(size: number, options: Partial<RaftNodeOptions> = {}): Promise<RaftGroup> {
    const group = new RaftGroup(options);
    await group.start(1, { bootstrap: true });
    for (let raftId = 2; raftId <= size; raftId += 1) await group.join(raftId);
    await group.until(() => group.leader()?.node.status().voters.length === size);
    return group;
  }

  async start(raftId: number, options: Partial<RaftNodeOptions> = {}): Promise<GroupMember> {
    const known = this.members.get(raftId);
    const disk = known?.disk ?? new MemoryDisk();
    const machine = new ListMachine();
    const starting = RaftNode.start(
      {
        ...{ tickMs: 100, electionTicks: 10, heartbeatTicks: 1 },
        ...{ snapshotEntries: () => 10_000, snapshotBytes: 1e9, keepEntries: 500 },
        ...this.#options,
        ...memberOf(raftId),
        ...options,
      },
      {
        storage: disk.open(),
        snapshots: disk.snapshots,
        transport: this.network.transport(raftId),
        stateMachine: machine,
        clock: this.clock,
        random: seededRandom(raftId * 77),
        log: silentLogger,
      },
    );
    const member = { raftId, disk, node: await starting, machine, up: true };
    this.members.set(raftId, member);
    return member;
  }

  /** Adds a new member and starts it; the leader promotes it later. */
  async join(raftId: number): Promise<GroupMember> {
    await this.until(() => this.leader() !== undefined);
    const leader = this.mustLead();
    await this.settled(leader.node.addMember(memberOf(raftId)));
    return await this.start(raftId, { peers: leader.node.status().members });
  }

  /** Stops a member as if by a power loss. */
  async crash(raftId: number): Promise<void> {
    const member = this.get(raftId);
    member.up = false;
    await member.node.stop();
    member.disk.crash();
  }

  get(raftId: number): GroupMember {
    const member = this.members.get(raftId);
    if (member === undefined) throw new Error(`no member ${raftId}`);
    return member;
  }

  up(): GroupMember[] {
    return [...this.members.values()].filter((member) => member.up);
  }

  /** The one leader that knows itself to lead, of the highest term. */
  leader(): GroupMember | undefined {
    return this.up()
      .filter(({ node }) => node.status().role === "leader")
      .sort((a, b) => b.node.status().term - a.node.status().term)[0];
  }

  mustLead(): GroupMember {
    const leader = this.leader();
    if (leader === undefined) throw new Error("the group has no leader");
    return leader;
  }

  /** Proposes at the leader. */
  async propose(text: string): Promise<unknown> {
    return await this.settled(this.mustLead().node.propose(Buffer.from(text)));
  }

  /** Lets time pass until `condition` holds; fails after a minute of the group's time. */
  async until(condition: () => boolean, what = condition.toString()): Promise<void> {
    for (let ms = 0; ms <= 60_000; ms += 50) {
      await settle();
      if (condition()) return;
      await this.clock.run(50);
    }
    throw new Error(`never happened: ${what}`);
  }

  /** Lets time pass until `promise` settles. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const mark = (): void => {
      done = true;
    };
    promise.then(mark, mark);
    await this.until(() => done, "a promise settles");
    return await promise;
  }

  /** All members that are up have applied the same. */
  async converged(): Promise<string[]> {
    const same = (): boolean => {
      const states = this.up().map(({ machine }) => JSON.stringify(machine.items));
      const commits = new Set(this.up().map(({ node }) => node.status().applied));
      return new Set(states).size === 1 && commits.size === 1;
    };
    await this.until(same, "all members have the same state");
    return this.up()[0]?.machine.items ?? [];
  }

  async stop(): Promise<void> {
    for (const { node } of this.up()) await node.stop();
  }
}

export function memberOf(raftId: number): RaftMember {
  return { raftId, nodeId: `node${raftId}`, address: `10.0.0.${raftId}:2377` };
}
