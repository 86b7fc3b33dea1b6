import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const heap = new URL("../../../src/base/heap.js", import.meta.url).href;

/** Fills the young generation turn by turn, with a quarter that survives, and counts its collections once it has its full size. */
const program = `
import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers/promises";
import { collectOftenAndShortly } from ${JSON.stringify(heap)};
if (process.argv[1] === "often") collectOftenAndShortly();
let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === 1) collections += 1;
});
const kept = [];
async function fill(megabytes) {
  for (let turn = 0; turn < megabytes * 10; turn += 1) {
    for (let one = 0; one < 1_000; one += 1) {
      const object = { a: one, b: one, c: one, d: one, e: one, f: one, g: one, h: one, i: one, j: one };
      if (one % 4 === 0) kept[(turn * 250 + one / 4) % 200_000] = object;
    }
    await setImmediate();
  }
}
await fill(150);
observer.observe({ entryTypes: ["gc"] });
await fill(100);
await setTimeout(50);
process.stdout.write(String(collections));
`;

describe("the young generation", () => {
  it("is collected more often, so each time less, when that is asked for", function () {
    this.timeout(60_000);
    const counts = ["as ever", "often"].map((how) => {
      const args = ["--input-type=module", "-e", program, how];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.equal(stderr, "");
      return Number(stdout);
    }) as [number, number];
    const [asEver, often] = counts;
    assert.ok(asEver > 0 && often >= 2 * asEver, `${asEver}, then ${often}`);
  });
});
