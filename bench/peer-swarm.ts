import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { must } from "../src/base/assert.ts";
import { errorMessage } from "../src/base/errors.ts";
import type { DaemonKind } from "../test/support/test-daemon.ts";
import { createHosts, type TestNetwork } from "../test/support/test-hosts.ts";
import { runClientScript } from "./client-script.ts";
import { installPeer, said } from "./install-peer.ts";
import { type Figures, formatTable } from "./targets.ts";

// The same client script against Docker Swarm and against Skep, in one sitting. Usage: peer-swarm [--json FILE]

const { values: options } = parseArgs({ options: { json: { type: "string" } } });
let network: TestNetwork | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());

try {
  await main();
} catch (error) {
  process.stderr.write(`the bench failed: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const machine = `${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  const missing = await installPeer();
  if (missing !== undefined) print(`Docker Swarm is skipped: ${missing}`);
  const peer = missing === undefined ? await run("dockerd") : undefined;
  const ours = await run("skepd");
  const versions = `${missing === undefined ? await said("dockerd", "--version") : "no dockerd"}; client: ${await said("docker", "--version")}`;
  print(`\n${new Date().toISOString()}; ${machine}\n${versions}\n\n${formatTable(ours, peer)}`);
  if (options.json !== undefined) {
    const document = { date: new Date().toISOString(), machine, versions, peer, ours };
    writeFileSync(options.json, `${JSON.stringify(document, null, 2)}\n`);
  }
}

async function run(kind: DaemonKind): Promise<Figures> {
  // A busy machine makes both columns worthless: what else ran is told with them.
  print(
    `${kind}: load average before the start ${must(loadavg()[0], "a load average").toFixed(1)}`,
  );
  network = await createHosts(3);
  try {
    return await runClientScript(kind, network.hosts, (text) => print(`${kind}: ${text}`));
  } finally {
    await network.destroy();
    network = undefined;
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function leave(): Promise<never> {
  await network?.destroy();
  process.exit(130);
}
