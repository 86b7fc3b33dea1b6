import assert from "node:assert/strict";
import { examples } from "../../../src/cli/examples.ts";
import { makeProgram } from "../../../src/cli/program.ts";
import { allCommands, flagNames, type LeafCommand } from "../../support/cli-commands.ts";
import { wordsOf } from "../../support/command-steps.ts";
import { ControlDaemon } from "../../support/control-daemon.ts";
import { sorted } from "../../support/test-cluster.ts";

/** Lists without one of the usual flags, and why. */
const withoutFlag: Readonly<Record<string, readonly string[]>> = {
  // A handful of names in a file of the user.
  "context ls": ["--filter"],
};
/** Lists that show whole ids or none anyway. */
const nothingToShorten = [
  ...["node ls", "secret ls", "config ls", "stack ls", "context ls", "volume ls"],
];

describe("what is defined of every command", () => {
  let all: LeafCommand[];

  before(async () => {
    all = await allCommands();
  });

  it("has examples for each, and none for others", () => {
    assert.deepEqual(sorted(Object.keys(examples)), sorted(all.map(({ path }) => path)));
  });

  for (const [path, lines] of Object.entries(examples)) {
    for (const line of lines) {
      it(`reads its own example: ${line}`, async () => {
        const argv = wordsOf(skepPart(line)).slice(1);
        const program = await makeProgram(argv, () => assert.fail("nothing is run"));
        let command = program;
        for (const word of path.split(" ")) {
          const inner = command.commands.find((each) => each.name() === word);
          assert.ok(inner !== undefined, path);
          command = inner;
        }
        let read = 0;
        command.action(() => {
          read += 1;
        });
        await program.parseAsync(argv, { from: "user" });
        assert.equal(read, 1);
        assert.match(helpOf(command), /\nExamples:\n {2}\S/);
      });
    }
  }

  it("shows examples for skep itself and for each noun", async () => {
    for (const line of ["--help", "service --help", "swarm", "volume"]) {
      const daemon = await ControlDaemon.start();
      const { output } = await daemon.skep(...line.split(" "));
      await daemon.stop();
      assert.match(output, /\nExamples:\n {2}skep \S/, line);
    }
  });

  it("lists by --filter and --format, with --quiet and --no-trunc", () => {
    const missing = all.filter(isList).flatMap(({ path, command }) => {
      const wanted = ["--filter", "--format", "--quiet"];
      if (!nothingToShorten.includes(path)) wanted.push("--no-trunc");
      return wanted
        .filter((flag) => !flagNames(command).includes(flag))
        .filter((flag) => withoutFlag[path]?.includes(flag) !== true)
        .map((flag) => `${path} ${flag}`);
    });
    assert.deepEqual(missing, []);
  });

  it("inspects with --format", () => {
    const inspecting = all.filter(({ path }) => /\b(inspect|info|version)$/.test(path));
    assert.ok(inspecting.length >= 8);
    for (const { path, command } of inspecting) {
      assert.ok(flagNames(command).includes("--format"), path);
    }
  });

  it("has a word of help for each flag and argument's command", () => {
    for (const { path, command } of all) {
      assert.notEqual(command.description(), "", path);
      const silent = command.options.filter(({ description, hidden }) => !description && !hidden);
      assert.deepEqual(
        silent.map(({ long }) => `${path} ${long}`),
        [],
      );
    }
  });
});

describe("how skep ends", () => {
  let daemon: ControlDaemon;
  before(async () => {
    daemon = await ControlDaemon.start();
  });
  after(async () => await daemon.stop());

  const cases: { line: string; exitCode: number; want: RegExp }[] = [
    { line: "service", exitCode: 0, want: /Usage: skep service/ },
    { line: "service --help", exitCode: 0, want: /Usage: skep service/ },
    { line: "node ls -q", exitCode: 0, want: /^nodeabc/ },
    { line: "servise ls", exitCode: 1, want: /unknown command 'servise'.*Did you mean service\?/s },
    { line: "node promot n", exitCode: 1, want: /unknown command 'promot'.*Did you mean promote/s },
    { line: "swarm updat", exitCode: 1, want: /Did you mean update\?/ },
    { line: "stack depoy x", exitCode: 1, want: /Did you mean deploy\?/ },
    { line: "swarm nonsense", exitCode: 1, want: /unknown command 'nonsense'/ },
    { line: "service create", exitCode: 1, want: /missing required argument 'image'/ },
    { line: "service ls more", exitCode: 1, want: /too many arguments/ },
    { line: "swarm join 10.0.0.1:2377", exitCode: 1, want: /required option '--token <token>'/ },
    { line: "service create --replica 2 x", exitCode: 125, want: /Did you mean --replicas\?/ },
    { line: "node ls --qiet", exitCode: 125, want: /Did you mean --quiet\?/ },
    { line: "swarm init --advertise-adr 10.0.0.1", exitCode: 125, want: /--advertise-addr/ },
    { line: "stack deploy --compose-fil x s", exitCode: 125, want: /--compose-file/ },
    { line: "--nosuch", exitCode: 125, want: /unknown option '--nosuch'/ },
    { line: "service create --user", exitCode: 125, want: /option '-u, --user <user>' argument/ },
    { line: "service ls --filter web", exitCode: 125, want: /"web" for --filter.*key=value/ },
    { line: "service ls --filter color=red", exitCode: 1, want: /invalid filter/i },
    { line: "service inspect nosuch", exitCode: 1, want: /service nosuch not found/ },
    { line: "service scale web", exitCode: 125, want: /SERVICE=REPLICAS/ },
    { line: "service ls --format {{.Nope}}", exitCode: 0, want: /^$/ },
    {
      line: "node ls --format {{.Nope}}",
      exitCode: 125,
      want: /"{{.Nope}}" for --format: .*are \.ID/,
    },
    { line: "node ls --filter role=boss", exitCode: 1, want: /role=boss': use worker, manager/ },
    { line: "service ls --filter mode=x", exitCode: 1, want: /mode=x': use replicated, global,/ },
    {
      line: "volume ls --filter dangling=x",
      exitCode: 1,
      want: /dangling=\[x\]': use true or false/,
    },
    { line: "node rm ", exitCode: 125, want: /"" for <node>: it must be given, not empty/ },
    { line: "service update -d ", exitCode: 125, want: /"" for <service>: it must be given/ },
    {
      line: "service inspect --pretty --format json x",
      exitCode: 125,
      want: /left out where --pretty/,
    },
    {
      line: "swarm backup /does/not/b",
      exitCode: 125,
      want: /"\/does\/not\/b" for <file>: .*written/,
    },
    {
      line: "swarm restore /does/not/b",
      exitCode: 125,
      want: /"\/does\/not\/b" for <file>: .*read/,
    },
    { line: "node rm self", exitCode: 1, want: /node nodeabc/ },
    { line: "secret create s /tmp", exitCode: 125, want: /"\/tmp" for \[file\]: .*it is a folder/ },
  ];
  for (const { line, exitCode, want } of cases) {
    it(`ends "${line}" with ${exitCode}`, async () => {
      const outcome = await daemon.skep(...line.split(" "));
      assert.match(outcome.output, want);
      assert.equal(outcome.exitCode, exitCode, outcome.output);
    });
  }
});

// What a shell would give to skep of a whole command line.
function skepPart(line: string): string {
  return /skep [^|&<>)]*/.exec(line)?.[0].trim() ?? line;
}

function isList({ path }: LeafCommand): boolean {
  return /(^| )(ls|ps|services|images)$/.test(path);
}

function helpOf(command: LeafCommand["command"]): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}
