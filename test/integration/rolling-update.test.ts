import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import type { ServiceJson } from "../../src/rest/wire/service.ts";
import { type LoadResult, startRequestLoad } from "../support/request-load.ts";
import { serviceOf, skep, TestCluster, tasksOf } from "../support/test-cluster.ts";
import { until } from "../support/until.ts";
import { brokenImage, webImage } from "../support/web-image.ts";

const requestsPerSecond = 200;

describe("rolling updates", function () {
  this.timeout(90_000);
  let cluster: TestCluster;
  let vip = "";

  before(async () => {
    const images = [webImage("1"), webImage("2"), brokenImage];
    cluster = await TestCluster.create({ managers: 1, workers: 2, images });
    const { first } = cluster;
    await skep(first, "network", "create", "-d", "overlay", "back");
    const client = "service create -d --name client --network back --no-healthcheck skep-web:1";
    await skep(first, ...client.split(" "), "sleep", "1000");
    const web = "service create -d --name web --env DRAIN=1 --replicas 6 --network back -p 8080:80";
    const update = "--update-parallelism 2 --update-monitor 500ms";
    const rollback = "--rollback-parallelism 2 --rollback-monitor 500ms";
    await skep(
      first,
      ...`${web} ${update} ${rollback} --restart-delay 500ms skep-web:1`.split(" "),
    );
    await cluster.converged("web", 6);
    await cluster.converged("client", 1);
    vip = virtualIp(await serviceOf(first, "web"), await networkId(cluster));
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  it("updates and rolls back under load without a failed request", async () => {
    await underLoad("update", () => change("--image", "skep-web:2"), "completed", "2");
    await underLoad("rollback", () => change("--rollback"), "rollback_completed", "1");
  });

  it("does so start-first too, with never fewer tasks than wanted", async () => {
    let fewest = Number.POSITIVE_INFINITY;
    const change2 = async (): Promise<ServiceJson> => {
      await skep(
        cluster.first,
        ..."service update -d --update-order start-first --image skep-web:2 web".split(" "),
      );
      return await until("the end of the update", 60_000, async () => {
        const tasks = await tasksOf(cluster.first, "web");
        const running = tasks.filter(
          ({ Status, DesiredState }) => Status.State === "running" && DesiredState === "running",
        );
        fewest = Math.min(fewest, running.length);
        const service = await serviceOf(cluster.first, "web");
        return service.UpdateStatus?.State === "completed" && service;
      });
    };
    await underLoad("start-first update", change2, "completed", "2");
    assert.ok(fewest >= 6, `${fewest} tasks at the least`);
  });

  it("pauses when the new image fails, and serves on", async () => {
    await skep(
      cluster.first,
      ..."service update -d --update-order stop-first --image skep-web:broken web".split(" "),
    );
    const service = await ended(["paused"]);
    assert.match(
      service.UpdateStatus?.Message ?? "",
      /^update paused due to failure or early termination of task \w+$/,
    );
    const tasks = await tasksOf(cluster.first, "web");
    const good = tasks.filter(
      ({ Status, Spec }) =>
        Status.State === "running" && Spec.ContainerSpec?.Image?.startsWith("skep-web:2"),
    );
    assert.ok(good.length >= 4, `${good.length} of the old tasks run on`);
    await skep(cluster.first, ..."service update -d --image skep-web:1 web".split(" "));
    await ended(["completed"]);
    await cluster.converged("web", 6);
  });

  it("rolls back by itself when told to", async () => {
    const flags = "--update-failure-action rollback --image skep-web:broken";
    await skep(cluster.first, ...`service update -d ${flags} web`.split(" "));
    const service = await ended(["rollback_completed", "rollback_paused"]);
    assert.equal(service.UpdateStatus?.State, "rollback_completed");
    assert.equal(service.Spec.TaskTemplate.ContainerSpec?.Image, "skep-web:1");
    await cluster.converged("web", 6);
  });

  async function change(...flags: string[]): Promise<ServiceJson> {
    await skep(cluster.first, "service", "update", "-d", ...flags, "web");
    return await ended(["completed", "rollback_completed", "paused", "rollback_paused"]);
  }

  function ended(states: readonly string[]): Promise<ServiceJson> {
    return until(`update ${states.join(" or ")}`, 60_000, async () => {
      const service = await serviceOf(cluster.first, "web");
      return states.includes(service.UpdateStatus?.State ?? "") && service;
    });
  }

  // A client in a container asks the VIP, another a published port of a host with and one without the leader.
  async function underLoad(
    what: string,
    work: () => Promise<ServiceJson>,
    state: string,
    version: string,
  ): Promise<void> {
    const [client] = await cluster.containersOf("client");
    const { host } = must(cluster.workers[1], "a worker");
    const rate = requestsPerSecond / 2;
    const loads = [
      startRequestLoad(`/proc/${must(client, "the client").pid}/ns/net`, `http://${vip}/`, rate),
      startRequestLoad(`/run/netns/${host.name}`, `http://${cluster.first.host.ip}:8080/`, rate),
    ];
    let results: LoadResult[];
    try {
      const service = await work();
      assert.equal(service.UpdateStatus?.State, state);
      await cluster.converged("web", 6);
    } finally {
      results = await Promise.all(loads.map((load) => load.stop()));
    }
    for (const [index, { sent, ok, failures, bodies, worstMs }] of results.entries()) {
      const path = index === 0 ? "VIP" : "published port";
      console.log(
        `      ${what} by ${path}: ${ok} of ${sent} ok, slowest ${Math.round(worstMs)} ms`,
      );
      assert.deepEqual(failures, {}, `${what} by ${path}`);
      assert.equal(ok, sent);
      assert.ok((bodies[version] ?? 0) > 0, `version ${version} was seen by ${path}`);
    }
  }
});

async function networkId(cluster: TestCluster): Promise<string> {
  const { body } = await cluster.first.api("GET", "/networks/back");
  return (body as { Id: string }).Id;
}

function virtualIp(service: ServiceJson, network: string): string {
  const vip = service.Endpoint.VirtualIPs?.find(({ NetworkID }) => NetworkID === network);
  return must(vip?.Addr?.split("/")[0], "the VIP");
}
