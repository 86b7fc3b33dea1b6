import { assert, must } from "../../src/base/assert.ts";
import { type Random, randomInteger } from "../../src/base/random.ts";
import { describeStatus } from "../../src/raft/core/describe.ts";
import type { ConfChange, Message } from "../../src/raft/core/types.ts";
import { aConfChange, encodeConfChange } from "./raft-conf-change-codec.ts";
import { RaftMemoryStorage } from "./raft-memory-storage.ts";
import { RaftHistory } from "./raft-sim-history.ts";
import { SimNode, type SimSurroundings } from "./raft-sim-node.ts";
import { seededRandom } from "./seeded-random.ts";

const messagesMax = 300;
const membersMax = 9;

/** A group of members in a world that goes wrong, all of it decided by one seed. */
export class RaftSimWorld implements SimSurroundings {
  readonly random: Random;
  readonly history = new RaftHistory();
  readonly nodes = new Map<number, SimNode>();
  #network: Message[] = [];
  readonly #cut = new Set<string>();
  #proposals = 0;
  #traceHash = 0;
  readonly #events: readonly (readonly [weight: number, act: (node: SimNode) => void])[];
  readonly #weights: number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    // Some worlds are gentle, so that long histories arise.
    this.#events = this.#eventsOf(this.random.float() < 0.4 ? 0.2 : 1);
    this.#weights = this.#events.reduce((sum, [weight]) => sum + weight, 0);
    const count = randomInteger(this.random, 1, 5);
    const change = aConfChange(Array.from({ length: count }, (_, at) => `+${at + 1}`).join(" "));
    const voters = change.changes.map(({ raftId }) => raftId);
    const confState = {
      voters,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    this.history.apply(0, { index: 1, term: 1, type: "normal", data: new Uint8Array(0) }, 0);
    for (const id of voters) {
      const disk = new RaftMemoryStorage();
      disk.truncated = { index: 1, term: 1 };
      disk.newestSnapshot = { index: 1, term: 1, confState };
      disk.hardState = { term: 1, vote: 0, commit: 1 };
      this.nodes.set(id, new SimNode(id, disk, this));
    }
  }

  /** The same for the same seed. */
  get traceHash(): number {
    return this.#traceHash;
  }

