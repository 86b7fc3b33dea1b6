import type { ConfChange, ConfChangeSingle } from "../../src/raft/core/types.ts";

/** Tests keep a ConfChange as JSON. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(change));
}

export function decodeConfChange(data: Uint8Array): ConfChange {
  if (data.length === 0) return { changes: [], transition: "TRANSITION_AUTO" };
  const parsed: ConfChange = JSON.parse(new TextDecoder().decode(data));
  return parsed;
}

/** "+4" adds a voter, "-4" removes a member, "~4" makes it a learner; several are a joint change. */
export function aConfChange(text: string, explicit = false): ConfChange {
  const changes = text
    .split(" ")
    .filter((word) => word !== "")
    .map((word): ConfChangeSingle => {
      const sign = word[0];
      const type =
        sign === "+" ? "CONF_ADD_NODE" : sign === "-" ? "CONF_REMOVE_NODE" : "CONF_ADD_LEARNER";
      return { type, raftId: Number(word.slice(1)) };
    });
  return { changes, transition: explicit ? "TRANSITION_JOINT_EXPLICIT" : "TRANSITION_AUTO" };
}
