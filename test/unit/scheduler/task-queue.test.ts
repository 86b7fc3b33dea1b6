import assert from "node:assert/strict";
import fc from "fast-check";
import { IdSet } from "../../../src/scheduler/id-set.ts";
import { TaskQueue } from "../../../src/scheduler/task-queue.ts";
import { aTask } from "../../support/builders.ts";

const waiting = (id: string, serviceId: string, nodeId = "") =>
  aTask({ id, serviceId, nodeId, status: { state: "PENDING" } });

describe("TaskQueue", () => {
  it("gives tasks out by group, in the order in which they came", () => {
    const queue = new TaskQueue();
    for (const [id, service] of [
      ["t1", "a"],
      ["t2", "b"],
      ["t3", "a"],
      ["t4", "a"],
    ] as const) {
      queue.add(waiting(id, service));
    }
    assert.equal(queue.size, 4);
    assert.deepEqual(queue.take(2), ["t1", "t3"]);
    assert.deepEqual(queue.take(2), ["t4"]);
    assert.deepEqual(queue.take(2), ["t2"]);
    assert.deepEqual(queue.take(2), []);
    assert.equal(queue.size, 0);
  });

  it("keeps versions of a service apart, and tasks of no service", () => {
    const queue = new TaskQueue();
    const add = (id: string, serviceId: string, index: number) =>
      queue.add(aTask({ id, serviceId, nodeId: "", specVersion: { index } }));
    add("t1", "a", 1);
    add("t2", "b", 1);
    add("t3", "a", 2);
    add("t4", "", 1);
    add("t5", "", 1);
    add("t6", "a", 1);
    const portions = Array.from({ length: 6 }, () => queue.take(9));
    assert.deepEqual(portions, [["t1", "t6"], ["t2"], ["t3"], ["t4"], ["t5"], []]);
    add("t7", "a", 1);
    assert.deepEqual(queue.take(9), ["t7"]);
  });

  it("gives out every task of a long line once and in order, also those that come meanwhile", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 230 })),
        fc.integer({ min: 1, max: 150 }),
        (adds, most) => {
          const queue = new TaskQueue();
          let added = 0;
          const taken: string[] = [];
          for (const count of adds) {
            for (const end = added + count; added < end; added += 1)
              queue.add(waiting(`${added}`, "a"));
            taken.push(...queue.take(most));
            assert.equal(queue.size, added - taken.length);
          }
          while (queue.size > 0) taken.push(...queue.take(most));
          assert.deepEqual(
            taken,
            Array.from({ length: added }, (_, number) => `${number}`),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives out first those that can go to one node only", () => {
    const queue = new TaskQueue();
    queue.add(waiting("t1", "a"));
    queue.add(waiting("t2", "b", "node1"));
    queue.add(waiting("t3", "c", "node2"));
    assert.deepEqual(queue.take(9), ["t2", "t3"]);
    assert.deepEqual(queue.take(9), ["t1"]);
  });

  it("takes a task again after it was given out, and none after it was cleared", () => {
    const queue = new TaskQueue();
    queue.add(waiting("t1", "a"));
    assert.deepEqual(queue.take(1), ["t1"]);
    queue.add(waiting("t1", "a"));
    assert.equal(queue.size, 1);
    queue.clear();
    assert.deepEqual([queue.size, queue.take(1)], [0, []]);
  });
});

describe("IdSet", () => {
  it("does what a Set does", () => {
    const id = fc.string({ minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 80 }), (steps) => {
        const [ours, model] = [new IdSet(), new Set<string>()];
        for (const [isAdd, text] of steps) {
          if (isAdd) assert.equal(ours.add(text), !model.has(text));
          else assert.equal(ours.delete(text), model.has(text));
          if (isAdd) model.add(text);
          else model.delete(text);
          assert.equal(ours.size, model.size);
          assert.equal(ours.has(text), isAdd);
        }
        assert.deepEqual(new Set(ours), model);
      }),
    );
  });
});
