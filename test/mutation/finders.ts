import { spawn } from "node:child_process";
import { join, sep } from "node:path";
import { assert } from "../../src/base/assert.ts";
import type { Finder } from "./mutant.ts";

/** What a finder had to say; undefined = nothing. */
export interface Finding {
  readonly finder: Finder;
  readonly found: string | undefined;
}

/** How long tests or the simulator may take, milliseconds; what takes longer has found nothing. */
const processMs = 180_000;
/** Seeds that the simulator tries: a number and no time, so that the same is found on any machine. */
const simulatedSeeds = 100;

const testFiles: Readonly<Record<Exclude<Finder, "simulation">, string>> = {
  directed: "core/!(golden).test.js",
  golden: "core/golden.test.js",
  driver: "node/*.test.js",
  storage: "storage/*.test.js",
  transport: "transport/*.test.js",
};

/** Lets finders look at the tree in `folder`. */
export async function look(
  finders: readonly Finder[],
  folder: string,
  root: string,
): Promise<readonly Finding[]> {
  const tests = await runTests(finders, folder, root);
  if (!finders.includes("simulation")) return tests;
  const main = join(folder, "test/mutation/simulate-main.js");
  const { code, output } = await run([main, String(simulatedSeeds)], root);
  assert(code !== undefined, "the simulation came to no end");
  const found = code === 0 ? undefined : (output.split("\n")[0] ?? "");
  return [...tests, { finder: "simulation", found }];
}

async function runTests(
  finders: readonly Finder[],
  folder: string,
  root: string,
): Promise<readonly Finding[]> {
  const wanted = finders.filter((finder) => finder !== "simulation");
  if (wanted.length === 0) return [];
  const mocha = join(root, "node_modules/mocha/bin/mocha.js");
  const files = wanted.map((finder) => join(folder, "test/unit/raft", testFiles[finder]));
  const options = ["--no-config", "--exit", "--reporter", "json", "--timeout", "5000"];
  const { output } = await run([mocha, ...options, ...files], root);
  const failures = failedTests(output);
  return wanted.map((finder) => {
    const failure = failures.find(({ file }) => finderOf(file) === finder);
    return { finder, found: failure?.fullTitle };
  });
}

function finderOf(file: string): Finder {
  const [name = "", folder = ""] = file.split(sep).reverse();
  if (folder === "node") return "driver";
  if (folder === "storage" || folder === "transport") return folder;
  return name === "golden.test.js" ? "golden" : "directed";
}

function failedTests(
  output: string,
): readonly { readonly file: string; readonly fullTitle: string }[] {
  const start = output.indexOf("{\n");
  assert(start >= 0, "the tests came to no end");
  return JSON.parse(output.slice(start)).failures;
}

function run(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | undefined; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      stdio: ["ignore", "pipe", "ignore"],
      timeout: processMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? undefined, output }));
  });
}
