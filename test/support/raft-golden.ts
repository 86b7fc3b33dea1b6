import { assert, must } from "../../src/base/assert.ts";
import { isClusterError } from "../../src/base/errors.ts";
import { defaultRaftConfig, type RaftConfig } from "../../src/raft/core/config.ts";
import {
  describeConfChange,
  describeEntries,
  describeMessage,
  describeOutcome,
  describeStatus,
} from "../../src/raft/core/describe.ts";
import {
  type Entry,
  type Message,
  type MessageType,
  makeMessage,
} from "../../src/raft/core/types.ts";
import { aConfChange, decodeConfChange, encodeConfChange } from "./raft-conf-change-codec.ts";
import { entry } from "./raft-core.ts";
import { GoldenNode } from "./raft-golden-node.ts";
import { aConfState } from "./raft-memory-storage.ts";

/** What a line of a script says: "name word word key=value". */
interface Command {
  readonly name: string;
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

const roundsMax = 200;

/**
 * Runs the scripts of test/testdata/raft. Lines that start with ">" are commands (">>": untold), those
 * with "#" say what is to be seen; all else is what the core did. `run` gives the script with what it does now.
 *
 * add 1 2 voters=1,2 learners=3 log=1,1,2 (terms; data=yes fills the entries) term= vote= commit=
 * and any number of RaftConfig
 * campaign 1, tick 1 20, propose 1 text.., change 1 +4 ~5 -2 [explicit], leave 1, read 1 key
 * transfer 1 2, forget 1, unreachable 1 2, report 1 2 ok|failed
 * ready 1 (one Ready, in full), settle (all work until nothing is left), deliver / drop / repeat
 * [from=1] [to=2] [type=MsgApp] [count=1]; lose / hold / copy type=.. (as they leave; a copy comes by
 * "late"), cut 1 2 (both ways), heal (ends these), compact 1 keep=0, crash 1, restart 1,
 * step 1 MsgApp from=2 term=2 index=1 logTerm=1 entries=2/2 commit=1, async 1, write 1 [count], apply 1 [count], status 1.., log 1.., elect 1 (told in short)
 */
export class GoldenRun {
  readonly #nodes = new Map<number, GoldenNode>();
  #network: Message[] = [];
  readonly #cut = new Set<string>();
  /** What becomes of messages of a type as they leave. */
  readonly #fates = new Map<string, "lose" | "hold" | "copy">();
  #late: Message[] = [];
  #output: string[] = [];
  #quiet = false;

