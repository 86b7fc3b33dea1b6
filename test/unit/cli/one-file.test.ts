import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import nodeModule from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { binaries } from "../../support/test-daemon.ts";

const root = dirname(dirname(binaries.skep));
/** Where this build is: below it src/ and test/. */
const built = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

describe("the command line in one file", function () {
  this.timeout(60_000);
  let folder: string;
  let bundle: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-bundle-"));
    bundle = join(folder, "skep.cjs");
    const made = run(join(root, "scripts/bundle-cli.mjs"), built, bundle);
    assert.equal(made.status, 0, made.stderr);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const env = { ...process.env, SKEP_HOST: "unix:///does/not/exist" };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    return { status, stdout, stderr };
  }

  for (const line of [
    "--help",
    "service create --help",
    "service create --replicas x busybox",
    "stack config",
    "completion fish",
    "node ls",
    "__complete serv",
  ]) {
    it(`does as the modules do: skep ${line}`, () => {
      const words = line.split(" ");
      assert.deepEqual(run(bundle, ...words), run(join(built, "src/cli/main.js"), ...words));
    });
  }

  it("is started by a shell that hands the words on and spares node the extra certificates", () => {
    const file = join(folder, "skep");
    const start = readFileSync(binaries.skep, "utf8").split("\n", 2);
    const probe =
      "console.log(JSON.stringify([process.argv.slice(2), process.env.NODE_EXTRA_CA_CERTS ?? null]))";
    writeFileSync(file, [...start, probe].join("\n"), { mode: 0o755 });
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: "/does/not/exist" };
    const words = ["--format", "a 'b' \"c\"", "", "$HOME", "--env-file", "/does/not/exist"];
    const { stdout, stderr } = spawnSync(file, words, { encoding: "utf8", env });
    assert.deepEqual([stderr, JSON.parse(stdout)], ["", [words, null]]);
  });

  it("has V8's code beside it, which this node takes", () => {
    const script = new Script(nodeModule.wrap(readFileSync(bundle, "utf8")), {
      filename: bundle,
      cachedData: readFileSync(`${bundle}.code`),
    });
    assert.equal(script.cachedDataRejected, false);
  });
});
