import type { AppliedEntry, StateMachine } from "../src/raft/node/state-machine.ts";
import { decodePut, encodePut } from "./kv.ts";

/** A map from key to value, changed by puts. */
export class KvMachine implements StateMachine {
  #values = new Map<string, Buffer>();

  apply({ data }: AppliedEntry): undefined {
    const { key, value } = decodePut(asBuffer(data));
    this.#values.set(key.toString("latin1"), value);
  }

  /** One chunk a key; small states only. */
  async *snapshot(): AsyncGenerator<Uint8Array, void, void> {
    for (const [key, value] of [...this.#values]) {
      yield encodePut({ key: Buffer.from(key, "latin1"), value });
    }
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#values = new Map();
    for await (const chunk of chunks) {
      const { key, value } = decodePut(asBuffer(chunk));
      this.#values.set(key.toString("latin1"), value);
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