  run(script: string): string {
    const result: string[] = [];
    const kept = script.split("\n").filter((line) => line === "" || /^[>#]/.test(line));
    while (kept.at(-1) === "") kept.pop();
    for (const line of kept) {
      result.push(line);
      if (!line.startsWith(">")) continue;
      this.#output = [];
      const isQuiet = line.startsWith(">>");
      if (isQuiet) this.#quietly(() => this.#do(parse(line.slice(2))));
      else this.#do(parse(line.slice(1)));
      for (const told of this.#output) result.push(`  ${told}`);
    }
    return `${result.join("\n")}\n`;
  }

  #do(command: Command): void {
    const { name, words } = command;
    const act = this.#commands[name];
    assert(act !== undefined, `no command "${name}"`);
    try {
      act(command, words);
    } catch (error) {
      if (!isClusterError(error))
        throw new Error(`at "${name} ${words.join(" ")}"`, { cause: error });
      this.#tell(`error ${error.code}: ${error.message}`);
    }
  }

  readonly #commands: Readonly<
    Record<string, (command: Command, words: readonly string[]) => void>
  > = {
    add: (command, words) => {
      for (const word of words) this.#add(Number(word), command.options);
    },
    campaign: (_, words) => this.#each(words, (node) => node.raw.campaign()),
    tick: (_, [id, times = "1"]) => {
      for (let left = Number(times); left > 0; left -= 1) this.#node(id).raw.tick();
    },
    propose: (_, [id, ...texts]) => {
      for (const text of texts) {
        this.#tell(describeOutcome(this.#node(id).raw.propose(Buffer.from(text))));
      }
    },
    change: (_, [id, ...words]) => {
      const isExplicit = words.at(-1) === "explicit";
      const text = (isExplicit ? words.slice(0, -1) : words).join(" ");
      const data = encodeConfChange(aConfChange(text, isExplicit));
      this.#tell(describeOutcome(this.#node(id).raw.proposeConfChange(data)));
    },
    leave: (_, [id]) => {
      const data = encodeConfChange(aConfChange(""));
      this.#tell(describeOutcome(this.#node(id).raw.proposeConfChange(data)));
    },
    read: (_, [id, key = ""]) => {
      const isAsked = this.#node(id).raw.readIndex(Buffer.from(key));
      if (!isAsked) this.#tell("nobody to ask");
    },
    transfer: (_, [id, to]) => {
      if (!this.#node(id).raw.transferLeader(Number(to))) this.#tell("refused");
    },
    forget: (_, words) => this.#each(words, (node) => node.raw.forgetLeader()),
    unreachable: (_, [id, other]) => this.#node(id).raw.reportUnreachable(Number(other)),
    report: (_, [id, other, how]) => {
      this.#node(id).raw.reportSnapshot(Number(other), how === "ok");
    },
    ready: (_, words) => this.#each(words, (node) => this.#take(node, true)),
    settle: () => this.#settle(),
    deliver: (command) => {
      for (const message of this.#pick(command, true)) this.#arrive(message);
    },
    drop: (command) => {
      for (const message of this.#pick(command, true)) this.#tellMessage("lost", message);
    },
    repeat: (command) => {
      for (const message of this.#pick(command, false)) this.#network.push(message);
    },
    cut: (_, [one, other]) => {
      this.#cut.add(`${one}>${other}`).add(`${other}>${one}`);
    },
    heal: () => {
      this.#cut.clear();
      this.#fates.clear();
    },
    lose: ({ options }) => this.#fates.set(options.get("type") ?? "", "lose"),
    hold: ({ options }) => this.#fates.set(options.get("type") ?? "", "hold"),
    copy: ({ options }) => this.#fates.set(options.get("type") ?? "", "copy"),
    late: () => {
      const messages = this.#late;
      this.#late = [];
      for (const message of messages) this.#arrive(message);
    },
    step: (command, words) => this.#step(command, words),
    compact: ({ options }, words) => {
      this.#each(words, (node) => node.compact(Number(options.get("keep") ?? 0)));
    },
    crash: (_, words) => this.#each(words, (node) => node.crash()),
    restart: (_, words) => this.#each(words, (node) => node.restart()),
    async: (_, words) => {
      this.#each(words, (node) => {
        node.isAsync = true;
      });
    },
    write: (_, [id, count = "1"]) => this.#node(id).write(Number(count)),
    apply: (_, [id, count = "1"]) => this.#node(id).apply(Number(count)),
    status: (_, words) => {
      this.#each(words, (node) =>
        describeStatus(node.raw.status()).map((line) => this.#tell(line)),
      );
    },
    log: (_, words) => {
      this.#each(words, ({ id, storage }) => {
        const before = storage.truncated.index === 0 ? "" : `…${storage.truncated.index}, `;
        this.#tell(`${id}: ${before}${describeEntries(storage.log, dataText) || "empty"}`);
      });
    },
    elect: (_, [id]) => {
      this.#quietly(() => {
        this.#node(id).raw.campaign();
        this.#settle();
      });
      const { role, term, commit } = this.#node(id).raw.status();
      this.#tell(`${id} is ${role} of term ${term}, commit ${commit}`);
    },
  };

  #add(id: number, options: ReadonlyMap<string, string>): void {
    const list = (name: string): number[] =>
      (options.get(name) ?? "")
        .split(",")
        .filter((word) => word !== "")
        .map(Number);
    const terms = list("log");
    const given = Object.fromEntries(
      [...options]
        .filter(([name]) => name in defaultRaftConfig)
        .map(([name, value]) => [name, value === "off" ? false : Number(value)]),
    );
    const config: RaftConfig = { ...defaultRaftConfig, id, ...given };
    const node = new GoldenNode(config, {
      confState: aConfState(list("voters"), list("learners")),
      terms,
      hardState: {
        term: Number(options.get("term") ?? terms.at(-1) ?? 0),
        vote: Number(options.get("vote") ?? 0),
        commit: Number(options.get("commit") ?? 0),
      },
      isFilled: options.get("data") === "yes",
      send: (message) => this.#send(message),
      tell: (line) => this.#tell(line),
    });
    this.#nodes.set(id, node);
  }

