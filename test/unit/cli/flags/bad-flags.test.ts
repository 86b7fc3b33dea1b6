import assert from "node:assert/strict";
import type { Command } from "commander";
import { allCommands, flagNames } from "../../../support/cli-commands.ts";
import { ControlDaemon } from "../../../support/control-daemon.ts";
import { sorted } from "../../../support/test-cluster.ts";
import type { BadFlagTable } from "./bad-flag-row.ts";
import { otherRows } from "./other-rows.ts";
import { changeRows, createRows } from "./service-rows.ts";

interface Tested {
  readonly command: string;
  readonly rows: BadFlagTable;
  /** The words that make it complete, after the flags. */
  readonly rest: readonly string[];
}

const services: readonly Tested[] = [
  { command: "service create", rows: createRows, rest: ["-d", "busybox"] },
  { command: "service update", rows: changeRows, rest: ["-d", "web"] },
];

const others: readonly Tested[] = Object.entries(otherRows).map(([command, rows]) => ({
  command,
  ...rows,
}));

describe("wrong values of flags", () => {
  let daemon: ControlDaemon;

  before(async () => {
    daemon = await ControlDaemon.start();
    const made = await daemon.skep("service", "create", "-d", "--name=web", "busybox");
    assert.equal(made.exitCode, 0, made.output);
  });
  after(async () => await daemon.stop());

  it("are tested for each flag of each command", async () => {
    for (const { path, command } of await allCommands()) {
      const own = services.find((each) => each.command === path);
      const rows = own?.rows ?? otherRows[path]?.rows ?? {};
      const wanted = own === undefined ? valuedFlags(command) : flagNames(command);
      assert.deepEqual(sorted(Object.keys(rows)), sorted(wanted), `rows of ${path}`);
    }
  });

  it("are refused for each switch of each command", async () => {
    for (const { path, command } of await allCommands()) {
      const valued = valuedFlags(command);
      for (const flag of flagNames(command).filter((each) => !valued.includes(each))) {
        const outcome = await daemon.skep(...path.split(" "), `${flag}=maybe`);
        assert.match(outcome.output, new RegExp(`"maybe" for ${flag}: it must be true or false`));
        assert.equal(outcome.exitCode, 125, path);
      }
    }
  });

  for (const { command, rows, rest } of [...services, ...others]) {
    describe(`of ${command}`, () => {
      for (const [flag, row] of Object.entries(rows)) {
        if ("none" in row) continue;
        for (const { args, want, by, exitCode, last = [] } of row) {
          it(`refuses ${[...args, ...last].join(" ")} (${flag})`, async () => {
            const before = everything();
            const outcome = await daemon.skep(...command.split(" "), ...args, ...rest, ...last);
            assert.match(outcome.output, want);
            const wanted = exitCode ?? (by === "daemon" ? 1 : 125);
            assert.equal(outcome.exitCode, wanted, outcome.output);
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

function valuedFlags(command: Command): string[] {
  return command.options
    .filter(({ required, optional }) => required || optional)
    .map(({ long, short }) => long ?? short ?? "");
}
