import { strict as assert } from "node:assert";
import { DaemonMetrics } from "../../../src/daemon/metrics.ts";
import { serveMetrics } from "../../../src/daemon/metrics-server.ts";
import { aNode, aService, aTask } from "../../support/builders.ts";
import { createMemoryStore } from "../../support/memory-proposer.ts";

async function someMetrics(manager = true): Promise<DaemonMetrics> {
  const { store, seed } = createMemoryStore();
  await seed("node", aNode({ id: "n1", status: { state: "READY_NODE", message: "", addr: "" } }));
  await seed("service", aService({ id: "s1" }));
  await seed("task", aTask({ id: "t1", serviceId: "s1" }), aTask({ id: "t2", serviceId: "s1" }));
  return new DaemonMetrics({
    version: "1.2.3",
    swarmState: () => ({ nodeId: "n1", manager }),
    view: () => (manager ? store.view() : undefined),
    isLeader: () => manager,
    raft: () =>
      manager ? { term: 7, commit: 5, applied: 4, lastIndex: 6, pendingProposals: 1 } : undefined,
    runtime: { list: () => [] },
  });
}

describe("metrics", () => {
  it("have Swarm's names", async () => {
    const metrics = await someMetrics();
    metrics.observe("swarm_raft_transaction_latency_seconds", 0.02);
    metrics.countEvent();
    const text = await metrics.text();
    for (const line of [
      'engine_daemon_engine_info{version="1.2.3"} 1',
      'engine_daemon_container_states_containers{state="running"} 0',
      "engine_daemon_events_total 1",
      'swarm_manager_nodes{state="ready"} 1',
      'swarm_manager_nodes{state="down"} 0',
      'swarm_manager_tasks_total{state="new"}',
      'swarm_manager_tasks_total{state="orphaned"} 0',
      "swarm_manager_services_total 1",
      "swarm_manager_secrets_total 0",
      "swarm_manager_leader 1",
      "swarm_node_manager 1",
      'swarm_node_info{swarm_id="',
      "swarm_raft_transaction_latency_seconds_count 1",
      'swarm_raft_transaction_latency_seconds_bucket{le="0.01"} 0',
      'swarm_raft_transaction_latency_seconds_bucket{le="0.025"} 1',
      "swarm_raft_snapshot_latency_seconds_count 0",
      "swarm_store_write_tx_latency_seconds_count 0",
      "swarm_store_batch_latency_seconds_count 0",
      "swarm_store_read_tx_latency_seconds_count 0",
      "swarm_store_memory_store_lock_duration_seconds_count 0",
      "skep_raft_term 7",
      "nodejs_eventloop_lag_seconds",
    ]) {
      assert.ok(text.includes(`\n${line}`), `no "${line}" in\n${text}`);
    }
  });

  it("are plain on a worker", async () => {
    const text = await (await someMetrics(false)).text();
    assert.match(text, /\nswarm_node_manager 0\n/);
    assert.match(text, /\nswarm_manager_services_total 0\n/);
  });

  it("are served at /metrics and nowhere else", async () => {
    const port = 20_000 + (process.pid % 10_000);
    const metrics = await someMetrics();
    const close = await serveMetrics(`127.0.0.1:${port}`, metrics);
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
      assert.match(answer.headers.get("content-type") ?? "", /text\/plain/);
      assert.match(await answer.text(), /swarm_manager_leader 1/);
      assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
      await assert.rejects(serveMetrics(`127.0.0.1:${port}`, metrics), /metrics-addr.*EADDRINUSE/);
    } finally {
      await close();
    }
  });
});
