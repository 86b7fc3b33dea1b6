import assert from "node:assert/strict";
import { docker, nodeIdOf, skep, TestCluster } from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

interface Told {
  readonly Type: string;
  readonly Action: string;
  readonly scope: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

describe("events of the past", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let sinceSeconds = 0;

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, workers: 1, images: [webImage("1")] });
    const { first } = cluster;
    sinceSeconds = Math.floor(Date.now() / 1000) - 1;
    await skep(first, ..."network create -d overlay past".split(" "));
    const create = "service create -d --name web --no-healthcheck --replicas 1 skep-web:1";
    await skep(first, ...create.split(" "));
    await cluster.converged("web", 1);
    await skep(first, ..."service update -d --replicas 2 web".split(" "));
    await cluster.converged("web", 2);
    const [worker] = cluster.workers;
    assert(worker !== undefined);
    await skep(first, "node", "update", "--availability", "pause", await nodeIdOf(worker));
    await skep(first, "service", "rm", "web");
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  for (const [name, run] of [
    ["docker", docker],
    ["skep", skep],
  ] as const) {
    const events = async (...filters: string[]): Promise<Told[]> => {
      const range = [
        "--since",
        String(sinceSeconds),
        "--until",
        String(Math.floor(Date.now() / 1000)),
      ];
      const flags = filters.flatMap((filter) => ["--filter", filter]);
      const text = await run(cluster.first, "events", ...range, ...flags, "--format", "{{json .}}");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Told);
    };

    describe(`by ${name}`, () => {
      const cases: { filters: string[]; want: [string, string, Record<string, string>][] }[] = [
        {
          filters: ["type=network", "scope=swarm"],
          want: [["network", "create", { name: "past" }]],
        },
        {
          filters: ["type=service", "event=create", "event=remove"],
          want: [
            ["service", "create", { name: "web" }],
            ["service", "remove", { name: "web" }],
          ],
        },
        {
          filters: ["service=web", "event=update"],
          want: [["service", "update", { name: "web", "replicas.old": "1", "replicas.new": "2" }]],
        },
        {
          filters: ["type=node", "event=update"],
          want: [["node", "update", { "availability.old": "active", "availability.new": "pause" }]],
        },
      ];
      for (const { filters, want } of cases) {
        it(`tells those of ${filters.join(", ")}`, async () => {
          const told = await until("the events", 10_000, async () => {
            const all = await events(...filters);
            return all.length >= want.length ? all : undefined;
          });
          for (const [type, action, attributes] of want) {
            const found = told.some(
              ({ Type, Action, scope, Actor }) =>
                Type === type &&
                Action === action &&
                scope === "swarm" &&
                Object.entries(attributes).every(([key, value]) => Actor.Attributes[key] === value),
            );
            assert(
              found,
              `no ${type} ${action} ${JSON.stringify(attributes)} in ${JSON.stringify(told)}`,
            );
          }
        });
      }

      it("tells them in order of time, containers' among them, and none from before", async () => {
        const told = await events();
        const times = told.map(({ timeNano }) => timeNano);
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
        );
        assert(told.every(({ time }) => time >= sinceSeconds));
        assert.deepEqual(new Set(told.map(({ scope }) => scope)), new Set(["swarm", "local"]));
      });
    });
  }
});