  #step({ options }: Command, [id, type]: readonly string[]): void {
    const numberOf = (name: string): number => Number(options.get(name) ?? 0);
    const entries = (options.get("entries") ?? "").split(",").filter((word) => word !== "");
    const message = makeMessage(type as MessageType, Number(id), {
      from: numberOf("from"),
      term: numberOf("term"),
      index: numberOf("index"),
      logTerm: numberOf("logTerm"),
      commit: numberOf("commit"),
      commitTerm: numberOf("commitTerm"),
      reject: options.get("reject") === "yes",
      entries: entries.map((word) => {
        const [index = 0, term = 0] = word.split("/").map(Number);
        return entry(index, term);
      }),
    });
    this.#node(id).raw.step(message);
  }

  /** One Ready of `node`; false when it has none. */
  #take(node: GoldenNode, inFull: boolean): boolean {
    if (!node.isUp || !node.raw.hasReady()) {
      if (inFull) this.#tell(`${node.id} has nothing to do`);
      return false;
    }
    node.take(inFull, dataText);
    return true;
  }

  #settle(): void {
    for (let round = 0; round < roundsMax; round += 1) {
      let isBusy = false;
      for (const node of this.#nodes.values()) {
        while (this.#take(node, false)) isBusy = true;
      }
      const isHeld = ({ type }: Message): boolean => this.#fates.get(type) === "hold";
      const messages = this.#network.filter((message) => !isHeld(message));
      this.#network = this.#network.filter(isHeld);
      for (const message of messages) this.#arrive(message);
      if (!isBusy && messages.length === 0) return;
    }
    throw new Error("the group never comes to rest");
  }

  #send(message: Message): void {
    const fate = this.#fates.get(message.type);
    if (fate === "lose") this.#tellMessage("lost", message);
    else this.#network.push(message);
    if (fate === "copy") this.#late.push(message);
  }

  #arrive(message: Message): void {
    const receiver = this.#nodes.get(message.to);
    const isCut = this.#cut.has(`${message.from}>${message.to}`);
    if (receiver?.isUp !== true || isCut) {
      this.#tellMessage("lost", message);
      return;
    }
    this.#tellMessage("", message);
    receiver.raw.step(message);
  }

  #pick({ options }: Command, take: boolean): Message[] {
    const from = Number(options.get("from") ?? 0);
    const to = Number(options.get("to") ?? 0);
    const type = options.get("type") as MessageType | undefined;
    let left = Number(options.get("count") ?? Number.POSITIVE_INFINITY);
    const picked: Message[] = [];
    const kept = this.#network.filter((message) => {
      const fits =
        (from === 0 || message.from === from) &&
        (to === 0 || message.to === to) &&
        (type === undefined || message.type === type);
      if (!fits || left === 0) return true;
      left -= 1;
      picked.push(message);
      return false;
    });
    if (take) this.#network = kept;
    if (picked.length === 0) this.#tell("no such message");
    return picked;
  }

  #each(words: readonly string[], act: (node: GoldenNode) => void): void {
    for (const word of words) act(this.#node(word));
  }

  #node(id: string | undefined): GoldenNode {
    return must(this.#nodes.get(Number(id)), `member ${id}`);
  }

  #quietly(act: () => void): void {
    const before = this.#quiet;
    this.#quiet = true;
    act();
    this.#quiet = before;
  }

  #tellMessage(what: string, message: Message): void {
    this.#tell(`${what === "" ? "" : `${what} `}${describeMessage(message, dataText)}`);
  }

  #tell(line: string): void {
    if (!this.#quiet) this.#output.push(line);
  }
}

/** What is in an entry, for eyes. */
function dataText(entry: Entry): string {
  if (entry.type === "conf-change") return describeConfChange(decodeConfChange(entry.data));
  return entry.data.length === 0 ? "" : JSON.stringify(Buffer.from(entry.data).toString());
}

function parse(text: string): Command {
  const [name = "", ...rest] = text.trim().split(/\s+/);
  const options = new Map<string, string>();
  const words: string[] = [];
  for (const word of rest) {
    const at = word.indexOf("=");
    if (at > 0) options.set(word.slice(0, at), word.slice(at + 1));
    else words.push(word);
  }
  return { name, words, options };
}
