import assert from "node:assert/strict";
import type { ServiceJson } from "../../../src/rest/wire/service.ts";
import type { SwarmJson } from "../../../src/rest/wire/swarm.ts";
import { restBench } from "./support.ts";

const webSpec = {
  Name: "web",
  Labels: { stack: "a" },
  TaskTemplate: { ContainerSpec: { Image: "busybox" } },
  Mode: { Replicated: { Replicas: 2 } },
};

async function withService() {
  const bench = restBench();
  const created = await bench.request("POST", "/v1.50/services/create", webSpec);
  assert.equal(created.status, 201);
  const { ID } = created.json() as { ID: string };
  assert.deepEqual(created.json(), { ID, Warnings: null });
  const get = async (query = "") =>
    (await bench.request("GET", `/services/web${query}`)).json() as ServiceJson;
  return { ...bench, id: ID, get };
}

describe("rest cluster routes", () => {
  it("makes, shows, changes and removes a service", async () => {
    const { request, id, get } = await withService();
    const service = await get();
    assert.equal(service.ID, id);
    assert.deepEqual(service.Spec.Mode, { Replicated: { Replicas: 2 } });
    const version = service.Version.Index;
    const changed = { ...service.Spec, Mode: { Replicated: { Replicas: 3 } } };
    const update = await request("POST", `/services/${id}/update?version=${version}`, changed);
    assert.deepEqual([update.status, update.json()], [200, { Warnings: null }]);
    assert.deepEqual((await get()).PreviousSpec?.Mode, { Replicated: { Replicas: 2 } });
    assert.equal((await request("DELETE", `/services/${id}`)).status, 200);
    assert.equal((await request("GET", `/services/${id}`)).status, 404);
  });

  it("refuses a stale, missing or malformed version", async () => {
    const { request, id } = await withService();
    const stale = await request("POST", `/services/${id}/update?version=1`, webSpec);
    assert.deepEqual(
      [stale.status, stale.json()],
      [500, { message: "rpc error: code = Unknown desc = update out of sequence" }],
    );
    assert.equal((await request("POST", `/services/${id}/update`, webSpec)).status, 400);
    assert.equal((await request("POST", `/services/${id}/update?version=x`, webSpec)).status, 400);
  });

  it("rolls back", async () => {
    const { request, id, get } = await withService();
    let version = (await get()).Version.Index;
    const changed = { ...webSpec, Mode: { Replicated: { Replicas: 5 } } };
    await request("POST", `/services/${id}/update?version=${version}`, changed);
    version = (await get()).Version.Index;
    const path = `/services/${id}/update?version=${version}&rollback=previous`;
    assert.equal((await request("POST", path, changed)).status, 200);
    assert.deepEqual((await get()).Spec.Mode, { Replicated: { Replicas: 2 } });
    assert.equal(
      (await request("POST", `/services/${id}/update?version=1&rollback=x`, changed)).status,
      400,
    );
  });

  it("says that a name is taken", async () => {
    const { request } = await withService();
    const again = await request("POST", "/services/create", webSpec);
    assert.equal(again.status, 409);
    assert.match(again.text(), /rpc error: code = AlreadyExists desc = name conflicts/);
  });

  it("shows defaults and task counts when asked", async () => {
    const { request, get } = await withService();
    assert.equal((await get()).Spec.UpdateConfig, undefined);
    const full = (await get("?insertDefaults=true")).Spec;
    assert.equal(full.UpdateConfig?.Parallelism, 1);
    assert.equal(full.UpdateConfig?.Monitor, 5e9);
    assert.equal(full.TaskTemplate.RestartPolicy?.Delay, 5e9);
    assert.equal(full.TaskTemplate.ContainerSpec?.StopGracePeriod, 10e9);
    assert.equal(full.EndpointSpec?.Mode, "vip");
    const listed = (await request("GET", "/services?status=true")).json() as ServiceJson[];
    assert.deepEqual(listed[0]?.ServiceStatus, {
      RunningTasks: 2,
      DesiredTasks: 2,
      CompletedTasks: 0,
    });
    const plain = (await request("GET", "/services")).json() as ServiceJson[];
    assert.equal(plain[0]?.ServiceStatus, undefined);
  });

  it("keeps the registry credentials in the spec and shows them to nobody", async () => {
    const { request, backend } = restBench();
    const headers = { "x-registry-auth": "c2VjcmV0" };
    await request("POST", "/services/create", webSpec, { headers });
    const [service] = backend.cluster.services.values();
    assert.equal(service?.spec?.task?.container?.registryAuth, "c2VjcmV0");
    assert.doesNotMatch((await request("GET", "/services/web")).text(), /c2VjcmV0/);
  });

  it("filters services and tasks", async () => {
    const { request, id } = await withService();
    const count = async (path: string) => ((await request("GET", path)).json() as unknown[]).length;
    const filtered = (kind: string, filters: object) =>
      count(`/${kind}?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    assert.equal(await filtered("services", { label: { "stack=a": true } }), 1);
    assert.equal(await filtered("services", { label: ["stack=b"] }), 0);
    assert.equal(await filtered("services", { name: ["we"] }), 1);
    assert.equal(await filtered("services", { id: [id.slice(0, 4)] }), 1);
    assert.equal(await filtered("services", { runtime: ["plugin"] }), 0);
    assert.equal(await filtered("tasks", { service: { web: true } }), 2);
    assert.equal(await filtered("tasks", { node: ["host1"], "desired-state": ["running"] }), 2);
    assert.equal(await filtered("tasks", { "desired-state": ["shutdown"] }), 0);
    const unknown = await request("GET", '/tasks?filters={"service":["x"]}');
    assert.deepEqual([unknown.status, unknown.json()], [404, { message: "service x not found" }]);
    assert.equal((await request("GET", '/tasks?filters={"desired-state":["x"]}')).status, 400);
  });

  it("changes and removes nodes", async () => {
    const { request } = restBench();
    const [node] = (await request("GET", "/nodes")).json() as [ServiceJson];
    const path = `/nodes/${node.ID}/update?version=${node.Version.Index}`;
    const body = { Labels: { zone: "a" }, Role: "manager", Availability: "drain" };
    assert.equal((await request("POST", path, body)).status, 200);
    const after = (await request("GET", "/nodes/host1")).json() as { Spec: object };
    assert.deepEqual(after.Spec, body);
    assert.equal((await request("DELETE", `/nodes/${node.ID}`)).status, 400);
    assert.equal((await request("DELETE", `/nodes/${node.ID}?force=1`)).status, 200);
  });

  it("keeps secrets secret and configs readable", async () => {
    const { request } = restBench();
    const body = { Name: "s", Data: Buffer.from("hush").toString("base64") };
    const secret = await request("POST", "/secrets/create", body);
    assert.equal(secret.status, 201);
    const shown = (await request("GET", "/secrets/s")).json() as { Spec: object };
    assert.deepEqual(shown.Spec, { Name: "s", Labels: {} });
    assert.equal((await request("POST", "/configs/create", body)).status, 201);
    const config = (await request("GET", "/configs/s")).json() as ServiceJson & {
      Spec: { Data: string };
    };
    assert.equal(config.Spec.Data, body.Data);
    const path = `/configs/s/update?version=${config.Version.Index}`;
    const labelled = { ...body, Labels: { a: "b" } };
    assert.equal((await request("POST", path, labelled)).status, 200);
    assert.equal((await request("POST", path, labelled)).status, 500);
    assert.equal((await request("DELETE", "/secrets/s")).status, 204);
    assert.equal((await request("POST", "/configs/create", { Data: "?" })).status, 400);
  });

  it("lists local and cluster networks, and makes overlays", async () => {
    const { request, backend } = restBench();
    const made = await request("POST", "/networks/create", { Name: "back", Driver: "overlay" });
    assert.equal(made.status, 201);
    const names = async (query = "") =>
      ((await request("GET", `/networks${query}`)).json() as { Name: string }[]).map((n) => n.Name);
    assert.deepEqual(await names(), ["bridge", "host", "none", "back"]);
    assert.deepEqual(await names('?filters={"scope":["swarm"]}'), ["back"]);
    assert.deepEqual(await names('?filters={"type":["custom"]}'), ["back"]);
    const verbose = (await request("GET", "/networks/back?verbose=true")).json() as object;
    assert.ok("Services" in verbose && "Peers" in verbose);
    const other = await request("POST", "/networks/create", { Name: "b", Driver: "macvlan" });
    assert.equal(other.status, 501);
    assert.equal((await request("POST", "/networks/create", { Name: "host" })).status, 403);
    assert.equal((await request("POST", "/networks/create", { Name: "back" })).status, 409);
    assert.equal((await request("DELETE", "/networks/bridge")).status, 403);
    assert.equal((await request("POST", "/networks/back/connect", {})).status, 501); // the fake's
    const pruned = await request("POST", "/networks/prune");
    assert.deepEqual(pruned.json(), { NetworksDeleted: ["back"] });
    backend.swarm = { ...backend.swarm, state: "inactive", manager: false };
    const refused = await request("POST", "/networks/create", { Name: "x", Driver: "overlay" });
    assert.equal(refused.status, 503);
  });

  it("shows and changes the swarm", async () => {
    const { request } = restBench();
    const swarm = (await request("GET", "/swarm")).json() as SwarmJson;
    assert.equal(swarm.JoinTokens.Worker, "SWMTKN-1-digest-worker");
    assert.equal(swarm.Spec.CAConfig.NodeCertExpiry, 90 * 24 * 3600 * 1e9);
    const path = `/swarm/update?version=${swarm.Version.Index}&rotateWorkerToken=true`;
    const body = { ...swarm.Spec, Orchestration: { TaskHistoryRetentionLimit: 2 } };
    assert.equal((await request("POST", path, body)).status, 200);
    const after = (await request("GET", "/swarm")).json() as SwarmJson;
    assert.equal(after.JoinTokens.Worker, "SWMTKN-1-digest-worker2");
    assert.equal(after.JoinTokens.Manager, swarm.JoinTokens.Manager);
    assert.equal(after.Spec.Orchestration.TaskHistoryRetentionLimit, 2);
    const info = (await request("GET", "/info")).text();
    assert.doesNotMatch(info, /SWMTKN/);
  });

  it("takes a node into and out of swarms", async () => {
    const { request, backend } = restBench();
    assert.equal((await request("POST", "/swarm/init", {})).status, 503);
    assert.equal((await request("POST", "/swarm/leave")).status, 503);
    assert.equal((await request("POST", "/swarm/leave?force=1")).status, 200);
    assert.equal((await request("POST", "/swarm/leave")).status, 503);
    const init = await request("POST", "/swarm/init", {
      AdvertiseAddr: "10.77.0.1",
      Spec: { Raft: { ElectionTick: 10 } },
    });
    assert.deepEqual([init.status, init.json()], [200, "nodeabcdefghijklmnopqrstu"]);
    await request("POST", "/swarm/leave?force=1");
    assert.equal((await request("POST", "/swarm/join", { RemoteAddrs: ["a:1"] })).status, 400);
    const join = { RemoteAddrs: ["a:1"], JoinToken: "t" };
    assert.equal((await request("POST", "/swarm/join", join)).status, 200);
    assert.deepEqual(backend.calls, ["init 10.77.0.1", "join a:1 t"]);
    backend.swarm = { ...backend.swarm, state: "locked" };
    assert.equal((await request("POST", "/swarm/unlock", { UnlockKey: "x" })).status, 400);
    const right = { UnlockKey: "SWMKEY-1-right" };
    assert.equal((await request("POST", "/swarm/unlock", right)).status, 200);
    assert.deepEqual((await request("GET", "/swarm/unlockkey")).json(), right);
  });
});
