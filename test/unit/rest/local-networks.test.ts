import assert from "node:assert/strict";
import type { NetworkJson } from "../../../src/rest/wire/network.ts";
import { aNetwork } from "../../support/builders.ts";
import { restBench } from "./support.ts";

const create = "/networks/create";

describe("networks of this node", () => {
  it("are made, shown, filtered and removed", async () => {
    const { request } = restBench();
    const body = {
      ...{ Name: "app", Driver: "bridge", Internal: true, Attachable: true },
      ...{ Labels: { a: "b" }, Options: { x: "y" }, Scope: "", EnableIPv6: false },
      IPAM: {
        Driver: "default",
        Options: {},
        Config: [
          {
            ...{ Subnet: "10.9.0.0/24", Gateway: "10.9.0.254", IPRange: "10.9.0.0/25" },
            AuxiliaryAddresses: { printer: "10.9.0.9" },
          },
        ],
      },
    };
    const made = await request("POST", create, body);
    assert.equal(made.status, 201);
    const { Id } = made.json() as { Id: string };
    const shown = (await request("GET", `/networks/${Id.slice(0, 5)}`)).json() as NetworkJson;
    const { Name, Scope, Driver, Internal, Attachable, IPAM, Options, Labels } = shown;
    assert.deepEqual(
      { Name, Driver, Internal, Attachable, Options, Labels, IPAM: { ...IPAM, Options: {} } },
      {
        ...{ Name: body.Name, Driver: body.Driver, Internal: true, Attachable: true },
        ...{ Options: body.Options, Labels: body.Labels, IPAM: body.IPAM },
      },
    );
    assert.equal(Scope, "local");
    const names = async (filters: object) => {
      const query = encodeURIComponent(JSON.stringify(filters));
      const all = (await request("GET", `/networks?filters=${query}`)).json() as NetworkJson[];
      return all.map((network) => network.Name);
    };
    assert.deepEqual(await names({ driver: ["bridge"] }), ["bridge", "app"]);
    assert.deepEqual(await names({ type: ["custom"], scope: ["local"] }), ["app"]);
    assert.deepEqual(await names({ label: ["a=b"] }), ["app"]);
    assert.deepEqual(await names({ name: ["^ap"] }), ["app"]);
    assert.deepEqual(await names({ name: ["^pp$", "[", "ost"] }), ["host"]);
    assert.deepEqual(await names({ dangling: ["true"] }), ["app"]);
    const wrong = encodeURIComponent(JSON.stringify({ type: ["nonsense"] }));
    assert.equal((await request("GET", `/networks?filters=${wrong}`)).status, 400);
    assert.deepEqual(await names({ dangling: ["false"] }), ["bridge", "host", "none"]);
    assert.equal((await request("DELETE", "/networks/app")).status, 204);
    assert.equal((await request("GET", "/networks/app")).status, 404);
  });

  it("are bridges when nothing else is said, on a node in no swarm too", async () => {
    const { request, backend } = restBench();
    backend.swarm = { ...backend.swarm, state: "inactive", manager: false };
    assert.equal((await request("POST", create, { Name: "app" })).status, 201);
    assert.equal((await request("POST", create, { Name: "app" })).status, 409);
    const swarm = await request("POST", create, { Name: "front", Scope: "swarm" });
    assert.equal(swarm.status, 503);
  });

  const refused = [
    { name: "a predefined name", body: { Name: "none" }, status: 403 },
    { name: "no name", body: {}, status: 400 },
    { name: "IPv6", body: { Name: "x", EnableIPv6: true }, status: 501 },
    { name: "an ingress", body: { Name: "x", Driver: "bridge", Ingress: true }, status: 400 },
    {
      name: "one of the swarm",
      body: { Name: "x", Driver: "bridge", Scope: "swarm" },
      status: 501,
    },
    { name: "another driver", body: { Name: "x", Driver: "macvlan" }, status: 501 },
    { name: "another IPAM", body: { Name: "x", IPAM: { Driver: "dhcp" } }, status: 501 },
    { name: "IPAM options", body: { Name: "x", IPAM: { Options: { a: "b" } } }, status: 400 },
    { name: "two subnets", body: { Name: "x", IPAM: { Config: [{}, {}] } }, status: 400 },
    { name: "a configuration", body: { Name: "x", ConfigOnly: true }, status: 501 },
  ];
  for (const { name, body, status } of refused) {
    it(`refuse ${name}`, async () => {
      assert.equal((await restBench().request("POST", create, body)).status, status);
    });
  }

  it("are pruned by label and age, those in use stay", async () => {
    const { request, clock } = restBench();
    clock.advance(1_700_000_000_000 + 3_600_000 - clock.now());
    for (const [Name, label] of Object.entries({ used: "a", one: "a", two: "b", three: "c" })) {
      await request("POST", create, { Name, Driver: "bridge", Labels: { [label]: "" } });
    }
    const prune = async (filters: object) => {
      const query = encodeURIComponent(JSON.stringify(filters));
      return (await request("POST", `/networks/prune?filters=${query}`)).json();
    };
    assert.deepEqual(await prune({ until: ["2h"] }), { NetworksDeleted: null });
    assert.deepEqual(await prune({ label: ["a"], until: ["30m"] }), { NetworksDeleted: ["one"] });
    assert.deepEqual(await prune({ "label!": ["c"] }), { NetworksDeleted: ["two"] });
    assert.deepEqual(await prune({}), { NetworksDeleted: ["three"] });
    const wrong = encodeURIComponent(JSON.stringify({ until: ["soon"] }));
    assert.equal((await request("POST", `/networks/prune?filters=${wrong}`)).status, 400);
  });

  it("are joined and left by containers", async () => {
    const { request, backend } = restBench();
    const [container] = await backend.node.containers.list();
    const calls: unknown[] = [];
    backend.node.containers.connect = async (...args) => void calls.push(args);
    backend.node.containers.disconnect = async (...args) => void calls.push(args);
    await request("POST", create, { Name: "app", Driver: "bridge" });
    const network = "appid".padEnd(64, "0");
    const EndpointConfig = {
      ...{ Aliases: ["web"], MacAddress: "02:42:00:00:00:01" },
      IPAMConfig: { IPv4Address: "10.9.0.5" },
    };
    const body = { Container: container?.name, EndpointConfig };
    assert.equal((await request("POST", "/networks/app/connect", body)).status, 200);
    const bare = { Container: container?.id, Force: true };
    assert.equal((await request("POST", "/networks/app/connect", bare)).status, 200);
    assert.equal((await request("POST", "/networks/app/disconnect", bare)).status, 200);
    const mac = "02:42:00:00:00:01";
    assert.deepEqual(calls, [
      [container?.id, { network, aliases: ["web"], ip: "10.9.0.5", mac }],
      [container?.id, { network, aliases: [] }],
      [container?.id, network, true],
    ]);
    const links = { Container: container?.id, EndpointConfig: { Links: ["db:db"] } };
    assert.equal((await request("POST", "/networks/app/connect", links)).status, 400);
    const nobody = { Container: "nobody" };
    assert.equal((await request("POST", "/networks/app/connect", nobody)).status, 404);
    assert.equal((await request("POST", "/networks/none-such/connect", bare)).status, 404);
    const made = await request("POST", create, { Name: "front", Driver: "overlay" });
    const { Id: front } = made.json() as { Id: string };
    assert.equal((await request("POST", "/networks/front/connect", bare)).status, 200);
    assert.deepEqual(calls.at(-1), [container?.id, { network: front, aliases: [] }]);
  });

  it("of the swarm are shown by a worker as far as it takes part, and may be joined all the same", async () => {
    const { request, backend } = restBench();
    const calls: unknown[] = [];
    backend.node.containers.connect = async (...args) => void calls.push(args);
    backend.node.networks.ofSwarm = () => [aNetwork()];
    backend.swarm = { ...backend.swarm, manager: false };
    const shown = (await request("GET", "/networks/backend?verbose=true")).json() as NetworkJson;
    assert.deepEqual([shown.Id, shown.Scope, shown.Services], ["network1", "swarm", undefined]);
    assert.equal((await request("DELETE", "/networks/backend")).status, 503);
    assert.deepEqual((await request("POST", "/networks/prune")).json(), { NetworksDeleted: null });
    const [container] = backend.containers;
    const body = { Container: container?.id };
    assert.equal((await request("POST", "/networks/unknown/connect", body)).status, 200);
    assert.deepEqual(calls, [[container?.id, { network: "unknown", aliases: [] }]]);
    backend.swarm = { ...backend.swarm, state: "inactive" };
    assert.equal((await request("POST", "/networks/unknown/connect", body)).status, 404);
  });
});
