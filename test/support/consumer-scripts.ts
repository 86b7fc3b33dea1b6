import assert from "node:assert/strict";
import { must } from "../../src/base/assert.ts";
import { tryCommand } from "../../src/base/command.ts";
import type { TestCluster } from "./test-cluster.ts";
import type { TestDaemon } from "./test-daemon.ts";

/** Runs a program that finds the cluster as Docker's clients do, by DOCKER_HOST; fails with all it said. Gives its output. */
export async function runScript(
  cluster: TestCluster,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(file, args, {
    timeoutMs: 110_000,
    env: { ...clusterEnvironment(cluster), ...env },
  });
  assert.equal(exitCode, 0, `${file} ${args.join(" ")}: ${stdout}\n${stderr}`);
  return stdout;
}

/** DOCKER_HOST is the first daemon; WORKER_HOST and SPARE_HOST are the first of these, where there are any. */
export function clusterEnvironment(cluster: TestCluster): Record<string, string> {
  const url = (daemon: TestDaemon | undefined): string => (daemon ? `unix://${daemon.socket}` : "");
  const first = must(cluster.daemons[0], "a daemon");
  const [worker] = cluster.workers;
  const [spare] = cluster.spares;
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: first.host.stateDir,
    LANG: "C.UTF-8",
    PYTHONDONTWRITEBYTECODE: "1",
    DOCKER_HOST: url(first),
    WORKER_HOST: url(worker),
    SPARE_HOST: url(spare),
    MANAGER_ADDRESS: `${first.host.ip}:2377`,
    SPARE_ADDRESS: spare?.host.ip ?? "",
  };
}
