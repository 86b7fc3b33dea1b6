// Runs every suite, each in a process of its own, and ends with one line that counts them all.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const suites = [
  ["unit and contract", ["dist/test/unit/**/*.test.js", "dist/test/contract/**/*.test.js"]],
  ["simulation", ["dist/test/simulation/**/*.test.js"]],
  ["mutation", ["dist/test/mutation/**/*.test.js"]],
  ["integration", ["dist/test/integration/**/*.test.js"]],
];
const wanted = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
let broken = false;

for (const [name, patterns] of suites) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const folders = patterns.map((pattern) => pattern.slice(0, pattern.indexOf("/**")));
  if (!folders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0)) continue;
  console.log(`\n=== ${name} ===`);
  const { code, counts } = await run(patterns);
  if (counts === undefined) {
    broken = true;
    console.log(`the ${name} tests ended without a result (exit code ${code})`);
    continue;
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  if (code !== 0 && counts.failed === 0) broken = true;
}
if (broken) total.failed += 1;
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);

function run(patterns) {
  return new Promise((resolve) => {
    const child = spawn("node_modules/.bin/mocha", [...patterns], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let tail = "";
    child.stdout.on("data", (chunk) => {
      process.stdout.write(chunk);
      tail = (tail + chunk.toString()).slice(-4096);
    });
    child.on("close", (code) => {
      const match = [...tail.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
      resolve({
        code,
        counts: match && {
          passed: Number(match[1]),
          failed: Number(match[2]),
          skipped: Number(match[3]),
        },
      });
    });
  });
}
