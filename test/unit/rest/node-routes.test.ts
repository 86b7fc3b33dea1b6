import assert from "node:assert/strict";
import type { LocalEvent } from "../../../src/rest/backend.ts";
import { frame } from "../../../src/rest/streams.ts";
import type { EventJson } from "../../../src/rest/wire/event.ts";
import { settle } from "../../support/fake-clock.ts";
import { restBench } from "./support.ts";

const multiplexed = "application/vnd.docker.multiplexed-stream";

function lines<T>(text: string): T[] {
  return text
    .trim()
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

describe("rest node routes", () => {
  it("frames container logs, with the content type of the client's version", async () => {
    const { request } = restBench();
    const path = "/containers/c0ff/logs?stdout=1&stderr=1&timestamps=1";
    const logs = await request("GET", path);
    const want = Buffer.concat([
      frame("stdout", Buffer.from("2023-11-14T22:13:20.123456789Z hello\n")),
      frame("stderr", Buffer.from("2023-11-14T22:13:21.000000000Z oops\n")),
    ]);
    assert.deepEqual(logs.body, want);
    assert.equal(logs.headers["Content-Type"], multiplexed);
    const old = await request("GET", `/v1.41${path}`);
    assert.equal(old.headers["Content-Type"], "application/vnd.docker.raw-stream");
    assert.equal((await request("GET", "/containers/c0ff/logs")).status, 400);
  });

  it("puts details and timestamps before lines of services", async () => {
    const { request, backend } = restBench();
    const spec = { Name: "web", TaskTemplate: { ContainerSpec: { Image: "i" } } };
    await request("POST", "/services/create", spec);
    const [task] = backend.cluster.tasks.values();
    assert.ok(task);
    const logs = await request("GET", "/services/web/logs?stdout=1&details=1&timestamps=1");
    const details =
      `com.docker.swarm.node.id=${task.nodeId},com.docker.swarm.service.id=${task.serviceId},` +
      `com.docker.swarm.task.id=${task.id}`;
    const line = `2023-11-14T22:13:20.000000005Z ${details} hello from 1\n`;
    assert.deepEqual(logs.body, frame("stdout", Buffer.from(line)));
    const plain = await request("GET", `/tasks/${task.id}/logs?stdout=1`);
    assert.deepEqual(plain.body, frame("stdout", Buffer.from("hello from 1\n")));
  });

  it("runs a command: create, start, inspect", async () => {
    const { request } = restBench();
    const body = { Cmd: ["echo", "hi"], AttachStdout: true, AttachStderr: true };
    const made = await request("POST", "/containers/web.1.abc/exec", body);
    assert.equal(made.status, 201);
    const { Id } = made.json() as { Id: string };
    const inspect = async () => (await request("GET", `/exec/${Id}/json`)).json() as object;
    assert.match(JSON.stringify(await inspect()), /"Running":false,"ExitCode":null/);
    const output = await request("POST", `/exec/${Id}/start`, { Detach: false, Tty: false });
    const text = output.body.toString();
    assert.ok(text.includes("ran echo hi\n") && text.includes("to stderr\n"));
    const done = (await inspect()) as { Running: boolean; ExitCode: number };
    assert.deepEqual([done.Running, done.ExitCode], [false, 3]);
    assert.equal((await request("POST", `/exec/${Id}/start`, {})).status, 409);
    assert.equal((await request("GET", "/exec/x/json")).status, 404);
    assert.equal((await request("POST", "/containers/web.1.abc/exec", { Cmd: [] })).status, 400);
  });

  it("says in the output why a command could not start", async () => {
    const { request, backend } = restBench();
    const body = { Cmd: ["nope"], AttachStdout: true, AttachStderr: true };
    const made = await request("POST", "/containers/web.1.abc/exec", body);
    const { Id } = made.json() as { Id: string };
    backend.node.containers.exec = async () => {
      throw new Error("no such program: nope");
    };
    const output = await request("POST", `/exec/${Id}/start`, {});
    assert.deepEqual(output.body, frame("stderr", Buffer.from("no such program: nope\r\n")));
    const state = (await request("GET", `/exec/${Id}/json`)).json() as { ExitCode: number };
    assert.equal(state.ExitCode, 126);
  });

  it("refuses values of filters that nothing can have", async () => {
    const { request } = restBench();
    const table: [string, string][] = [
      ["status", "nonsense"],
      ["health", "ill"],
      ["exited", "x"],
      ["publish", "80-"],
      ["expose", "80/xtp"],
    ];
    for (const [name, value] of table) {
      const filters = encodeURIComponent(JSON.stringify({ [name]: [value] }));
      const answer = await request("GET", `/containers/json?filters=${filters}`);
      assert.equal(answer.status, 400, name);
      assert.match(answer.body.toString(), new RegExp(`invalid filter '${name}=${value}'`));
    }
  });

  it("gives a command's terminal the size it is started with", async () => {
    const { request, backend } = restBench();
    const given: unknown[] = [];
    const { exec } = backend.node.containers;
    backend.node.containers.exec = async (id, options) => {
      given.push(options.consoleSize);
      return await exec(id, options);
    };
    const run = async (create: object, start: object) => {
      const body = { Cmd: ["x"], Tty: true, AttachStdout: true, ...create };
      const { Id } = (await request("POST", "/containers/web.1.abc/exec", body)).json() as {
        Id: string;
      };
      return (await request("POST", `/exec/${Id}/start`, { Tty: true, ...start })).status;
    };
    await run({}, { ConsoleSize: [33, 101] });
    await run({ ConsoleSize: [40, 90] }, {});
    await run({}, { ConsoleSize: [0, 0] });
    assert.deepEqual(given, [{ height: 33, width: 101 }, { height: 40, width: 90 }, undefined]);
    assert.equal(await run({}, { ConsoleSize: [1] }), 400);
    assert.equal(await run({}, { ConsoleSize: [-1, 5] }), 400);
  });

  it("lists no ports of a container that does not run", async () => {
    const { request, backend } = restBench();
    const ports = async () =>
      ((await request("GET", "/containers/json?all=1")).json() as { Ports: object[] }[]).map(
        ({ Ports }) => Ports.length,
      );
    assert.deepEqual(await ports(), [1]);
    const [container] = backend.containers;
    assert.ok(container !== undefined);
    backend.containers[0] = { ...container, state: "exited", pid: 0 };
    assert.deepEqual(await ports(), [0]);
  });

  it("lists, filters and acts on containers", async () => {
    const { request, backend } = restBench();
    const list = async (query: string) =>
      ((await request("GET", `/containers/json${query}`)).json() as { Status: string }[]).map(
        ({ Status }) => Status,
      );
    assert.deepEqual(await list(""), ["Up About a minute"]);
    const filtered = (filters: object) => list(`?filters=${JSON.stringify(filters)}`);
    assert.equal((await filtered({ "is-task": ["true"], ancestor: ["busybox"] })).length, 1);
    assert.equal((await filtered({ status: ["exited"] })).length, 0);
    assert.equal((await filtered({ name: ["^/web"], publish: ["8000-9000/tcp"] })).length, 1);
    const { id } = backend.containers[0] ?? { id: "" };
    assert.equal((await request("POST", "/containers/web.1.abc/start")).status, 304);
    assert.equal((await request("POST", "/containers/web.1.abc/stop?t=3")).status, 204);
    assert.equal((await request("POST", "/containers/c0ffee/kill?signal=HUP")).status, 204);
    assert.equal((await request("POST", "/containers/c0ffee/kill?signal=;")).status, 400);
    assert.equal((await request("DELETE", "/containers/c0ffee")).status, 409);
    assert.equal((await request("DELETE", "/containers/c0ffee?force=1")).status, 204);
    assert.deepEqual(backend.calls, [`stop ${id} 3000`, `kill ${id} HUP`, `remove ${id}`]);
    const waited = await request("POST", "/containers/c0ffee/wait?condition=next-exit");
    assert.deepEqual(waited.json(), { StatusCode: 7 });
    assert.equal((await request("POST", "/containers/create", { Image: "x" })).status, 501);
    assert.equal((await request("POST", "/containers/c0ffee/pause")).status, 501);
  });

  it("samples stats once, and with a second between two samples", async () => {
    const { request, clock } = restBench();
    const once = await request("GET", "/containers/c0ffee/stats?stream=0&one-shot=1");
    assert.equal((once.json() as { preread: string }).preread, "0001-01-01T00:00:00Z");
    const pending = request("GET", "/containers/c0ffee/stats?stream=false");
    await settle();
    clock.advance(1000);
    const sample = (await pending).json() as { preread: string; read: string };
    assert.notEqual(sample.preread, sample.read);
  });

  it("pulls: progress, outcome, early and late failures", async () => {
    const { request } = restBench();
    const pulled = await request("POST", "/images/create?fromImage=new&tag=1");
    assert.deepEqual(lines(pulled.text()).at(-1), {
      status: "Status: Downloaded newer image for new:1",
    });
    const missing = await request("POST", "/images/create?fromImage=missing");
    assert.deepEqual(
      [missing.status, missing.json()],
      [404, { message: "manifest for missing:latest not found" }],
    );
    const away = await request("POST", "/images/create?fromImage=away");
    assert.equal(away.status, 500);
    const broken = await request("POST", "/images/create?fromImage=broken");
    assert.equal(broken.status, 200);
    assert.deepEqual(lines(broken.text()).at(-1), {
      errorDetail: { message: "registry went away" },
      error: "registry went away",
    });
    const loaded = await request("POST", "/images/load?quiet=1", Buffer.from("tar"));
    assert.deepEqual(lines(loaded.text())[0], { stream: "Loaded image: busybox:latest\n" });
  });

  it("finds images by names with slashes", async () => {
    const { request } = restBench();
    const shown = await request("GET", "/images/docker.io/library/busybox/json");
    const image = shown.json() as { Config: object; ContainerConfig: object };
    assert.deepEqual(image.ContainerConfig, image.Config);
    assert.equal((await request("GET", "/images/busybox:latest/history")).status, 200);
    assert.equal((await request("POST", "/images/busybox/tag?repo=a/b&tag=1")).status, 201);
    assert.equal((await request("GET", "/images/get?names=busybox")).text(), "tar of busybox");
    assert.equal((await request("DELETE", "/images/docker.io/library/busybox")).status, 409);
    assert.deepEqual((await request("DELETE", "/images/busybox?force=1")).json(), [
      { Untagged: "busybox" },
      { Deleted: "sha256:gone" },
    ]);
    const found = await request("GET", "/distribution/a/b:1/json");
    assert.equal((found.json() as { Platforms: unknown[] }).Platforms.length, 1);
    const references = await request("GET", '/images/json?filters={"reference":["busy*"]}');
    assert.equal((references.json() as unknown[]).length, 1);
  });

  it("streams events until told to end, filtered", async () => {
    const { request, backend, clock } = restBench();
    const past: LocalEvent = {
      type: "container",
      action: "start",
      id: "c1",
      attributes: { image: "busybox", name: "x" },
      atMs: clock.now() - 5000,
    };
    backend.pastEvents.push(past, { ...past, type: "image", action: "pull" });
    const ends = clock.now() / 1000 + 10;
    const filters = encodeURIComponent('{"type":["container","service"]}');
    const pending = request("GET", `/events?since=1&until=${ends}&filters=${filters}`);
    await settle();
    await request("POST", "/services/create", { Name: "web" });
    await request("POST", "/secrets/create", { Name: "s" });
    await settle();
    clock.advance(10_000);
    const events = lines<EventJson>((await pending).text());
    assert.deepEqual(
      events.map(({ Type, Action, scope }) => [Type, Action, scope]),
      [
        ["container", "start", "local"],
        ["service", "create", "swarm"],
      ],
    );
    assert.equal(events[0]?.status, "start");
  });

  it("stops a stream when the client goes away", async () => {
    const { request } = restBench();
    const gone = new AbortController();
    const pending = request("GET", "/events", undefined, { signal: gone.signal });
    await settle();
    gone.abort();
    assert.equal((await pending).text(), "");
  });

  it("answers info, version, df and volumes", async () => {
    const { request, backend } = restBench();
    const info = (await request("GET", "/info")).json() as {
      ContainersRunning: number;
      Swarm: { Managers: number; LocalNodeState: string };
    };
    assert.equal(info.ContainersRunning, 1);
    assert.deepEqual([info.Swarm.Managers, info.Swarm.LocalNodeState], [1, "active"]);
    const version = (await request("GET", "/version")).json() as { MinAPIVersion: string };
    assert.equal(version.MinAPIVersion, "1.24");
    assert.equal((await request("GET", "/system/df")).status, 200);
    assert.deepEqual((await request("GET", "/volumes")).json(), { Volumes: [], Warnings: null });
    assert.equal((await request("POST", "/volumes/create", { Name: "v" })).status, 501);
    assert.equal(backend.calls.length, 0);
  });
});
