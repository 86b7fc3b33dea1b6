import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import type { NodeJson } from "../../src/rest/wire/node.ts";
import type { ServiceJson } from "../../src/rest/wire/service.ts";
import {
  failed,
  getJson,
  serviceOf,
  skep,
  sorted,
  TestCluster,
  tasksOf,
} from "../support/test-cluster.ts";
import { type ApiAnswer, binaries, type TestDaemon } from "../support/test-daemon.ts";
import { buildTestImage } from "../support/test-image.ts";
import { until } from "../support/until.ts";
import { webImage } from "../support/web-image.ts";

interface Case {
  readonly name: string;
  readonly given: () =>
    | readonly [method: string, path: string, body?: unknown]
    | Promise<readonly [method: string, path: string, body?: unknown]>;
  readonly want: readonly [status: number, message: RegExp];
}

describe("bad input", function () {
  this.timeout(30_000);
  let cluster: TestCluster;
  let spare: TestDaemon;
  let strangerToken = "";

  // One manager and one worker; a second swarm of one; a daemon in no swarm.
  before(async () => {
    const images = [webImage("1")];
    cluster = await TestCluster.create({ managers: 1, workers: 1, spares: 2, images });
    const [stranger, other] = cluster.spares;
    spare = must(other, "the spare");
    const lone = must(stranger, "the second swarm");
    await skep(lone, "swarm", "init", "--advertise-addr", lone.host.ip);
    strangerToken = await skep(lone, "swarm", "join-token", "-q", "worker");
    const create = "service create -d --name web --no-healthcheck -p 8080:80 skep-web:1";
    await skep(cluster.first, ...create.split(" "));
    await cluster.converged("web", 1);
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  describe("in joining", () => {
    const join = (RemoteAddrs: string[], JoinToken: string): readonly [string, string, unknown] => [
      "POST",
      "/swarm/join",
      { ListenAddr: "0.0.0.0:2377", AdvertiseAddr: "", DataPathAddr: "", RemoteAddrs, JoinToken },
    ];
    const manager = (): string[] => [`${cluster.first.host.ip}:2377`];
    const token = async (): Promise<string> =>
      (await skep(cluster.first, "swarm", "join-token", "-q", "worker")).trim();
    const cases: readonly Case[] = [
      {
        name: "no token at all",
        given: () => join(manager(), "hello"),
        want: [500, /invalid join token/],
      },
      {
        name: "a truncated token",
        given: async () => join(manager(), (await token()).slice(0, -5)),
        want: [500, /join token/],
      },
      {
        name: "a wrong secret",
        given: async () => join(manager(), (await token()).replace(/[^-]{25}$/, "a".repeat(25))),
        want: [400, /a valid join token is necessary to join this cluster/i],
      },
      {
        name: "the token of another cluster",
        given: () => join(manager(), strangerToken.trim()),
        want: [500, /remote CA does not match fingerprint/],
      },
      {
        name: "a manager that is not there",
        given: async () => join([`${spare.host.ip}:2377`], await token()),
        want: [503, /refused|unavailable|cannot/i],
      },
      { name: "no manager", given: async () => join([], await token()), want: [400, /RemoteAddr/] },
    ];
    for (const { name, given, want } of cases) {
      it(`refuses ${name}`, async () => {
        const [method, path, body] = await given();
        expectAnswer(await spare.api(method, path, body), want);
        const state = await getJson<{ Swarm: { LocalNodeState: string } }>(spare, "/info");
        assert.equal(state.Swarm.LocalNodeState, "inactive");
        assert.equal((await getJson<NodeJson[]>(cluster.first, "/nodes")).length, 2);
      });
    }

    it("refuses to join or init twice", async () => {
      const want = [503, /This node is already part of a swarm/] as const;
      const [method, path, body] = join(manager(), await token());
      for (const daemon of cluster.members) {
        expectAnswer(await daemon.api(method, path, body), want);
        const init = { ListenAddr: "0.0.0.0:2377", AdvertiseAddr: daemon.host.ip };
        expectAnswer(await daemon.api("POST", "/swarm/init", init), want);
      }
      const leave = await cluster.first.api("POST", "/swarm/leave");
      expectAnswer(leave, [
        503,
        /You are attempting to leave the swarm on a node that is participating as a manager/,
      ]);
    });
  });

  describe("in calls", () => {
    const create = (change: object, task: object = {}): readonly [string, string, unknown] => [
      "POST",
      "/services/create",
      {
        Name: "bad",
        TaskTemplate: { ContainerSpec: { Image: "skep-web:1" }, ...task },
        Mode: { Replicated: { Replicas: 0 } },
        ...change,
      },
    ];
    const replicas = (Replicas: number): readonly [string, string, unknown] =>
      create({ Mode: { Replicated: { Replicas } } });
    const port = (PublishedPort: number, Protocol = "tcp"): object => ({
      EndpointSpec: {
        Ports: [{ TargetPort: 80, PublishedPort, Protocol, PublishMode: "ingress" }],
      },
    });
    const cases: readonly Case[] = [
      {
        name: "a name in use",
        given: () => create({ Name: "web" }),
        want: [409, /name conflicts with an existing object/],
      },
      { name: "a bad name", given: () => create({ Name: "no/name" }), want: [400, /name/] },
      {
        name: "a published port in use",
        given: () => create(port(8080)),
        want: [400, /port '8080' is already in use by service 'web' \(\w+\) as an ingress port/],
      },
      { name: "a port above 65535", given: () => create(port(70000)), want: [400, /port/i] },
      {
        name: "a bad constraint",
        given: () => create({}, { Placement: { Constraints: ["node.role"] } }),
        want: [400, /constraint/],
      },
      {
        name: "an unknown network",
        given: () => create({}, { Networks: [{ Target: "nosuch" }] }),
        want: [404, /network nosuch not found/],
      },
      { name: "negative replicas", given: () => replicas(-1), want: [400, /replicas/i] },
      {
        name: "huge replicas",
        given: () => replicas(2 ** 60),
        want: [400, /replicas|number|safe|2\^53/i],
      },
      {
        name: "half a replica",
        given: () => replicas(1.5),
        want: [400, /replicas|integer|number/i],
      },
      {
        name: "no image",
        given: () => create({}, { ContainerSpec: { Image: "" } }),
        want: [400, /image/i],
      },
      {
        name: "an unreadable image name",
        given: () => create({}, { ContainerSpec: { Image: "UPPER/Case::x" } }),
        want: [400, /image|reference/i],
      },
      {
        name: "too little memory",
        given: () => create({}, { Resources: { Limits: { MemoryBytes: 5 } } }),
        want: [400, /memory/i],
      },
      {
        name: "an update of an unknown service",
        given: () => ["POST", "/services/nosuch/update?version=1", {}],
        want: [404, /service nosuch not found/],
      },
      {
        name: "an update without a version",
        given: () => ["POST", "/services/web/update", { Name: "web" }],
        want: [400, /version/],
      },
      {
        name: "a stale version",
        given: async () => [
          "POST",
          "/services/web/update?version=1",
          (await serviceOf(cluster.first, "web")).Spec,
        ],
        want: [500, /update out of sequence/],
      },
      {
        name: "a change of mode",
        given: async () => {
          const { Spec, Version } = await serviceOf(cluster.first, "web");
          return [
            "POST",
            `/services/web/update?version=${Version.Index}`,
            { ...Spec, Mode: { Global: {} } },
          ];
        },
        want: [501, /service mode change is not allowed/],
      },
      {
        name: "another name",
        given: async () => {
          const { Spec, Version } = await serviceOf(cluster.first, "web");
          return [
            "POST",
            `/services/web/update?version=${Version.Index}`,
            { ...Spec, Name: "web2" },
          ];
        },
        want: [501, /renaming services is not supported/],
      },
      {
        name: "a network name in use",
        given: () => ["POST", "/networks/create", { Name: "ingress", Driver: "overlay" }],
        want: [409, /ingress/],
      },
      {
        name: "a bad subnet",
        given: () => [
          "POST",
          "/networks/create",
          { Name: "n", Driver: "overlay", IPAM: { Config: [{ Subnet: "10.0.0.0/99" }] } },
        ],
        want: [400, /subnet|CIDR|10\.0\.0\.0\/99/i],
      },
      {
        name: "removing a node that is up",
        given: async () => ["DELETE", `/nodes/${await workerId()}`],
        want: [400, /is not down and can't be removed/],
      },
      {
        name: "demoting the last manager",
        given: async () => demoteFirst(),
        want: [400, /last manager/],
      },
      {
        name: "an unknown node",
        given: () => ["GET", "/nodes/nosuch"],
        want: [404, /node nosuch not found/],
      },
      {
        name: "an unknown container",
        given: () => ["GET", "/containers/nosuch/json"],
        want: [404, /No such container: nosuch/],
      },
      {
        name: "an unknown image",
        given: () => ["GET", "/images/nosuch/json"],
        want: [404, /No such image: nosuch/],
      },
      { name: "an unknown route", given: () => ["GET", "/nosuch"], want: [404, /page not found/] },
      {
        name: "a version that is too new",
        given: () => ["GET", "/v1.99/info"],
        want: [400, /client version 1\.99 is too new/],
      },
      {
        name: "a version that is too old",
        given: () => ["GET", "/v1.10/info"],
        want: [400, /client version 1\.10 is too old/],
      },
      {
        name: "an unknown filter",
        given: () => ["GET", `/services?filters=${encodeURIComponent('{"nosuch":["x"]}')}`],
        want: [400, /invalid filter/i],
      },
      {
        name: "broken filters",
        given: () => ["GET", "/services?filters=%7B"],
        want: [400, /filter/i],
      },
    ];
    for (const { name, given, want } of cases) {
      it(`refuses ${name} and changes nothing`, async () => {
        const before = await everything();
        const [method, path, body] = await given();
        expectAnswer(await cluster.first.api(method, path, body), want);
        assert.deepEqual(await everything(), before);
      });
    }

    it("refuses malformed, endless and oversized bodies", async () => {
      const before = await everything();
      for (const text of ['{"Name": ', "[]", "null", '"text"', "{".repeat(5000)]) {
        const { status, body } = await rawPost("/services/create", text);
        assert.equal(status, 400, `${text.slice(0, 20)}: ${status} ${body}`);
        assert.match(body, /"message":"/);
      }
      const { status } = await rawPost("/services/create", `{"Name":"${"x".repeat(20 << 20)}"}`);
      assert.ok(status === 413 || status === 400, String(status));
      assert.deepEqual(await everything(), before);
    });

    async function demoteFirst(): Promise<readonly [string, string, unknown]> {
      const nodes = await getJson<NodeJson[]>(cluster.first, "/nodes");
      const node = must(
        nodes.find(({ Spec }) => Spec.Role === "manager"),
        "the manager",
      );
      const path = `/nodes/${node.ID}/update?version=${node.Version.Index}`;
      return ["POST", path, { ...node.Spec, Role: "worker" }];
    }

    async function workerId(): Promise<string> {
      const nodes = await getJson<NodeJson[]>(cluster.first, "/nodes");
      return must(nodes.find(({ Spec }) => Spec.Role === "worker")?.ID, "the worker");
    }
  });

  it("rejects tasks whose image does not exist", async () => {
    const create = "service create -d --name lost --restart-condition none 127.0.0.1:9/nosuch:1";
    await skep(cluster.first, ...create.split(" "));
    const task = await until("a rejected task", 20_000, async () => {
      const tasks = await tasksOf(cluster.first, "lost");
      return tasks.find(({ Status }) => Status.State === "rejected");
    });
    assert.match(task.Status.Err ?? "", /no such image: 127\.0\.0\.1:9\/nosuch:1/i);
    await skep(cluster.first, "service", "rm", "lost");
  });

  it("does not load what is no image, or is for another machine", async () => {
    const path = join(cluster.first.host.stateDir, "bad.tar");
    const foreign = await buildTestImage({ tag: "skep-web:foreign", architecture: "s390x" });
    const damaged = Buffer.from(foreign).fill(7, 5000, 6000);
    for (const [bytes, want] of [
      [foreign, /skep-web:foreign is for linux\/s390x, this node is linux\//],
      [damaged, /./],
      [Buffer.alloc(1 << 20, "x"), /./],
    ] as const) {
      writeFileSync(path, bytes);
      const said = failed("image load", await cluster.first.skep("image", "load", "-i", path));
      assert.match(said, want);
      assert.doesNotMatch(said, /aborted|EOF|hang up/);
    }
    assert.doesNotMatch(await skep(cluster.first, "image", "ls"), /foreign/);
  });

  it("leaves the daemons alive and unharmed", async () => {
    for (const daemon of cluster.daemons) {
      assert.equal((await daemon.api("GET", "/_ping")).status, 200);
    }
    await cluster.converged("web", 1);
  });

  it("takes dockerd's flags with a warning, and refuses unknown ones", function () {
    this.timeout(120_000); // five processes, each with a timeout of its own
    const ignored =
      "--storage-driver overlay2 --live-restore --iptables=false --log-opt max-size=1m";
    const good = skepd("--validate", ...ignored.split(" "));
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /configuration OK/);
    assert.match(good.stdout, /option --storage-driver of dockerd means nothing here/);
    for (const [flag, want] of [
      ["--nosuch", /unknown option/],
      ["--tlsverify", /--tlsverify is not available/],
      ["--host=tcp://0.0.0.0:2375", /would give everyone/],
      ["--log-level=loud", /"loud" is not one of/],
    ] as const) {
      const bad = skepd("--validate", flag);
      assert.notEqual(bad.status, 0, flag);
      assert.match(bad.stderr, want);
    }
  });

  // Names and versions of all that a call could have changed; nodes' versions move by themselves.
  async function everything(): Promise<unknown> {
    const services = await getJson<ServiceJson[]>(cluster.first, "/services");
    const nodes = await getJson<NodeJson[]>(cluster.first, "/nodes");
    const networks = await getJson<{ Id: string }[]>(cluster.first, "/networks");
    return {
      services: services.map(({ ID, Spec }) => [ID, Spec]),
      nodes: nodes.map(({ ID, Spec }) => [ID, Spec]),
      networks: sorted(networks.map(({ Id }) => Id)),
    };
  }

  function rawPost(path: string, text: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      const call = request(
        { socketPath: cluster.first.socket, method: "POST", path, headers, timeout: 10_000 },
        (answer) => {
          let body = "";
          answer.on("data", (chunk: Buffer) => {
            body += chunk.toString();
          });
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
        },
      );
      call.on("timeout", () => call.destroy(new Error("no answer")));
      call.on("error", reject);
      call.end(text);
    });
  }
});

function expectAnswer(answer: ApiAnswer, [status, message]: readonly [number, RegExp]): void {
  const text = JSON.stringify(answer.body);
  assert.equal(answer.status, status, text);
  assert.match((answer.body as { message: string }).message, message);
}

function skepd(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [binaries.skepd, ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
}
