import assert from "node:assert/strict";
import { silentLogger } from "../../../src/base/log.ts";
import type { HealthHandlers } from "../../../src/gen/skep/Health.ts";
import type { ServiceHandlers } from "../../../src/rpc/api.ts";
import { ChannelPool } from "../../../src/rpc/channel-pool.ts";
import { fixedIdentity } from "../../../src/rpc/credentials.ts";
import { sendTrailersAtOnce, type TrailedStream } from "../../../src/rpc/prompt-trailers.ts";
import { RpcServer } from "../../../src/rpc/server.ts";
import { CuttingProxy } from "../../support/cutting-proxy.ts";
import { TestCa } from "../../support/test-certificates.ts";

describe("trailers", () => {
  const kHandle = Symbol("kHandle");

  it("leave in one piece with the answer", async () => {
    const log = silentLogger;
    const ca = new TestCa("cluster-a");
    const identity = fixedIdentity(ca.identity("manager1", "manager"));
    const server = new RpcServer({ identity, log });
    const health: ServiceHandlers<HealthHandlers> = { check: async () => ({ status: "SERVING" }) };
    server.add("Health", health, { Check: "worker" });
    const proxy = await CuttingProxy.open(await server.listen("127.0.0.1:0"), []);
    const pool = new ChannelPool({ identity, log });
    try {
      const check = () => pool.unary(proxy.address, "Health", "Check", { service: "" });
      await check(); // with it go the connection's first words
      const before = proxy.piecesBack;
      for (let call = 0; call < 20; call += 1) await check();
      assert.equal(proxy.piecesBack - before, 20);
    } finally {
      pool.stop();
      await server.stop(100);
      await proxy.close();
      ca.remove();
    }
  });

  it("go as Node sends them when it keeps its streams in another way", () => {
    const sent: object[] = [];
    const stream: TrailedStream = {
      destroyed: false,
      sendTrailers: (headers) => void sent.push(headers),
      destroy: () => {},
    };
    sendTrailersAtOnce(stream);
    stream.sendTrailers({ "grpc-status": 0 });
    assert.deepEqual(sent, [{ "grpc-status": 0 }]);
  });

  it("are given with every value, and a refusal ends the stream", () => {
    const lists: unknown[] = [];
    const errors: string[] = [];
    let result = 0;
    const trailers = (list: unknown): number => {
      lists.push(list);
      return result;
    };
    const stream: TrailedStream & { readonly [kHandle]: object } = {
      destroyed: false,
      sendTrailers: () => assert.fail("Node's own"),
      destroy: (error) => errors.push(error.message),
      [kHandle]: { trailers },
    };
    sendTrailersAtOnce(stream);
    stream.sendTrailers({ "grpc-status": 5, left: undefined, more: ["a", "b"] });
    assert.deepEqual(lists, [["grpc-status\x005\0\0more\0a\0\0more\0b\0\0", 3]]);
    assert.deepEqual(errors, []);
    result = -509;
    stream.sendTrailers({ "grpc-status": 0 });
    assert.deepEqual(errors, ["nghttp2 refused the trailers: -509"]);
  });
});
