import type { Mutant } from "./mutant.ts";

/** Who may speak, and how snapshots go on. */
export const transportMutants: readonly Mutant[] = [
  {
    name: "hears a manager that speaks in another's name",
    file: "transport/senders",
    from: "if (owner !== undefined) {",
    to: "if (false) {",
    foundBy: ["transport"],
  },
  {
    name: "hears a member that was removed",
    file: "transport/senders",
    from: "if (this.#removed.has(from) || this.#isRemoved(from))",
    to: "if (false)",
    foundBy: ["transport"],
  },
  {
    name: "hears whatever a stranger says",
    file: "transport/senders",
    from: "if (newcomerTypes.has(type))",
    to: "if (true)",
    foundBy: ["transport"],
  },
  {
    name: "hears no leader that is not known yet",
    file: "transport/senders",
    from: "if (newcomerTypes.has(type))",
    to: "if (false)",
    foundBy: ["transport"],
  },
  {
    name: "hears no member that asks for a vote and is not known yet",
    file: "transport/senders",
    from: '"MsgPreVote",\n    "MsgVote",\n',
    to: "",
    foundBy: ["transport"],
  },
  {
    name: "does not answer a leader that is not known yet",
    file: "transport/memory-transport",
    from: "!this.#members.has(message.to) && !this.#heard.has(message.to)",
    to: "!this.#members.has(message.to)",
    foundBy: ["transport"],
  },
  {
    name: "takes a part of a snapshot wherever it belongs",
    file: "transport/incoming-snapshots",
    from: "offset !== receivedBytes || ",
    to: "",
    foundBy: ["transport"],
  },
  {
    name: "keeps a part of a snapshot for ever",
    file: "transport/incoming-snapshots",
    from: 'this.#drop(from, transfer, "its sender did not go on with it");',
    to: "",
    foundBy: ["transport"],
  },
  {
    name: "lets a stream go on that another has taken over",
    file: "transport/incoming-snapshots",
    from: "if (transfer.streams !== stream)\n                    throw",
    to: "if (false)\n                    throw",
    foundBy: ["transport"],
  },
  {
    name: "loses the end of a message's fields on the wire",
    file: "transport/message-codec",
    from: "writer.uint32(96).uint64(rejectHint);",
    to: ";",
    foundBy: ["transport"],
  },
];
