// Runs every suite in processes of their own, and ends with what failed, once more, and one line that counts them all.
// Usage: run-tests.mjs [unit|contract|simulation|mutation|integration …]
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

// Of the folder dist/test/<name>. Unit tests are dealt out to two processes. Integration tests mostly wait, for timeouts of real daemons, for containers: each file has a process of its own.
const suites = [
  { name: "unit", processes: 2 },
  { name: "contract", processes: 2 },
  { name: "simulation", processes: 1 },
  { name: "mutation", processes: 1 },
  { name: "integration", processes: Number.POSITIVE_INFINITY },
];
// Node reads these before it does anything else, 60 to 90 ms of CPU in each of hundreds of processes; no test needs them.
delete process.env.NODE_EXTRA_CA_CERTS;
/** So many processes run at a time. */
const lanes = 2;
const wanted = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, as mocha told it: shown last, where the reader of a long output looks. */
const failures = [];

for (const { name, processes } of suites) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const files = testFilesIn(join("dist/test", name));
  if (files.length === 0) continue;
  console.log(`\n=== ${name} ===`);
  if (processes === 1) await runCounted(name, files, (text) => process.stdout.write(text));
  else await runInLanes(name, dealtOut(files, processes));
}
if (failures.length > 0) console.log(`\n=== failed ===\n${failures.join("\n")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1; // process.exit would lose what a pipe has not taken yet

/** The largest files first, for they take longest. */
function dealtOut(files, processes) {
  const sorted = [...files].sort((a, b) => statSync(b).size - statSync(a).size);
  const count = Math.min(processes, sorted.length);
  return Array.from({ length: count }, (_, first) => sorted.filter((_, at) => at % count === first));
}

/** Each process's output is shown when it has ended. */
async function runInLanes(name, queue) {
  const lane = async () => {
    for (let files = queue.shift(); files !== undefined; files = queue.shift()) {
      const title = files.length === 1 ? files[0] : `${name}, ${files.length} files`;
      const startMs = Date.now();
      let output = "";
      await runCounted(title, files, (text) => {
        output += text;
      });
      console.log(`--- ${title} (${Math.round((Date.now() - startMs) / 1000)} s)\n${output}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function runCounted(name, files, print) {
  const { code, counts, output } = await run(files, print);
  total.passed += counts?.passed ?? 0;
  total.skipped += counts?.skipped ?? 0;
  // A run that ends badly although no test failed is a failure too.
  total.failed += counts?.failed || (code === 0 && counts ? 0 : 1);
  if (code === 0 && counts?.failed === 0) return;
  if (counts === undefined) print(`${name} ended without a result (exit code ${code})\n`);
  const told = output.search(/^ +\d+ failing$/m);
  failures.push(`--- ${name} (exit code ${code})\n${told >= 0 ? output.slice(told) : output.slice(-4096)}`);
}

function run(files, print) {
  return new Promise((resolve) => {
    const child = spawn("node_modules/.bin/mocha", files, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk) => {
      print(chunk);
      output = (output + stripVTControlCharacters(chunk)).slice(-65_536);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
    child.on("close", (code) => {
      const match = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
      resolve({
        code,
        output,
        counts: match && {
          passed: Number(match[1]),
          failed: Number(match[2]),
          skipped: Number(match[3]),
        },
      });
    });
  });
}

function testFilesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".test.js"))
    .sort()
    .map((name) => join(folder, name));
}
