import { strict as assert } from "node:assert";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "../../src/base/assert.ts";
import { coreMutants } from "./core-mutants.ts";
import { type Finding, look } from "./finders.ts";
import type { Finder, Mutant } from "./mutant.ts";
import { applyMutant, copyTree, removeTree } from "./mutant-copy.ts";
import { storageMutants } from "./storage-mutants.ts";
import { transportMutants } from "./transport-mutants.ts";

const mutants = [...coreMutants, ...storageMutants, ...transportMutants];
/** Copies of the code in which mutants are tried at the same time. */
const copies = 2;
const allFinders: readonly Finder[] = [
  "directed",
  "golden",
  "driver",
  "storage",
  "transport",
  "simulation",
];
// MUTATION_ALL=1: every finder looks for every mutant, and nothing is asked of them.
const isSurvey = process.env["MUTATION_ALL"] === "1";

// A test that cannot fail proves nothing: here each bug is made on purpose, and must be found.
describe("mutants of raft", function () {
  this.timeout(0);
  const dist = join(dirname(fileURLToPath(import.meta.url)), "../..");
  const root = rootOf(dist);
  const results = new Map<string, Promise<readonly Finding[]>>();
  const folders: string[] = [];

  before(async () => {
    for (let copy = 0; copy < copies; copy += 1) {
      const folder = await mkdtemp(join(tmpdir(), "skep-mutants-"));
      folders.push(folder);
      await copyTree(dist, root, folder);
    }
  });

  after(() => Promise.all(folders.map(removeTree)));

  it("are the only thing that is found", async () => {
    const findings = await look(allFinders, must(folders[0], "copy"), root);
    const found = findings.filter((finding) => finding.found !== undefined);
    assert.deepEqual(found, []);
    startAll();
  });

  /** Each copy takes the next mutant when it is free. */
  function startAll(): void {
    const settle = new Map<string, (result: Promise<readonly Finding[]>) => void>();
    for (const { name } of mutants) {
      results.set(name, new Promise((resolve) => settle.set(name, resolve)));
    }
    const queue = [...mutants];
    const work = async (folder: string): Promise<void> => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const result = tryMutant(mutant, folder);
        settle.get(mutant.name)?.(result);
        await result.catch(() => {}); // told by its own test
      }
    };
    for (const folder of folders) void work(folder);
  }

  async function tryMutant(mutant: Mutant, folder: string): Promise<readonly Finding[]> {
    const undo = await applyMutant(folder, mutant);
    try {
      return await look(isSurvey ? allFinders : mutant.foundBy, folder, root);
    } finally {
      await undo();
    }
  }

  for (const { name } of mutants) {
    it(name, async () => {
      const findings = await must(results.get(name), "result");
      process.stdout.write(`        ${describeFindings(findings)}\n`);
      const missed = findings.filter(({ found }) => found === undefined);
      if (!isSurvey) assert.deepEqual(missed, [], "it was not noticed");
      assert.ok(findings.length > 0, "somebody must look for it");
    });
  }

  it("have names of their own", () => {
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  });
});

/** One line. What tests said of a bug that they found is no failure, and is not to be taken for one in a log. */
function describeFindings(findings: readonly Finding[]): string {
  const names = findings.flatMap(({ finder, found }) => {
    if (found === undefined) return [];
    const seed = /^seed \d+/.exec(found)?.[0];
    return finder === "simulation" && seed !== undefined ? [`${finder} (${seed})`] : [finder];
  });
  return names.length === 0 ? "found by nobody" : `found by ${names.join(", ")}`;
}

function rootOf(dist: string): string {
  let folder = dist;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
