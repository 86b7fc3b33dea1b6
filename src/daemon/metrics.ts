import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Meter } from "../base/meter.ts";
import { taskStates } from "../model/task-state.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { StoreView } from "../store/store-view.ts";

/** What the figures are read from when someone asks. */
export interface MetricsSources {
  readonly version: string;
  readonly swarmState: () => { readonly nodeId: string; readonly manager: boolean };
  /** The store of the manager on this node. */
  readonly view: () => StoreView | undefined;
  readonly isLeader: () => boolean;
  readonly raft: () => Readonly<Record<RaftFigure, number>> | undefined;
  readonly runtime: Pick<ContainerRuntime, "list">;
}

export type RaftFigure = "term" | "commit" | "applied" | "lastIndex" | "pendingProposals";

const nodeStates = {
  UNKNOWN: "unknown",
  DOWN: "down",
  READY_NODE: "ready",
  DISCONNECTED: "disconnected",
} as const;
const counted = ["services", "networks", "secrets", "configs"] as const;
const raftHelp: Readonly<Record<RaftFigure, [name: string, help: string]>> = {
  term: ["skep_raft_term", "The raft term"],
  commit: ["skep_raft_commit_index", "Index of the last entry known to be agreed on"],
  applied: ["skep_raft_applied_index", "Index of the last entry applied to the store"],
  lastIndex: ["skep_raft_last_index", "Index of the last entry of the log"],
  pendingProposals: ["skep_raft_pending_proposals", "Proposals that wait for agreement"],
};
/** Histograms by the names that `Meter.observe` is called with: Swarm's. */
const histogramHelp: Readonly<Record<string, string>> = {
  swarm_raft_transaction_latency_seconds: "Time from a proposal to its being applied",
  swarm_raft_snapshot_latency_seconds: "Time to encode and store a snapshot of the state",
  swarm_store_write_tx_latency_seconds: "Time from a transaction's commit to its being applied",
  swarm_store_batch_latency_seconds: "Time for all transactions of a batch",
  swarm_store_read_tx_latency_seconds: "Time until a read is known to see all writes before it",
  swarm_store_memory_store_lock_duration_seconds: "Time an entry that is applied holds the store",
  swarm_dispatcher_scheduling_delay_seconds: "Time from a task's creation to its running",
};
const buckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** The daemon's figures in Prometheus' text form, under the names that dockerd gives them (moby metrics, swarmkit collector). */
export class DaemonMetrics implements Meter {
  readonly #registry = new Registry();
  readonly #histograms: ReadonlyMap<string, Histogram>;
  readonly #events: Counter;

  constructor(sources: MetricsSources) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#histograms = new Map(
      Object.entries(histogramHelp).map(([name, help]) => [
        name,
        new Histogram({ name, help, buckets, registers }),
      ]),
    );
    this.#events = new Counter({
      name: "engine_daemon_events_total",
      help: "Events of this node",
      registers,
    });
    this.#addEngine(sources);
    this.#addCluster(sources);
    this.#addRaft(sources);
  }

  observe(name: string, value: number): void {
    this.#histograms.get(name)?.observe(value);
  }

  countEvent(): void {
    this.#events.inc();
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #gauge<Labels extends string = never>(
    name: string,
    help: string,
    collect: (gauge: Gauge<Labels>) => void,
    labelNames: readonly Labels[] = [],
  ): void {
    new Gauge<Labels>({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  }

  #addEngine({ version, runtime }: MetricsSources): void {
    this.#gauge(
      "engine_daemon_engine_info",
      "What this daemon is",
      (gauge) => gauge.set({ version }, 1),
      ["version"],
    );
    this.#gauge(
      "engine_daemon_container_states_containers",
      "Containers of this node by state",
      (gauge) => {
        const states = runtime.list().map(({ state }) => state);
        const running = states.filter((state) => state === "running").length;
        gauge.set({ state: "running" }, running);
        gauge.set({ state: "paused" }, 0); // there is no pausing here
        gauge.set({ state: "stopped" }, states.length - running);
      },
      ["state"],
    );
  }

  #addCluster({ swarmState, view, isLeader }: MetricsSources): void {
    this.#gauge(
      "swarm_node_info",
      "The node's id in the cluster",
      (gauge) =>
        gauge.set({ swarm_id: view()?.cluster()?.id ?? "", node_id: swarmState().nodeId }, 1),
      ["swarm_id", "node_id"],
    );
    this.#gauge("swarm_node_manager", "Whether this node is a manager", (gauge) =>
      gauge.set(swarmState().manager ? 1 : 0),
    );
    this.#gauge("swarm_manager_leader", "Whether this manager is the leader", (gauge) =>
      gauge.set(isLeader() ? 1 : 0),
    );
    for (const table of counted) {
      this.#gauge(`swarm_manager_${table}_total`, `The ${table} of the cluster`, (gauge) => {
        gauge.set(view()?.count(singular[table]) ?? 0);
      });
    }
    this.#gauge(
      "swarm_manager_nodes",
      "Nodes of the cluster by state",
      (gauge) => {
        for (const state of Object.values(nodeStates)) gauge.set({ state }, 0);
        for (const { status } of view()?.all("node") ?? []) {
          gauge.inc({ state: nodeStates[status?.state ?? "UNKNOWN"] });
        }
      },
      ["state"],
    );
    this.#gauge(
      "swarm_manager_tasks_total",
      "Tasks of the cluster by state",
      (gauge) => {
        for (const state of taskStates) gauge.set({ state: state.toLowerCase() }, 0);
        for (const { status } of view()?.all("task") ?? []) {
          gauge.inc({ state: (status?.state ?? "NEW").toLowerCase() });
        }
      },
      ["state"],
    );
  }

  #addRaft({ raft }: MetricsSources): void {
    for (const [figure, [name, help]] of Object.entries(raftHelp)) {
      this.#gauge(name, help, (gauge) => {
        const figures = raft();
        if (figures !== undefined) gauge.set(figures[figure as RaftFigure]);
      });
    }
  }
}

const singular = {
  services: "service",
  networks: "network",
  secrets: "secret",
  configs: "config",
} as const;
