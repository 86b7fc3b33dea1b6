import assert from "node:assert/strict";
import fc from "fast-check";
import type { TaskInput } from "../../../src/gen/skep/Task.ts";
import { deepFreeze } from "../../../src/store/deep-freeze.ts";
import { completeObject, objectCodecs } from "../../../src/store/object-codecs.ts";
import { SharingCodec } from "../../../src/store/sharing-codec.ts";
import { aCluster, aNode, aService, type aTask } from "../../support/builders.ts";

const plain = objectCodecs.task;

function task(input: TaskInput): ReturnType<typeof aTask> {
  return completeObject("task", input);
}

const tasks = fc
  .record(
    {
      id: fc.string(),
      slot: fc.nat(),
      nodeId: fc.string(),
      moving: fc.boolean(),
      meta: fc.record({ version: fc.record({ index: fc.nat() }) }),
      spec: fc.option(
        fc.record(
          { container: fc.record({ image: fc.string() }), forceUpdate: fc.nat() },
          { requiredKeys: [] },
        ),
      ),
      status: fc.option(
        fc.record(
          {
            message: fc.string(),
            timestamp: fc.record({ seconds: fc.nat(), nanos: fc.nat() }),
            container: fc.record({ containerId: fc.string(), pid: fc.nat() }),
            appliedAt: fc.record({ seconds: fc.nat() }),
          },
          { requiredKeys: [] },
        ),
      ),
    },
    { requiredKeys: [] },
  )
  .map(task);

describe("the codec that shares specs", () => {
  it("says the same as the plain one, in both directions", () => {
    const codec = new SharingCodec();
    fc.assert(
      fc.property(tasks, (made) => {
        assert.deepEqual(codec.decode("task", plain.encode(made)), made);
        const encoded = codec.encode("task", deepFreeze(structuredClone(made)));
        assert.deepEqual(plain.decode(encoded), made);
        assert.deepEqual(codec.decode("task", encoded), made);
      }),
    );
  });

  it("takes every other object as it is", () => {
    const codec = new SharingCodec();
    const given = { cluster: aCluster(), node: aNode(), service: aService() } as const;
    const { cluster, node, service } = given;
    assert.deepEqual(codec.decode("cluster", codec.encode("cluster", cluster)), cluster);
    assert.deepEqual(codec.decode("node", codec.encode("node", node)), node);
    assert.deepEqual(codec.decode("service", codec.encode("service", service)), service);
  });

  it("gives tasks with equal specs one spec, and others their own", () => {
    const codec = new SharingCodec();
    const spec = (image: string): TaskInput => ({ spec: { container: { image } } });
    const decoded = (id: string, image: string) =>
      codec.decode("task", plain.encode({ id, ...spec(image) }));
    const [first, second, other] = [
      decoded("a", "web:1"),
      decoded("b", "web:1"),
      decoded("c", "x"),
    ];
    assert.equal(first.spec, second.spec);
    assert.ok(Object.isFrozen(first.spec?.container));
    assert.equal(other.spec?.container?.image, "x");
    assert.equal(decoded("d", "web:1").spec, first.spec);
  });

  it("keeps nothing of the bytes that it was given", () => {
    const codec = new SharingCodec();
    const bytes = plain.encode({ id: "a", spec: { container: { image: "web:1" } } });
    const { spec } = codec.decode("task", bytes);
    const same = Buffer.from(bytes);
    bytes.fill(0);
    assert.equal(codec.decode("task", same).spec, spec);
  });

  it("encodes what may change yet as it is at that time", () => {
    const codec = new SharingCodec();
    const made = task({ id: "a", spec: { forceUpdate: 1 } });
    codec.encode("task", made);
    assert.ok(made.spec);
    made.spec.forceUpdate = 2;
    assert.equal(plain.decode(codec.encode("task", made)).spec?.forceUpdate, 2);
  });

  it("goes on with more specs than it remembers", () => {
    const codec = new SharingCodec();
    for (let round = 0; round < 2; round += 1) {
      for (let number = 0; number < 1_500; number += 1) {
        const given = deepFreeze(task({ id: "a", spec: { forceUpdate: number } }));
        const decoded = codec.decode("task", codec.encode("task", given));
        assert.equal(decoded.spec?.forceUpdate, number);
      }
    }
  });

  for (const [name, bytes] of [
    ["a length beyond the end", Buffer.from([0x1a, 0x7f, 1])],
    ["a number that is cut short", Buffer.from([0x30, 0xff])],
    ["field number 0", Buffer.from([0x00, 0x01])],
    ["a group, which proto3 lacks", Buffer.from([0x0b])],
  ] as const) {
    it(`refuses ${name}`, () => {
      assert.throws(() => new SharingCodec().decode("task", bytes), RangeError);
    });
  }
});