  send(message: Message): void {
    this.#trace(message.to, message.from, message.term, message.index, message.type.length);
    if (this.#network.length >= messagesMax) this.#drop(this.#pick(this.#network.length));
    this.#network.push(message);
  }

  isDurable(node: SimNode, index: number, term: number): boolean {
    const { voters, votersOutgoing } = node.raw.status().confState;
    // Counted here on purpose: the core's own counting is under test.
    const isMajority = (ids: readonly number[]): boolean => {
      const holders = ids.filter((id) => {
        const disk = this.nodes.get(id)?.disk;
        if (disk === undefined) return false;
        return disk.truncated.index >= index || disk.term(index) === term;
      });
      return ids.length === 0 || 2 * holders.length > ids.length;
    };
    return isMajority(voters) && isMajority(votersOutgoing);
  }

  /** One thing happens. */
  step(): void {
    let dice = this.random.float() * this.#weights;
    for (const [weight, act] of this.#events) {
      dice -= weight;
      if (dice >= 0) continue;
      act(this.#anyNode());
      return;
    }
  }

  /** Everything works again: a leader must come and everyone must follow. */
  checkLiveness(): void {
    this.#cut.clear();
    for (const node of this.nodes.values()) if (!node.isUp) node.restart();
    let proposed: { index: number; data: string } | undefined;
    for (let round = 0; round < 600; round += 1) {
      this.#calmRound();
      const leader = this.#leader();
      if (leader === undefined) continue;
      const { confState, term } = leader.raw.status();
      if (confState.votersOutgoing.length > 0 && !confState.autoLeave) {
        leader.raw.proposeConfChange(encodeConfChange(aConfChange("")));
      } else if (
        proposed === undefined ||
        !this.history.wasApplied(proposed.index, proposed.data)
      ) {
        if (proposed !== undefined && round % 50 !== 0) continue;
        const data = `final ${round} ${term}`;
        const outcome = leader.raw.propose(Buffer.from(data));
        if (outcome.kind === "appended") proposed = { index: outcome.index, data };
      } else if (this.#allCaughtUp(leader, proposed.index)) {
        return;
      }
      leader.drain();
    }
    const states = [...this.nodes.values()].flatMap(({ raw }) => describeStatus(raw.status()));
    throw new Error(`no progress after the faults ended:\n${states.join("\n")}`);
  }

  #eventsOf(faults: number): readonly (readonly [number, (node: SimNode) => void])[] {
    const { random } = this;
    return [
      [300, () => this.#deliverSome()],
      [150, () => this.#tickSome()],
      [150, () => this.#some((node) => node.write(randomInteger(random, 1, 4)))],
      [120, () => this.#some((node) => node.apply())],
      [70, () => this.#propose()],
      [20, (node) => this.#onUp(node, () => this.#read(node))],
      [10, () => this.#changeMembers()],
      [10, (node) => this.#onUp(node, () => node.compact(this.#pick(5)))],
      [3, () => this.#transfer()],
      [3 * faults, (node) => this.#onUp(node, () => this.#giveUpLeader(node))],
      [25, (node) => this.#restart(node)],
      [15, () => this.#cut.clear()],
      [4 * faults, () => this.#partition()],
      [4 * faults, (node) => this.#crash(node)],
      [2 * faults, () => this.#burst()],
      [3 * faults, () => this.#loseLeader()],
    ];
  }

  #calmRound(): void {
    for (const node of this.nodes.values()) node.raw.tick();
    for (let rounds = 0; rounds < 4; rounds += 1) {
      for (const node of this.nodes.values()) {
        node.drain();
        while (!node.isIdle) {
          node.write(10);
          node.apply();
        }
      }
      const messages = this.#network;
      this.#network = [];
      for (const message of messages) this.#arrive(message);
    }
  }

  #allCaughtUp(leader: SimNode, index: number): boolean {
    const { confState } = leader.raw.status();
    return [...confState.voters, ...confState.learners].every(
      (id) => (this.nodes.get(id)?.applied ?? 0) >= index,
    );
  }

  #deliver(): void {
    if (this.#network.length === 0) return;
    const isOrdered = this.random.float() < 0.7;
    const at = isOrdered ? 0 : this.#pick(this.#network.length);
    const fate = this.random.float();
    if (fate < 0.05) {
      this.#drop(at);
      return;
    }
    const message = must(this.#network[at], "message");
    if (fate > 0.05 && fate < 0.1) this.#network.push(message); // a duplicate, for later
    this.#network.splice(at, 1);
    this.#arrive(message);
  }

  #arrive(message: Message): void {
    const receiver = this.nodes.get(message.to);
    const isCut = this.#cut.has(`${message.from}>${message.to}`);
    const arrived = receiver?.isUp === true && !isCut;
    if (arrived) receiver.receive(message);
    if (message.type === "MsgSnap") this.#reportSnapshot(message, arrived);
  }

  #drop(at: number): void {
    const [message] = this.#network.splice(at, 1);
    if (message?.type === "MsgSnap") this.#reportSnapshot(message, false);
    else if (message !== undefined && this.random.float() < 0.2) {
      const sender = this.nodes.get(message.from);
      if (sender?.isUp) sender.raw.reportUnreachable(message.to);
    }
  }

  #reportSnapshot({ from, to }: Message, ok: boolean): void {
    const sender = this.nodes.get(from);
    if (!sender?.isUp) return;
    sender.raw.reportSnapshot(to, ok);
    sender.drain();
  }

  #tick(node: SimNode): void {
    this.#onUp(node, () => node.raw.tick());
  }

  /** Time passes; not for all alike. */
  #tickSome(): void {
    this.#some((node) => node.raw.tick());
  }

  #deliverSome(): void {
    for (let left = randomInteger(this.random, 1, 10); left > 0; left -= 1) this.#deliver();
  }

  /** Some hear nothing for so long that they give up their leader. */
  #burst(): void {
    for (const node of this.nodes.values()) {
      if (this.random.float() < 0.3) continue;
      for (let ticks = 0; ticks < 15; ticks += 1) this.#tick(node);
    }
  }

  /** The leader dies, or is cut off, with a proposal that has reached few (Figure 8). */
  #loseLeader(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    this.#propose();
    for (let count = this.#pick(4); count > 0; count -= 1) this.#deliver();
    if (this.random.float() < 0.5) this.#crash(leader);
    else {
      for (const id of this.nodes.keys()) {
        this.#cut.add(`${leader.id}>${id}`);
        this.#cut.add(`${id}>${leader.id}`);
      }
    }
    this.#burst();
  }

  #propose(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    this.#proposals += 1;
    leader.raw.propose(Buffer.from(`p${this.#proposals}`));
    if (this.random.float() < 0.8) leader.drain();
  }

  #read(node: SimNode): void {
    this.#proposals += 1;
    const key = `r${this.#proposals}`;
    if (!node.raw.readIndex(Buffer.from(key))) return;
    node.reads.set(key, this.history.maxCommitted);
    node.drain();
  }

  /** It takes its leader for gone, rightly or not. */
  #giveUpLeader(node: SimNode): void {
    node.raw.forgetLeader();
    if (this.random.float() < 0.7) node.raw.campaign();
  }

  #transfer(): void {
    const leader = this.#leader();
    leader?.raw.transferLeader(this.#anyNode().id);
    leader?.drain();
  }

  #changeMembers(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    leader.raw.proposeConfChange(encodeConfChange(this.#anyChange(leader)));
    leader.drain();
  }

  #anyChange(leader: SimNode): ConfChange {
    const { confState } = leader.raw.status();
    if (confState.votersOutgoing.length > 0) return aConfChange("");
    const words: string[] = [];
    const count = this.random.float() < 0.5 ? 1 : randomInteger(this.random, 2, 3);
    for (let at = 0; at < count; at += 1) {
      const known = [...confState.voters, ...confState.learners];
      const old = known[this.#pick(known.length)] ?? 1;
      const fresh = this.nodes.size + 1;
      const dice = this.random.float();
      if (dice < 0.35 && fresh <= membersMax) {
        this.nodes.set(fresh, new SimNode(fresh, new RaftMemoryStorage(), this));
        words.push(`${this.random.float() < 0.5 ? "+" : "~"}${fresh}`);
      } else if (dice < 0.55) words.push(`+${old}`);
      else if (dice < 0.8) words.push(`~${old}`);
      else words.push(`-${old}`);
    }
    return aConfChange(words.join(" "), this.random.float() < 0.3);
  }

  #partition(): void {
    const ids = [...this.nodes.keys()];
    const isLeft = new Set(ids.filter(() => this.random.float() < 0.5));
    const isOneWay = this.random.float() < 0.3;
    for (const from of ids) {
      for (const to of ids) {
        if (isLeft.has(from) === isLeft.has(to)) continue;
        if (!isOneWay || isLeft.has(from)) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  #crash(node: SimNode): void {
    if (!node.isUp) return;
    this.#trace(node.id, 1, 0, 0, 0);
    node.crash();
  }

  #restart(node: SimNode): void {
    if (!node.isUp) node.restart();
  }

  #some(action: (node: SimNode) => void): void {
    for (const node of this.nodes.values()) {
      if (this.random.float() < 0.6) this.#onUp(node, () => action(node));
    }
  }

  #onUp(node: SimNode, action: () => void): void {
    if (!node.isUp) return;
    action();
    node.drain();
  }

  /** The one of the highest term; there may be outdated ones. */
  #leader(): SimNode | undefined {
    const leaders = [...this.nodes.values()].filter((node) => node.isUp && node.isLeader);
    if (this.random.float() < 0.2) return leaders[this.#pick(leaders.length)];
    return leaders.sort((a, b) => b.raw.status().term - a.raw.status().term)[0];
  }

  #anyNode(): SimNode {
    const nodes = [...this.nodes.values()];
    return must(nodes[this.#pick(nodes.length)], "node");
  }

  #pick(count: number): number {
    return Math.floor(this.random.float() * count);
  }

  #trace(...values: number[]): void {
    for (const value of values) this.#traceHash = Math.imul(this.#traceHash ^ value, 0x01000193);
    assert(Number.isInteger(this.#traceHash), "trace");
  }
}
