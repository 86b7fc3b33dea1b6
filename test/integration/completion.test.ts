import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { tryCommand } from "../../src/base/command.ts";
import { shells } from "../../src/cli/completion-scripts.ts";
import { Terminal } from "../support/terminal.ts";
import { nodesOf, skep, TestCluster } from "../support/test-cluster.ts";
import { binaries } from "../support/test-daemon.ts";
import { webImage } from "../support/web-image.ts";

/** How each shell is started without the settings of whoever runs the tests, and what loads our script. */
const starts = {
  bash: { command: "bash --norc --noprofile -i", load: "source <(skep completion bash)" },
  zsh: {
    command: "zsh -f -i",
    load: "autoload -U compinit && compinit -u -D && source <(skep completion zsh)",
  },
  fish: { command: "fish --no-config -i", load: "skep completion fish | source" },
};

describe("completion in real shells", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let env: NodeJS.ProcessEnv;
  let hostname = "";

  before(async () => {
    cluster = await TestCluster.create({ managers: 1, images: [webImage("1")] });
    const { first } = cluster;
    const home = join(first.host.stateDir, "home");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "compose-file.yaml"), "services: {web: {image: 'skep-web:1'}}\n");
    env = {
      PATH: [dirname(binaries.skep), process.env["PATH"]].join(delimiter),
      HOME: home,
      TERM: "dumb",
      SKEP_HOST: `unix://${first.socket}`,
    };
    const create = "service create -d --replicas 0 --name";
    for (const name of ["webshop", "database"]) {
      await skep(first, ...create.split(" "), name, "skep-web:1");
    }
    await skep(first, "network", "create", "backbone");
    hostname = (await nodesOf(first))[0]?.Description.Hostname ?? "";
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  /** What is typed, tabs and all, and what the completed command line then prints. */
  const lines: { name: string; keys: string; want: () => RegExp }[] = [
    {
      name: "a command and the name of a service",
      keys: "skep servi\tinsp\t-f '<{{.Spec.Name}}>' webs\t\r",
      want: () => /<webshop>/,
    },
    {
      name: "the name of a node",
      keys: `skep node inspect -f '<{{.Description.Hostname}}>' HOST\t\r`,
      want: () => new RegExp(`<${hostname}>`),
    },
    {
      name: "a flag, and a value behind its sign",
      keys: "skep service create -d --na\tSHELL --replicas 0 --endpoint-mode=dn\t--network=bac\tskep-web:1 && skep service inspect -f '<{{.Spec.EndpointSpec.Mode}}>' SHELL\r",
      want: () => /<dnsrr>/,
    },
    {
      name: "an image's tag",
      keys: "skep image inspect -f '<{{index .RepoTags 0}}>' skep-web:\t\r",
      want: () => /<skep-web:1>/,
    },
    {
      name: "a file where nothing else fits",
      keys: "skep stack config -c compose-f\t\r",
      want: () => /image: skep-web:1/,
    },
  ];

  for (const shell of shells) {
    const missing = spawnSync(shell, ["--version"]).error !== undefined;
    const title = missing ? ` (skipped: no ${shell} on this machine)` : "";
    describe(`${shell}${title}`, () => {
      before(function () {
        if (missing) this.skip();
      });

      for (const { name, keys, want } of lines) {
        it(name, async () => {
          const { command, load } = starts[shell];
          const terminal = new Terminal(command, env);
          try {
            await terminal.type(`cd; ${load}; echo '<'ready'>'\r`, /<ready>[\s\S]*[$%#>] *$/);
            const typed = keys.replace("HOST", hostname.slice(0, -1)).replaceAll("SHELL", shell);
            await terminal.type(typed, want());
          } finally {
            terminal.close();
          }
        });
      }
    });
  }

  it("is loaded by zsh from a file of $fpath, and helps at once", async function () {
    if (spawnSync("zsh", ["--version"]).error !== undefined) this.skip();
    const terminal = new Terminal(starts.zsh.command, env);
    try {
      const load =
        "cd; mkdir -p f; skep completion zsh >f/_skep; fpath=($PWD/f $fpath); autoload -U compinit; compinit -u -D";
      await terminal.type(`${load}; echo '<'ready'>'\r`, /<ready>[\s\S]*[$%#>] *$/);
      await terminal.type("skep service inspect -f '<{{.Spec.Name}}>' webs\t\r", /<webshop>/);
    } finally {
      terminal.close();
    }
  });

  it("tells fish what each word is for", async function () {
    if (spawnSync("fish", ["--version"]).error !== undefined) this.skip();
    const script = `skep completion fish | source; complete -C "skep node pro"; complete -C "skep service inspect "`;
    const { stdout } = await tryCommand("fish", ["--no-config", "-c", script], { env });
    assert.match(stdout, /^promote\t.+$/m);
    assert.match(stdout, /^database$/m);
    assert.match(stdout, /^webshop$/m);
    assert.doesNotMatch(stdout, /compose-file/);
  });
});
