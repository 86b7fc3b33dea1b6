import assert from "node:assert/strict";
import type { ListFilters, ListFiltersInput } from "../../../../src/gen/skep/ListFilters.ts";
import {
  matchesNode,
  matchesService,
  matchesTask,
} from "../../../../src/manager/control/filters.ts";
import { describeEvent } from "../../../../src/manager/control/watch.ts";
import { messageCodec } from "../../../../src/rpc/load-proto.ts";
import type { StoreEvent } from "../../../../src/store/objects.ts";
import { aNode, aService, aServiceSpec, aTask } from "../../../support/builders.ts";
import { createMemoryStore } from "../../../support/memory-proposer.ts";

describe("manager: events", () => {
  const service = aService();
  const scaled = aService({ spec: aServiceSpec({ replicated: { replicas: 5 } }) });
  const leaving = aService({
    pendingDelete: true,
    spec: aServiceSpec({ annotations: { name: "web.removed.x" } }),
  });
  const cases: { name: string; event: StoreEvent; want: unknown }[] = [
    {
      name: "creation",
      event: { kind: "create", table: "service", object: service },
      want: ["create", { name: "web" }],
    },
    {
      name: "scaling",
      event: { kind: "update", table: "service", object: scaled, previous: service },
      want: ["update", { name: "web", "replicas.old": "1", "replicas.new": "5" }],
    },
    {
      name: "removal is told when asked for, by the old name",
      event: { kind: "update", table: "service", object: leaving, previous: service },
      want: ["remove", { name: "web" }],
    },
    {
      name: "and not again",
      event: { kind: "remove", table: "service", object: leaving, previous: leaving },
      want: undefined,
    },
    {
      name: "a node goes down",
      event: {
        kind: "update",
        table: "node",
        object: aNode({ status: { state: "DOWN" } }),
        previous: aNode(),
      },
      want: ["update", { name: "host1", "state.old": "ready", "state.new": "down" }],
    },
    {
      name: "tasks are not told",
      event: { kind: "create", table: "task", object: aTask() },
      want: undefined,
    },
  ];
  for (const { name, event, want } of cases) {
    it(name, () => {
      const message = describeEvent(event, 0);
      assert.deepEqual(message && [message.action, message.attributes], want);
    });
  }
});

describe("manager: list filters", () => {
  const codec = messageCodec<ListFiltersInput, ListFilters>("ListFilters");
  const filters = (given: ListFiltersInput) => codec.decode(codec.encode(given));
  const view = createMemoryStore().store.view();
  const node = aNode({
    spec: { annotations: { labels: { zone: "a" } }, desiredRole: "WORKER" },
    description: { hostname: "host1", engine: { labels: { disk: "ssd" } } },
  });
  const nodeCases: { given: ListFiltersInput; want: boolean }[] = [
    { given: {}, want: true },
    { given: { names: ["host1"] }, want: true },
    { given: { namePrefixes: ["ho"], idPrefixes: ["x"] }, want: false },
    { given: { labels: ["disk"] }, want: true },
    { given: { labels: ["disk=hdd"] }, want: false },
    { given: { labels: ["constructor"] }, want: false },
    { given: { nodeLabels: ["zone=a"] }, want: true },
    { given: { roles: ["MANAGER"] }, want: false },
    { given: { ids: ["node1", "x"], roles: ["MANAGER", "WORKER"] }, want: true },
  ];
  for (const { given, want } of nodeCases) {
    it(`node ${JSON.stringify(given)}`, () =>
      assert.equal(matchesNode(filters(given), node), want));
  }
  it("tasks by service, node and wish", () => {
    const task = aTask();
    assert.equal(
      matchesTask(filters({ serviceIds: ["service1"], desiredStates: ["RUNNING"] }), task, view),
      true,
    );
    assert.equal(matchesTask(filters({ nodeIds: ["other"] }), task, view), false);
    assert.equal(matchesTask(filters({ upToDate: true }), task, view), false);
  });
  it("services by mode", () => {
    assert.equal(matchesService(filters({ modes: ["replicated"] }), aService()), true);
    assert.equal(matchesService(filters({ modes: ["global-job"] }), aService()), false);
  });
});
