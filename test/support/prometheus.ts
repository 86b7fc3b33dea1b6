import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { httpGet } from "./test-cluster.ts";
import type { TestHost } from "./test-hosts.ts";

/** A target as Prometheus' API tells it. */
export interface PrometheusTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

/** A Prometheus on a test host, with a configuration of the caller's. */
export class TestPrometheus {
  readonly #host: TestHost;
  readonly #process: ChildProcess;

  /** Starts it; it ends with the host at the latest. Its output is in "prometheus.log" in the host's folder. */
  constructor(host: TestHost, config: string) {
    const folder = join(host.stateDir, "prometheus");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "prometheus.yml"), config);
    const log = openSync(join(host.stateDir, "prometheus.log"), "a");
    const args = [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:9090",
    ];
    this.#host = host;
    this.#process = host.spawn("prometheus", args, { stdio: ["ignore", log, log] });
    closeSync(log);
  }

  /** The active targets of a job. */
  async targets(job: string): Promise<PrometheusTarget[]> {
    const { activeTargets } = (await this.#get("targets?state=active")) as {
      activeTargets: PrometheusTarget[];
    };
    return activeTargets.filter(({ labels }) => labels["job"] === job);
  }

  /** The samples of an instant query: labels and value. */
  async query(expression: string): Promise<{ metric: Record<string, string>; value: string }[]> {
    const { result } = (await this.#get(`query?query=${encodeURIComponent(expression)}`)) as {
      result: { metric: Record<string, string>; value: [number, string] }[];
    };
    return result.map(({ metric, value }) => ({ metric, value: value[1] }));
  }

  stop(): void {
    this.#process.kill("SIGTERM");
  }

  async #get(path: string): Promise<unknown> {
    const text = await httpGet(this.#host, `http://127.0.0.1:9090/api/v1/${path}`);
    return (JSON.parse(text) as { data: unknown }).data;
  }
}
