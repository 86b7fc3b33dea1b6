import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type PrometheusTarget, TestPrometheus } from "../../support/prometheus.ts";
import {
  nodeIdOf,
  serviceOf,
  skep,
  sorted,
  TestCluster,
  tasksOf,
} from "../../support/test-cluster.ts";
import { until } from "../../support/until.ts";
import { webImage } from "../../support/web-image.ts";

const probe = spawnSync("prometheus", ["--version"], { timeout: 30_000 });
const title = probe.status === 0 ? "" : " (skipped: no prometheus on this machine)";
const metricsPort = 9323;

/** Discovers through the daemon's socket; only the nodes' own metrics can be scraped from where it runs. */
const config = (socket: string): string => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
${["nodes", "services", "tasks"]
  .map(
    (role) => `
  - job_name: ${role}
    dockerswarm_sd_configs:
      - { host: "unix://${socket}", role: ${role}, refresh_interval: 1s${role === "nodes" ? `, port: ${metricsPort}` : ""} }
`,
  )
  .join("")}`;

describe(`Prometheus discovers the cluster and scrapes its daemons${title}`, function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let prometheus: TestPrometheus;

  before(async function () {
    if (probe.status !== 0) this.skip();
    const daemonArgs = ["--metrics-addr", `0.0.0.0:${metricsPort}`];
    const images = [webImage("1")];
    cluster = await TestCluster.create({ managers: 1, workers: 1, images, daemonArgs });
    await skep(cluster.first, "network", "create", "-d", "overlay", "front");
    const flags = "--replicas 2 --network front -p 8087:80 --label tier=web --container-label a=b";
    await skep(
      cluster.first,
      ..."service create -d --name web".split(" "),
      ...flags.split(" "),
      "skep-web:1",
    );
    await cluster.converged("web", 2);
    prometheus = new TestPrometheus(cluster.first.host, config(cluster.first.socket));
  });

  after(async function () {
    this.timeout(30_000);
    prometheus?.stop();
    await cluster?.destroy();
  });

  const targets = async (job: string, count: number): Promise<PrometheusTarget[]> =>
    await until(`${count} targets of ${job}`, 30_000, async () => {
      const found = await prometheus.targets(job).catch(() => []);
      return found.length === count && found;
    });

  const values = (found: readonly PrometheusTarget[], label: string): string[] =>
    sorted(
      found.map(({ discoveredLabels }) => discoveredLabels[`__meta_dockerswarm_${label}`] ?? ""),
    );

  it("discovers the nodes", async () => {
    const found = await targets("nodes", 2);
    const ids = await Promise.all(cluster.members.map(nodeIdOf));
    assert.deepEqual(values(found, "node_id"), sorted(ids));
    assert.deepEqual(values(found, "node_role"), ["manager", "worker"]);
    assert.deepEqual(values(found, "node_status"), ["ready", "ready"]);
    assert.deepEqual(
      values(found, "node_address"),
      sorted(cluster.members.map(({ host }) => host.ip)),
    );
    assert.deepEqual(values(found, "node_manager_leader"), ["", "true"]);
    assert.deepEqual(values(found, "node_platform_os"), ["linux", "linux"]);
  });

  it("scrapes every daemon's metrics", async () => {
    await until("both nodes are up", 20_000, async () => {
      const up = await prometheus.query('up{job="nodes"} == 1');
      return up.length === 2;
    });
    const nodes = await prometheus.query("engine_daemon_engine_info");
    assert.equal(nodes.length, 2, JSON.stringify(nodes));
  });

  it("discovers the service by its virtual IP, with labels and port", async () => {
    const found = await until("the service's targets", 30_000, async () => {
      const all = await prometheus.targets("services").catch(() => []);
      return all.length > 0 && all;
    });
    const { ID, Endpoint } = await serviceOf(cluster.first, "web");
    assert.deepEqual(new Set(values(found, "service_id")), new Set([ID]));
    assert.deepEqual(new Set(values(found, "service_name")), new Set(["web"]));
    assert.deepEqual(new Set(values(found, "service_mode")), new Set(["replicated"]));
    assert.deepEqual(new Set(values(found, "service_label_tier")), new Set(["web"]));
    assert.deepEqual(
      new Set(values(found, "service_endpoint_port_publish_mode")),
      new Set(["ingress"]),
    );
    assert.deepEqual(sorted(new Set(values(found, "network_name"))), ["front", "ingress"]);
    const addresses = found.map(({ discoveredLabels }) => discoveredLabels["__address__"]);
    const vips = (Endpoint.VirtualIPs ?? []).map(({ Addr }) => `${Addr?.split("/")[0]}:8087`);
    assert.deepEqual(sorted(addresses.map(String)), sorted(vips));
  });

  it("discovers the tasks with their addresses, slots, states and containers", async () => {
    const tasks = await tasksOf(cluster.first, "web");
    const found = await until("the tasks' targets", 30_000, async () => {
      const all = await prometheus.targets("tasks").catch(() => []);
      return new Set(values(all, "task_id")).size === tasks.length && all;
    });
    assert.deepEqual(sorted(new Set(values(found, "task_id"))), sorted(tasks.map(({ ID }) => ID)));
    assert.deepEqual(sorted(new Set(values(found, "task_slot"))), ["1", "2"]);
    assert.deepEqual(sorted(new Set(values(found, "task_state"))), ["running"]);
    assert.deepEqual(sorted(new Set(values(found, "container_label_a"))), ["b"]);
    const containers = tasks.map(({ Status }) => Status.ContainerStatus?.ContainerID ?? "");
    assert.deepEqual(sorted(new Set(values(found, "task_container_id"))), sorted(containers));
    assert.deepEqual(sorted(new Set(values(found, "service_name"))), ["web"]);
    assert.deepEqual(sorted(new Set(values(found, "node_role"))), ["manager", "worker"]);
  });
});
