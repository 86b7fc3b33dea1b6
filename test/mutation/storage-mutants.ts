import type { Mutant } from "./mutant.ts";

/** The log on disk, and who writes it. */
export const storageMutants: readonly Mutant[] = [
  {
    name: "the checksum of the log before a record is not verified",
    file: "storage/log-reader",
    from: "if (read.chain !== (this.chains[keep - 1] ?? chain))",
    to: "if (false)",
    foundBy: ["storage"],
  },
  {
    name: "the end of the log is not verified",
    file: "storage/log-reader",
    from: "if (end.index !== last || end.chain !== reading.lastChain)",
    to: "if (false)",
    foundBy: ["storage"],
  },
  {
    name: "a log behind its high-water mark is opened",
    file: "storage/log-reader",
    from: "if (state.sequence < highWater)",
    to: "if (false)",
    foundBy: ["storage"],
  },
  {
    name: "the hard state is durable before the entries it speaks of",
    file: "storage/level-log",
    from: "{ ...hardState, commit: Math.min(hardState.commit, this.#lastIndex()) }",
    to: "hardState",
    foundBy: ["storage"],
  },
  {
    name: "what a new entry replaces stays in the log",
    file: "storage/level-log",
    from: "this.#chains.length = keep;",
    to: "",
    foundBy: ["storage"],
  },
  {
    name: "an error of the disk is taken for done the next time",
    file: "node/log-writer",
    from: "catch (error) {\n            this.#stopped = true;",
    to: "catch (error) {",
    foundBy: ["driver"],
  },
  {
    name: "acknowledges what is not synced",
    file: "node/log-writer",
    from: "sync ||= ready.mustSync;",
    to: "",
    foundBy: ["driver"],
  },
  {
    name: "acknowledges before the write",
    file: "node/log-writer",
    from: "if (!this.busy && !needsWrite(ready))",
    to: "if (!this.busy)",
    foundBy: ["driver"],
  },
  {
    name: "drops the entries that came with a snapshot",
    file: "node/log-writer",
    from: "entries = entries.concat(ready.entries);",
    to: "if (ready.snapshot === undefined)\n            entries = entries.concat(ready.entries);",
    foundBy: ["driver"],
  },
  {
    name: "keeps entries from before a snapshot",
    file: "node/log-writer",
    from: "            entries = [];\n",
    to: "",
    foundBy: ["driver"],
  },
];
