import assert from "node:assert/strict";
import { ClusterError, type ErrorCode } from "../../../src/base/errors.ts";
import { parseFilters } from "../../../src/rest/http/filters.ts";
import { fromCluster, fromLocal, notManagerError } from "../../../src/rest/http/http-error.ts";
import { parseRegistryAuth } from "../../../src/rest/http/registry-auth.ts";
import { restBench } from "./support.ts";

describe("rest protocol", () => {
  it("answers /_ping with Docker's headers", async () => {
    const { request } = restBench();
    const ping = await request("GET", "/_ping");
    assert.equal(ping.text(), "OK");
    assert.equal(ping.headers["Api-Version"], "1.50");
    assert.equal(ping.headers["Swarm"], "active/manager");
    assert.equal(ping.headers["Ostype"], "linux");
    assert.equal(ping.headers["Server"], "Docker/28.2.2 (linux)");
    const head = await request("HEAD", "/v1.24/_ping");
    assert.equal(head.status, 200);
    assert.equal(head.text(), "");
  });

  const refusals = [
    { name: "unknown path", path: "/nope", status: 404, message: "page not found" },
    {
      name: "unknown path with version",
      path: "/v1.30/nope",
      status: 404,
      message: "page not found",
    },
    {
      name: "too new",
      path: "/v1.51/info",
      status: 400,
      message: "client version 1.51 is too new. Maximum supported API version is 1.50",
    },
    {
      name: "too old",
      path: "/v1.12/info",
      status: 400,
      message:
        "client version 1.12 is too old. Minimum supported API version is 1.24, " +
        "please upgrade your client to a newer version",
    },
    {
      name: "absent container",
      path: "/containers/x/json",
      status: 404,
      message: "No such container: x",
    },
    {
      name: "absent image",
      path: "/images/a/b/json",
      status: 404,
      message: "No such image: a/b:latest",
    },
    { name: "absent service", path: "/services/x", status: 404, message: "service x not found" },
    { name: "absent node", path: "/nodes/x", status: 404, message: "node x not found" },
    { name: "absent network", path: "/networks/x", status: 404, message: "network x not found" },
    { name: "absent secret", path: "/secrets/x", status: 404, message: "secret x not found" },
    {
      name: "unknown filter",
      path: '/nodes?filters={"a":["b"]}',
      status: 400,
      message: "invalid filter 'a': use id, name, label, node.label, role, membership",
    },
    {
      name: "bad escape",
      path: "/services/%zz",
      status: 400,
      message: "invalid escape in path segment %zz",
    },
  ];
  for (const { name, path, status, message } of refusals) {
    it(`refuses: ${name}`, async () => {
      const { request } = restBench();
      const response = await request("GET", path);
      assert.deepEqual([response.status, response.json()], [status, { message }]);
      assert.equal(response.headers["Content-Type"], "application/json");
    });
  }

  const codes: [ErrorCode, number, number, string][] = [
    ["INVALID_ARGUMENT", 400, 400, "rpc error: code = InvalidArgument desc = x"],
    ["FAILED_PRECONDITION", 400, 409, "rpc error: code = FailedPrecondition desc = x"],
    ["NOT_FOUND", 404, 404, "rpc error: code = NotFound desc = x"],
    ["ALREADY_EXISTS", 409, 409, "rpc error: code = AlreadyExists desc = x"],
    ["UNAUTHENTICATED", 401, 401, "rpc error: code = Unauthenticated desc = x"],
    ["PERMISSION_DENIED", 403, 403, "rpc error: code = PermissionDenied desc = x"],
    ["UNIMPLEMENTED", 501, 501, "rpc error: code = Unimplemented desc = x"],
    ["UNAVAILABLE", 503, 503, "rpc error: code = Unavailable desc = x"],
    ["OUT_OF_DATE", 500, 500, "rpc error: code = Unknown desc = update out of sequence"],
    ["INTERNAL", 500, 500, "rpc error: code = Internal desc = x"],
  ];
  for (const [code, clusterStatus, localStatus, text] of codes) {
    it(`maps ${code}`, () => {
      const error = new ClusterError(code, "x");
      const { status, message } = fromCluster(error);
      assert.deepEqual([status, message], [clusterStatus, text]);
      assert.equal(fromLocal(error).status, localStatus);
      assert.equal(fromLocal(error).message, "x");
    });
  }

  it("refuses cluster routes on other nodes, each with its reason", async () => {
    const { backend, request } = restBench();
    const texts = [
      { state: "inactive", want: /docker swarm init/ },
      { state: "active", want: /Worker nodes can't be used/ },
      { state: "locked", want: /docker swarm unlock/ },
    ] as const;
    for (const { state, want } of texts) {
      backend.swarm = { ...backend.swarm, state, manager: false };
      assert.match(notManagerError(backend.swarm)?.message ?? "", want);
      for (const path of ["/nodes", "/services", "/tasks", "/secrets", "/configs", "/swarm"]) {
        assert.equal((await request("GET", path)).status, 503);
      }
      assert.equal((await request("GET", "/networks")).status, 200);
    }
  });

  const bodies = [
    { name: "malformed", body: "{bad", status: 400, want: /^invalid JSON/ },
    { name: "empty", body: "", status: 400, want: /got EOF/ },
    { name: "a list", body: [], status: 400, want: /request body must be an object/ },
    {
      name: "wrong type",
      body: { TaskTemplate: { ContainerSpec: { Env: "x" } } },
      status: 400,
      want: /TaskTemplate\.ContainerSpec\.Env must be a list/,
    },
    {
      name: "wrong type in a list",
      body: { EndpointSpec: { Ports: [{ TargetPort: "80" }] } },
      status: 400,
      want: /EndpointSpec\.Ports\[0\]\.TargetPort must be a number/,
    },
    {
      name: "unknown word",
      body: { UpdateConfig: { Order: "sideways" } },
      status: 400,
      want: /invalid --update-order \(UpdateConfig\.Order\): "sideways" is not one of stop-first, start-first/,
    },
    {
      name: "negative duration",
      body: { TaskTemplate: { ContainerSpec: { StopGracePeriod: -5e9 } } },
      status: 400,
      want: /^invalid --stop-grace-period \(TaskTemplate\.ContainerSpec\.StopGracePeriod\): -5s is negative: give 0 or more$/,
    },
    {
      name: "wrong word in a list",
      body: { TaskTemplate: { ContainerSpec: { Mounts: [{ Type: "x" }] } } },
      status: 400,
      want: /^invalid --mount \(TaskTemplate\.ContainerSpec\.Mounts\[0\]\.Type\): "x" is not one of/,
    },
    {
      name: "field without a flag of its own",
      body: { TaskTemplate: { ForceUpdate: -1 } },
      status: 400,
      want: /^invalid TaskTemplate\.ForceUpdate: -1 is not a whole number from 0 to 9007199254740991$/,
    },
    { name: "too large", body: " ".repeat(9 << 20), status: 413, want: /larger than/ },
    {
      name: "two modes",
      body: { Mode: { Replicated: {}, Global: {} } },
      status: 400,
      want: /only one service mode/,
    },
    {
      name: "plugin runtime",
      body: { TaskTemplate: { Runtime: "plugin" } },
      status: 501,
      want: /plugin/,
    },
  ];
  for (const { name, body, status, want } of bodies) {
    it(`refuses a body: ${name}`, async () => {
      const { request } = restBench();
      const response = await request("POST", "/services/create", body);
      assert.equal(response.status, status);
      assert.match((response.json() as { message: string }).message, want);
    });
  }

  it("refuses a body of another content type", async () => {
    const { request } = restBench();
    const headers = { "content-type": "text/plain" };
    const response = await request("POST", "/services/create", "{}", { headers });
    assert.equal(response.status, 400);
    assert.match(response.text(), /unsupported Content-Type/);
  });

  it("reads filters in both forms", () => {
    for (const text of ['{"label":{"a=b":true,"c":false}}', '{"label":["a=b"]}']) {
      const filters = parseFilters(new URLSearchParams({ filters: text }), ["label"]);
      assert.deepEqual(filters.get("label"), ["a=b"]);
    }
    for (const text of ["[]", "x", '{"label":5}', '{"label":[5]}']) {
      assert.throws(
        () => parseFilters(new URLSearchParams({ filters: text }), ["label"]),
        /invalid filter/,
      );
    }
  });

  it("reads X-Registry-Auth", () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    assert.equal(parseRegistryAuth(undefined), undefined);
    assert.equal(parseRegistryAuth("e30="), undefined);
    assert.deepEqual(parseRegistryAuth(encode({ username: "u", password: "p" })), {
      username: "u",
      password: "p",
      identityToken: "",
      serverAddress: "",
    });
    assert.throws(() => parseRegistryAuth("!"), /X-Registry-Auth/);
  });
});
