import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import { silentLogger } from "../../../src/base/log.ts";
import { ApiClient, ApiError } from "../../../src/cli/client.ts";
import { complete } from "../../../src/cli/complete.ts";
import { makeProgram, withHelpLast } from "../../../src/cli/program.ts";
import { pinImage } from "../../../src/cli/service/pin-image.ts";
import { problemText, type Session } from "../../../src/cli/session.ts";
import { RestApp } from "../../../src/rest/app.ts";
import { RestServer } from "../../../src/rest/server.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("the commands of skep", () => {
  let folder: string;
  let server: RestServer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "skep-cli-"));
    const deps = { clock: new FakeClock(), random: seededRandom(1), log: silentLogger };
    const backend = new FakeBackend(deps);
    server = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
    await server.listen({ kind: "unix", path: join(folder, "s") });
  });

  after(async () => {
    await server.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });

  function sessionOf(
    print: (text: string) => void,
    client = new ApiClient(`unix://${join(folder, "s")}`),
  ): () => Session {
    return () => ({
      client,
      print,
      warn: print,
      terminal: false,
      columns: 80,
      interrupted: new AbortController().signal,
      now: () => new FakeClock().now(),
    });
  }

  /** What the command prints, or the error it ends with. */
  async function run(line: string, client?: ApiClient): Promise<string> {
    const argv = line.split(" ");
    const printed: string[] = [];
    const program = await makeProgram(
      argv,
      sessionOf((text) => void printed.push(text), client),
    );
    quiet(program);
    try {
      await program.parseAsync(argv, { from: "user" });
      return printed.join("\n");
    } catch (error) {
      if (error instanceof CommanderError) return error.message;
      return problemText(error);
    }
  }

  function quiet(command: Awaited<ReturnType<typeof makeProgram>>): void {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
    for (const inner of command.commands) quiet(inner);
  }

  const lines: { line: string; want: RegExp }[] = [
    {
      line: "node ls",
      want: /^ID +HOSTNAME +STATUS +AVAILABILITY +MANAGER STATUS +ENGINE VERSION/,
    },
    { line: "node ls", want: /\* +host1 +Ready +Active +Leader/ },
    { line: "node ls --format {{if(.Self)}}me{{end}}", want: /^me$/ },
    { line: "node ls --format json", want: /"Self":true}$/ },
    { line: "node ls -q", want: /^nodeabcdefghijklmnopqrstu$/ },
    { line: "node inspect self", want: /"Hostname": "host1"/ },
    { line: "node update --availability drain host1", want: /^host1$/ },
    { line: "node update --availability gone host1", want: /--availability.*active, pause, drain/ },
    { line: "node drain host1", want: /^host1$/ },
    { line: "node drain --timeout soon host1", want: /--timeout.*duration/ },
    { line: "node promote host1", want: /already a manager/ },
    { line: "secret ls", want: /^ID +NAME +CREATED +UPDATED$/ },
    { line: "network create --label a=b back", want: /^[a-z0-9]{25}$/ },
    { line: "network ls --format {{.Name}}", want: /back/ },
    { line: "network rm nope", want: /nope not found/ },
    { line: "network rm --force nope", want: /^nope$/ },
    {
      line: "service create -d --name web --replicas 2 --network back -p 8080:80 busybox nc -l --detach=false",
      want: /^[a-z0-9]{25}$/,
    },
    { line: "service inspect web", want: /"-l",\s+"--detach=false"/ },
    { line: "service inspect --format {{.Spec.Name}}:{{len(.Spec.Labels)}} web", want: /^web:0$/ },
    { line: "service inspect --format {{.Spec.Name|json}} web", want: /^"web"$/ },
    { line: "service inspect --format {{.Nope}} web", want: /^<no value>$/ },
    { line: "service inspect --format {{nope}} web", want: /for --format: .*"nope" is not known/ },
    { line: "service inspect --pretty web", want: /^ID: +\w+\nName: +web\nMode: +replicated, 2/ },
    { line: "service inspect --pretty web", want: /\nNetworks: +back\n/ },
    { line: "node inspect --pretty self", want: /Hostname: +host1\n/ },
    {
      line: "service inspect --format {{.Spec.TaskTemplate.ContainerSpec.Image}} web",
      want: /^busybox@sha256:[0-9a-f]{64}$/,
    },
    { line: "service create -d --no-resolve-image --name plain busybox", want: /^[a-z0-9]{25}$/ },
    {
      line: "service inspect --format {{.Spec.TaskTemplate.ContainerSpec.Image}} plain",
      want: /^busybox$/,
    },
    { line: "service rm plain", want: /^plain$/ },
    { line: "service ls --format {{.Nope}}", want: /"\.Nope" is not known; the fields are \.ID/ },
    { line: "service ls --format {{range.Name}}", want: /for --format: .*no \{\{end}}/ },
    { line: "service ls", want: /web +replicated +2\/2 +busybox/ },
    { line: "service ps web", want: /web\.1 +busybox +host1 +Running +Running/ },
    { line: "service update -d --network-rm back --env-add A=1 web", want: /^web$/ },
    { line: "service scale -d web=3", want: /web scaled to 3/ },
    { line: "service scale web", want: /SERVICE=REPLICAS/ },
    { line: "service scale -d nope=3", want: /service nope not found/ },
    { line: "service rollback -d web", want: /^web$/ },
    { line: "service rebalance web", want: /^web$/ },
    { line: "service update -d --rebalance auto web", want: /^web$/ },
    { line: "service inspect --format {{.Spec.Labels}} web", want: /^map\[skep\.rebalance:auto]$/ },
    { line: "service update -d --rebalance manual web", want: /^web$/ },
    { line: "service inspect --format {{.Spec.Labels}} web", want: /^map\[]$/ },
    { line: "service update -d --rebalance often web", want: /--rebalance.*auto, manual/ },
    {
      line: "service create --mode replicated-job --schedule @daily --name nightly busybox",
      want: /^[a-z0-9]{25}$/,
    },
    { line: "service create --schedule-overlap never img", want: /--schedule-overlap/ },
    { line: "service create --replicas x img", want: /invalid argument "x" for --replicas/ },
    { line: "service create --secret nope img", want: /secret nope not found/ },
    { line: "service creat img", want: /unknown command 'creat'.*create/s },
    { line: "servce ls", want: /unknown command 'servce'.*service/s },
    { line: "service ls --fliter a", want: /unknown option '--fliter'.*--filter/s },
    { line: "service rm web", want: /^web$/ },
    {
      line: "service create -d --label com.docker.stack.namespace=shop --name shop_web busybox",
      want: /^[a-z0-9]{25}$/,
    },
    { line: "stack ls -q", want: /^shop$/ },
    { line: "stack ls -q --filter name=sho", want: /^shop$/ },
    { line: "stack ls -q --filter name=x", want: /^$/ },
    { line: "stack ls --filter label=x", want: /for --filter: it must be name=PART/ },
    { line: "version --format {{.Server.Version}}", want: /^\d+\.\d+\.\d+/ },
    { line: "info --format {{.Swarm.LocalNodeState}}", want: /^active$/ },
    { line: "ps --format {{.Names}}", want: /^web\.1\.abc$/ },
    { line: "images", want: /busybox +latest +b{12}/ },
    { line: "image ls nothing -q", want: /^$/ },
    { line: "swarm join-token worker -q", want: /^SWMTKN-1-/ },
    { line: "swarm join-token boss", want: /worker, manager/ },
    { line: "swarm join 10.0.0.1:2377", want: /required option '--token/ },
    { line: "swarm ca --ca-cert x", want: /`--ca-cert` flag requires the `--rotate` flag/ },
    { line: "swarm ca --ca-key x", want: /`--ca-key` flag requires the `--rotate` flag/ },
    { line: "swarm ca --external-ca x", want: /`--external-ca` flag requires the `--rotate`/ },
    { line: "swarm ca --cert-expiry 2h", want: /`--cert-expiry` flag requires the `--rotate`/ },
    { line: "swarm ca --rotate --ca-key x", want: /--ca-key needs --ca-cert/ },
    {
      line: "swarm ca --rotate --external-ca protocol=cfssl,url=https://x",
      want: /needs --ca-cert/,
    },
    { line: "swarm update --external-ca x", want: /invalid argument "x" for --external-ca/ },
    { line: "swarm init --ca-cert x", want: /--ca-cert needs --ca-key or --external-ca/ },
    { line: "swarm update --task-history-limit 3", want: /^Swarm updated\.$/ },
    { line: "swarm update", want: /^\(outputHelp\)$/ },
    { line: "version", want: /^Client: Skep \d+\.\d+\.\d+\n[\s\S]*API version: +1\.50/ },
    { line: "--version", want: /^skep \d+\.\d+\.\d+$/ },
    { line: "secret create x /no/such", want: /"\/no\/such" for \[file\]: .*can be read/ },
    { line: "info", want: /Swarm: active/ },
    { line: "load -i /does/not/exist", want: /ENOENT/ },
  ];
  for (const { line, want } of lines) {
    it(line, async () => {
      assert.match(await run(line), want);
    });
  }

  for (const line of ["swarm init", "swarm join --token SWMTKN-1-a-b 10.0.0.1"]) {
    it(`${line}, where the daemon cannot tell its address: says by which flag it is told`, async () => {
      class Unsure extends ApiClient {
        override post<T>(): Promise<T> {
          return Promise.reject(new ApiError(400, "could not find the system's IP address"));
        }
      }
      assert.match(
        await run(line, new Unsure("unix:///none")),
        /could not find the system's IP address - specify one with --advertise-addr$/,
      );
    });
  }

  it("helps with a command of a group", () => {
    assert.deepEqual(withHelpLast(["help", "service", "create"]), ["service", "create", "--help"]);
    assert.deepEqual(withHelpLast(["help", "service"]), ["help", "service"]);
    assert.deepEqual(withHelpLast(["service", "help", "create"]), ["service", "help", "create"]);
  });

  const completions: { words: string; want: string }[] = [
    { words: "serv", want: "service" },
    { words: "node prom", want: "promote" },
    { words: "node promote ", want: "self host1" },
    { words: "node promote self h", want: "host1" },
    { words: "node update --role ", want: "worker manager" },
    { words: "node update --ro", want: "--role" },
    { words: "service create --network ba", want: "back" },
    { words: "swarm join-token m", want: "manager" },
    { words: "stack rm ", want: "shop" },
    { words: "stack services s", want: "shop" },
    { words: "rmi bus", want: "busybox:latest" },
    { words: "completion z", want: "zsh" },
    { words: "service create --name ", want: "" },
    { words: "service create --mode=glo", want: "--mode=global --mode=global-job" },
    {
      words: "service create --mode=",
      want: "--mode=replicated --mode=global --mode=replicated-job --mode=global-job",
    },
    { words: "--context def", want: "default" },
    { words: "context use def", want: "default" },
    { words: "nothing like it ", want: "" },
  ];
  for (const { words, want } of completions) {
    it(`completes "${words}"`, async () => {
      const split = words.split(" ");
      const program = await makeProgram(
        split,
        sessionOf(() => {}),
      );
      const found = await complete(
        program,
        split,
        sessionOf(() => {}),
      );
      assert.equal(found.map(({ word }) => word).join(" "), want);
    });
  }

  it("does not speak of registries where no daemon answers", async () => {
    const said: string[] = [];
    const session = sessionOf((text) => void said.push(text))();
    const client = new ApiClient("unix:///does/not/exist");
    const TaskTemplate = { ContainerSpec: { Image: "busybox" }, ForceUpdate: 0 };
    const spec = { Name: "web", Labels: {}, TaskTemplate, Mode: {} };
    await assert.rejects(pinImage({ ...session, client }, spec, {}), /Cannot connect/);
    assert.deepEqual(said, []);
  });

  it("says where no daemon answers", async () => {
    const client = new ApiClient("unix:///does/not/exist");
    await assert.rejects(client.get("/info"), /Cannot connect.*\/does\/not\/exist.*skepd/);
    assert.throws(() => new ApiClient("ftp://x"), /neither unix/);
  });
});
