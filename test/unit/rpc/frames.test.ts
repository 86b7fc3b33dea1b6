import { strict as assert } from "node:assert";
import fc from "fast-check";
import { isClusterError } from "../../../src/base/errors.ts";
import { encodeFrame, type FrameKind, FrameReader } from "../../../src/rpc/frames.ts";

describe("frames of a link", () => {
  const kinds: readonly FrameKind[] = ["ping", "pong", "message", "end"];

  it("arrive as they were sent, however the connection cuts them", () => {
    const frame = fc.record({
      kind: fc.constantFrom(...kinds),
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, lengths) => {
        const bytes = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
        const reader = new FrameReader();
        const heard: string[] = [];
        for (let at = 0; at < bytes.length; ) {
          const end = at + (lengths.pop() ?? bytes.length);
          reader.take(bytes.subarray(at, end), (kind, payload) =>
            heard.push(`${kind} ${payload.toString("hex")}`),
          );
          at = end;
        }
        assert.deepEqual(
          heard,
          frames.map(({ kind, payload }) => `${kind} ${Buffer.from(payload).toString("hex")}`),
        );
      }),
    );
  });

  const table: { name: string; bytes: number[]; want: RegExp }[] = [
    { name: "too long", bytes: [0x7f, 0, 0, 0, 2], want: /of 2130706432 bytes/ },
    { name: "without a kind", bytes: [0, 0, 0, 0], want: /of 0 bytes/ },
    { name: "of an unknown kind", bytes: [0, 0, 0, 1, 9], want: /no known kind/ },
  ];
  for (const { name, bytes, want } of table) {
    it(`are refused when one is ${name}`, () => {
      assert.throws(
        () => new FrameReader().take(Buffer.from(bytes), () => assert.fail("a frame")),
        (error) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }
});
