import assert from "node:assert/strict";
import fc from "fast-check";
import type { TaskInput } from "../../../src/gen/skep/Task.ts";
import type { TaskStatusInput } from "../../../src/gen/skep/TaskStatus.ts";
import { taskStates } from "../../../src/model/task-state.ts";
import { deepFreeze } from "../../../src/store/deep-freeze.ts";
import { completeObject, objectCodecs } from "../../../src/store/object-codecs.ts";
import { SharingCodec } from "../../../src/store/sharing-codec.ts";
import { FieldReader, FieldWriter } from "../../../src/store/wire.ts";

const plain = objectCodecs.task;
const text = fc.oneof(
  fc.string(),
  fc.string({ minLength: 100, maxLength: 200 }),
  fc.constant("ü€"),
);
const whole = fc.oneof(fc.nat(), fc.maxSafeNat());
const time = fc.record({ seconds: fc.maxSafeInteger(), nanos: fc.integer() }, { requiredKeys: [] });
const version = fc.record({ index: whole }, { requiredKeys: [] });
const annotations = fc.record(
  { name: text, labels: fc.dictionary(fc.stringMatching(/^[a-z.]+$/), text) },
  { requiredKeys: [] },
);
// A field that is new in the schema is missing here until both know it.
const statusFields = {
  timestamp: time,
  state: fc.constantFrom(...taskStates),
  message: text,
  err: text,
  container: fc.record(
    { containerId: text, pid: fc.maxSafeInteger(), exitCode: fc.integer() },
    { requiredKeys: [] },
  ),
  portStatus: fc.record({ ports: fc.array(fc.record({ targetPort: fc.nat(65_535) })) }),
  appliedBy: text,
  appliedAt: time,
  runningAt: time,
} satisfies Record<keyof TaskStatusInput, fc.Arbitrary<unknown>>;
const status = fc.record(statusFields, { requiredKeys: [] });
const taskFields = {
  id: text,
  meta: fc.record({ version, createdAt: time, updatedAt: time }, { requiredKeys: [] }),
  spec: fc.record({ container: fc.record({ image: text, env: fc.array(text) }) }),
  specVersion: version,
  serviceId: text,
  slot: whole,
  nodeId: text,
  annotations,
  serviceAnnotations: annotations,
  status,
  desiredState: fc.constantFrom(...taskStates),
  networks: fc.array(fc.record({ networkId: text, addresses: fc.array(text) })),
  endpoint: fc.record({ ports: fc.array(fc.record({ publishedPort: fc.nat(65_535) })) }),
  logDriver: fc.record({ name: text }),
  assignedGenericResources: fc.array(
    fc.record({ discrete: fc.record({ kind: text, value: fc.nat() }) }),
  ),
  jobIteration: version,
  moving: fc.boolean(),
} satisfies Record<keyof TaskInput, fc.Arbitrary<unknown>>;
const tasks: fc.Arbitrary<TaskInput> = fc.record(taskFields, { requiredKeys: [] });

describe("the codec of tasks", () => {
  it("says of every field the same as the general one, in both directions", () => {
    const codec = new SharingCodec();
    fc.assert(
      fc.property(tasks, (input) => {
        const made = completeObject("task", input);
        assert.deepEqual(codec.decode("task", plain.encode(made)), made);
        const encoded = codec.encode("task", deepFreeze(structuredClone(made)));
        assert.deepEqual(plain.decode(encoded), made);
        assert.deepEqual(codec.decode("task", encoded), made);
      }),
    );
  });

  it("leaves out what it does not know", () => {
    const bytes = Buffer.concat([plain.encode({ id: "a" }), Buffer.from([0xf8, 0x3f, 1])]);
    assert.equal(new SharingCodec().decode("task", bytes).id, "a");
  });

  it("refuses a state that it does not know", () => {
    assert.throws(
      () => new SharingCodec().decode("task", Buffer.from([0x58, 0x07])),
      new RangeError("no task state 7"),
    );
  });
});

describe("fields of a message", () => {
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 300_000]) {
    it(`within another one, ${length} bytes long`, () => {
      const writer = new FieldWriter();
      const start = writer.begin(1);
      writer.bytes(2, Buffer.alloc(length, 7));
      writer.end(start);
      writer.number(3, 5);
      const reader = new FieldReader(writer.take());
      assert.ok(reader.next());
      const inner = reader.inner();
      assert.ok(inner.next());
      assert.deepEqual(Buffer.from(inner.content()), Buffer.alloc(length, 7));
      assert.equal(inner.next(), false);
      assert.ok(reader.next());
      assert.deepEqual({ field: reader.field, value: reader.value }, { field: 3, value: 5 });
      assert.equal(reader.next(), false);
    });
  }
});
