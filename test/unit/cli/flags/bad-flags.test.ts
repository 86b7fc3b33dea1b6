import assert from "node:assert/strict";
import type { Command } from "commander";
import { makeProgram } from "../../../../src/cli/program.ts";
import { ControlDaemon } from "../../../support/control-daemon.ts";
import { sorted } from "../../../support/test-cluster.ts";
import type { BadFlagTable } from "./bad-flag-row.ts";
import { changeRows, createRows } from "./service-rows.ts";

interface Tested {
  readonly command: string;
  readonly rows: BadFlagTable;
  /** The words that make it complete, after the flags. */
  readonly rest: readonly string[];
}

const tested: readonly Tested[] = [
  { command: "service create", rows: createRows, rest: ["-d", "busybox"] },
  { command: "service update", rows: changeRows, rest: ["-d", "web"] },
];

describe("wrong values of flags", () => {
  let daemon: ControlDaemon;

  before(async () => {
    daemon = await ControlDaemon.start();
    const made = await daemon.skep("service", "create", "-d", "--name=web", "busybox");
    assert.equal(made.exitCode, 0, made.output);
  });
  after(async () => await daemon.stop());

  for (const { command, rows, rest } of tested) {
    describe(`of ${command}`, () => {
      it("has a row for each flag", async () => {
        const known = await flagsOf(command);
        assert.deepEqual(sorted(Object.keys(rows)), sorted(known));
      });
      for (const [flag, row] of Object.entries(rows)) {
        if ("none" in row) continue;
        for (const { args, want, by } of row) {
          it(`refuses ${args.join(" ")} (${flag})`, async () => {
            const before = everything();
            const outcome = await daemon.skep(...command.split(" "), ...args, ...rest);
            assert.match(outcome.output, want);
            assert.equal(outcome.exitCode, by === "daemon" ? 1 : 125, outcome.output);
            if (by !== "daemon") assert.deepEqual(outcome.writes, []);
            assert.deepEqual(everything(), before);
          });
        }
      }
    });
  }

  // Nothing was made, and nothing was changed.
  function everything(): unknown {
    const view = daemon.memory.store.view();
    return (["service", "network", "secret", "config", "node", "cluster"] as const).map((table) =>
      [...view.all(table)].map(({ id, meta }) => [id, meta?.version?.index]),
    );
  }
});

async function flagsOf(path: string): Promise<string[]> {
  const words = path.split(" ");
  const program: Command = await makeProgram(words, () => {
    throw new Error("no daemon is needed");
  });
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    assert.ok(next !== undefined, path);
    command = next;
  }
  return command.options.map(({ long, short }) => long ?? short ?? "");
}
