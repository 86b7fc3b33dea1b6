import assert from "node:assert/strict";
import { ChunkPipe } from "../../../../src/raft/transport/chunk-pipe.ts";

describe("a pipe of chunks", () => {
  it("hands on very many, each once the one before was taken", async () => {
    // Whoever waits must be forgotten once told: a chain of them once took time that grew with the square of the chunks.
    const count = 20_000;
    const pipe = new ChunkPipe();
    let pushed = 0;
    const pushing = (async () => {
      for (; pushed < count; pushed += 1) await pipe.push(Buffer.from(String(pushed)));
      pipe.end();
    })();
    let taken = 0;
    for await (const chunk of pipe) {
      assert.equal(Buffer.from(chunk).toString(), String(taken));
      assert.ok(pushed <= taken + 1, `${pushed} were pushed when ${taken} were taken`);
      taken += 1;
    }
    await pushing;
    assert.equal(taken, count);
  });

  it("lets a push that waits go on when it ends", async () => {
    const pipe = new ChunkPipe();
    const pushes = [pipe.push(Buffer.from("a")), pipe.push(Buffer.from("b"))];
    pipe.end(new Error("gone"));
    await Promise.all(pushes);
    await assert.rejects(pipe[Symbol.asyncIterator]().next(), /gone/);
  });
});
