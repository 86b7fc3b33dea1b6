import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

// How long `skep --help` takes beside node that does nothing. `node dist/bench/startup.js [--turns 30]`

interface Measured {
  readonly wallMs: number[];
  readonly cpuMs: number[];
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const skep = join(root, "bin/skep");
const node = process.execPath;
const commands: readonly (readonly [name: string, file: string, args: readonly string[]])[] = [
  ["node -e 0", node, ["-e", "0"]],
  // As a person starts it: through its first line.
  ["skep --help", skep, ["--help"]],
  ["skep service create --help", skep, ["service", "create", "--help"]],
  ["node bin/skep --help", node, [skep, "--help"]],
  ["skep --help, as modules", node, [join(root, "dist/src/cli/main.js"), "--help"]],
];

const { values } = parseArgs({ options: { turns: { type: "string", default: "30" } } });
if (existsSync(join(root, "dist/.tsbuildinfo")) || !existsSync(join(root, "dist/skep/skep.cjs"))) {
  throw new Error("bin/skep would run the modules: build with `npm run build`");
}
const found = new Map<string, Measured>(
  commands.map(([name]) => [name, { wallMs: [], cpuMs: [] }]),
);
// In turns, so that what the machine does meanwhile meets all alike.
for (let turn = 0; turn < Number(values.turns); turn += 1) {
  for (const [name, file, args] of commands) {
    const cpuBefore = childrenCpuMs();
    const startMs = performance.now();
    const { status } = spawnSync(file, args, { stdio: "ignore" });
    if (status !== 0) throw new Error(`${name}: exit code ${status}`);
    found.get(name)?.wallMs.push(performance.now() - startMs);
    found.get(name)?.cpuMs.push(childrenCpuMs() - cpuBefore);
  }
}
for (const [name, { wallMs, cpuMs }] of found) {
  const [wall, least, cpu] = [median(wallMs), Math.min(...wallMs), median(cpuMs)];
  console.log(
    `${name.padEnd(28)} median ${wall.toFixed(0)} ms, least ${least.toFixed(0)} ms; CPU median ${cpu.toFixed(0)} ms`,
  );
}
const certificates = process.env["NODE_EXTRA_CA_CERTS"];
console.log(
  `load average ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}; NODE_EXTRA_CA_CERTS=${certificates ?? ""}`,
);

// User and system time of the children that have ended (proc(5): cutime, cstime), in ticks of 10 ms.
function childrenCpuMs(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
