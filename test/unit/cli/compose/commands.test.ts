import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { silentLogger } from "../../../../src/base/log.ts";
import { ApiClient } from "../../../../src/cli/client.ts";
import { makeProgram } from "../../../../src/cli/program.ts";
import { problemText, type Session } from "../../../../src/cli/session.ts";
import { RestApp } from "../../../../src/rest/app.ts";
import { RestServer } from "../../../../src/rest/server.ts";
import { composeFolder } from "../../../support/compose-files.ts";
import { FakeBackend } from "../../../support/fake-backend.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { seededRandom } from "../../../support/seeded-random.ts";

const compose = `
services:
  web:
    image: busybox
    networks: [front]
    secrets: [key]
    depends_on: {db: {condition: service_started}}
  db:
    image: busybox
networks: {front: {}}
secrets: {key: {file: key.txt}}
`;

describe("the commands of skep stack", () => {
  let folder: string;
  let server: RestServer;
  let backend: FakeBackend;
  const exitCodeBefore = process.exitCode;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "skep-stack-"));
    const deps = { clock: new FakeClock(), random: seededRandom(1), log: silentLogger };
    backend = new FakeBackend(deps);
    server = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
    await server.listen({ kind: "unix", path: join(folder, "s") });
    writeFileSync(join(folder, "key.txt"), "data");
    writeFileSync(join(folder, "a.yml"), compose);
    writeFileSync(join(folder, "b.yml"), "services:\n  web: {image: busybox, hostname: h}\n");
    writeFileSync(join(folder, "bad.yml"), "services:\n  web: {imag: x}\n");
    writeFileSync(
      join(folder, "out.yml"),
      "services:\n  web: {image: x, networks: [n]}\nnetworks: {n: {external: true}}\n",
    );
  });

  after(async () => {
    process.exitCode = exitCodeBefore;
    await server.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the command prints, or the error it ends with, and the exit code it asks for. */
  async function run(line: string): Promise<{ text: string; exitCode: unknown }> {
    const argv = line
      .replaceAll("@", `${folder}/`)
      .split(" ")
      .map((word) => word.replaceAll("|", " "));
    const printed: string[] = [];
    const session: Session = {
      client: new ApiClient(`unix://${join(folder, "s")}`),
      print: (text) => void printed.push(text),
      warn: (text) => void printed.push(text),
      terminal: false,
      columns: 80,
      interrupted: new AbortController().signal,
      now: () => new FakeClock().now(),
    };
    const program = await makeProgram(argv, () => session);
    quiet(program);
    process.exitCode = undefined;
    try {
      await program.parseAsync(argv, { from: "user" });
    } catch (error) {
      printed.push(error instanceof CommanderError ? error.message : problemText(error));
    }
    const { exitCode } = process;
    process.exitCode = exitCodeBefore;
    return { text: printed.join("\n"), exitCode };
  }

  function quiet(command: Awaited<ReturnType<typeof makeProgram>>): void {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
    for (const inner of command.commands) quiet(inner);
  }

  const lines: { line: string; want: RegExp; exitCode?: number }[] = [
    { line: "stack ls", want: /^NAME +SERVICES$/ },
    { line: "stack rm shop", want: /^Nothing found in stack: shop$/ },
    { line: "stack ps shop", want: /nothing found in stack: shop/ },
    { line: "stack services shop", want: /^Nothing found in stack: shop$/ },

    { line: "stack deploy shop", want: /name a compose file with -c/ },
    { line: "stack deploy -c @none.yml shop", want: /ENOENT/ },
    { line: "stack deploy -c @bad.yml shop", want: /bad\.yml:2:9: .*did you mean image\?/ },
    {
      line: "stack deploy -c @a.yml --resolve-image sometimes shop",
      want: /always, changed, never/,
    },
    { line: "stack deploy -c @a.yml bad/name", want: /cannot be the name of a stack/ },
    {
      line: "stack deploy -c @out.yml shop",
      want: /network "n" is declared as external, but could not be found/,
    },
    {
      line: "stack diff -c @a.yml shop",
      want: /^\+ network shop_default \(overlay\)\n\+ network shop_front \(overlay\)\n\+ secret shop_key\n\+ service shop_db\n/,
      exitCode: 2,
    },
    {
      line: "stack deploy --dry-run -c @a.yml shop",
      want: /Placement:\nservice shop_db\n {4}host1: 1 new task\n/,
      exitCode: 2,
    },
    { line: "stack ls", want: /^NAME +SERVICES$/ },
    {
      line: "stack deploy -c @a.yml shop",
      want: /^Creating network shop_default\n.*shop_front\nCreating secret shop_key\nCreating service shop_db\nCreating service shop_web$/,
    },
    { line: "stack ls", want: /shop +2$/ },
    { line: "stack ls --format {{.Name}}:{{.Orchestrator}}", want: /^shop:Swarm$/ },
    {
      line: "stack services --format table|{{upper|.Name}}\\t{{.Mode}} shop",
      want: /^NAME +MODE\nSHOP_DB +replicated\n/,
    },
    { line: "stack services --format {{.Name}} shop", want: /^shop_db\nshop_web$/ },
    { line: "stack services --filter name=shop_web -q shop", want: /^\w{12}$/ },
    { line: "stack ps --format {{.Name}} shop", want: /^shop_db\.1\nshop_web\.1$/ },
    { line: "stack diff -c @a.yml shop", want: /^no changes$/ },
    {
      line: "stack deploy -c @a.yml shop",
      want: /^Service shop_db is as it should be\nService shop_web is as it should be$/,
    },
    {
      line: "stack diff -c @a.yml -c @b.yml shop",
      want: /^~ service shop_web\n {4}\+ TaskTemplate\.ContainerSpec\.Hostname: "h"$/,
      exitCode: 2,
    },
    {
      line: "stack diff -c @b.yml --prune --resolve-image changed shop",
      want: /- service shop_db/,
      exitCode: 2,
    },
    {
      line: "stack deploy -c @b.yml --prune shop",
      want: /^Removing service shop_db\nUpdating service shop_web \(id: \w+\)$/,
    },
    { line: "stack deploy -c @b.yml --wait-timeout soon shop", want: /--wait-timeout/ },
    {
      line: "stack rm shop",
      want: /^Removing service shop_web\nRemoving secret shop_key\nRemoving network shop_default\nRemoving network shop_front$/,
    },
    { line: "stack ls --services", want: /unknown option/ },
  ];
  for (const { line, want, exitCode } of lines) {
    it(line, async () => {
      const result = await run(line);
      assert.match(result.text, want);
      assert.equal(result.exitCode, exitCode);
    });
  }

  const stacks: { name: string; files: string[]; before?: string[] }[] = [
    { name: "web", files: ["web/compose.yml"] },
    { name: "voting", files: ["voting/compose.yml"] },
    {
      name: "monitoring",
      files: ["monitoring/compose.yml"],
      before: ["network create shared", "secret create grafana @key.txt"],
    },
    { name: "short", files: ["short/compose.yml"] },
    { name: "two", files: ["two/compose.yml", "two/override.yml"] },
  ];
  for (const { name, files, before = [] } of stacks) {
    it(`finds nothing to change in stack ${name} after deploying it`, async () => {
      for (const line of before) await run(line);
      const flags = `--resolve-image never ${files.map((file) => `-c ${join(composeFolder, file)}`).join(" ")}`;
      assert.match((await run(`stack deploy ${flags} ${name}`)).text, /Creating service/);
      const { text, exitCode } = await run(`stack diff ${flags} ${name}`);
      const said = text.split("\n").filter((line) => !line.includes(".yml:"));
      assert.deepEqual(said, ["no changes"]);
      assert.equal(exitCode, undefined);
    });
  }
});
