import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { RaftHandlers } from "../../../src/gen/skep/Raft.ts";
import type { SnapshotAck } from "../../../src/gen/skep/SnapshotAck.ts";
import type { ServiceHandlers } from "../../../src/rpc/api.ts";
import { ChannelPool } from "../../../src/rpc/channel-pool.ts";
import { fixedIdentity, type TlsIdentity } from "../../../src/rpc/credentials.ts";
import type { NodeRoleName } from "../../../src/rpc/roles.ts";
import { RpcServer } from "../../../src/rpc/server.ts";
import { TestCa } from "../../support/test-certificates.ts";

describe("rpc: streams and links of nodes that may no longer call", () => {
  const log = silentLogger;
  const removed = new Set<string>();
  const demoted = new Map<string, NodeRoleName>();
  let ca: TestCa;
  let server: RpcServer;
  let address: string;
  let pools: ChannelPool[];
  let handlersEnded: number;
  let onUpload = (): void => {};

  before(async () => {
    ca = new TestCa("cluster-a");
    pools = [];
    handlersEnded = 0;
    server = new RpcServer({
      identity: fixedIdentity(ca.identity("m0", "manager")),
      log,
      refuse: ({ nodeId }) => (removed.has(nodeId) ? `node ${nodeId} was removed` : undefined),
      roleOf: ({ nodeId, role }) => demoted.get(nodeId) ?? role,
    });
    const raft: ServiceHandlers<RaftHandlers> = {
      async sendSnapshot(chunks, { signal }) {
        const over = new Promise((resolve) => signal.addEventListener("abort", resolve));
        for await (const _ of chunks) break;
        onUpload();
        await over;
        handlersEnded += 1;
        return {};
      },
    };
    server.add("Raft", raft, { SendSnapshot: "manager" });
    server.addLinks("echo/1", "manager", (_, link) => (bytes) => link.send(bytes));
    address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  });
  after(async () => {
    for (const pool of pools) pool.stop();
    await server.stop(0);
    ca.remove();
  });

  async function open(nodeId: string): Promise<{ ended: Promise<unknown>[] }> {
    const identity: TlsIdentity = ca.identity(nodeId, "manager");
    const pool = new ChannelPool({ identity: fixedIdentity(identity), log });
    pools.push(pool);
    let heard = (): void => {};
    const linkEnded = new Promise<unknown>((resolve) => {
      const events = { onOpen() {}, onDrain() {}, onMessage: () => heard(), onEnd: resolve };
      pool.link(address, "echo/1", events).send(Buffer.from("there?"));
    });
    const answered = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const refusal = await Promise.race([answered, linkEnded]);
    if (refusal !== undefined) throw refusal;
    const upload = pool.upload<object, SnapshotAck>(address, "Raft", "SendSnapshot");
    const taken = new Promise<void>((resolve) => {
      onUpload = resolve;
    });
    await upload.write({});
    await taken;
    const caught = (error: unknown): unknown => error;
    return { ended: [linkEnded, upload.response.then((ack) => ack, caught)] };
  }

  const cases = [
    { name: "removed", end: (id: string) => removed.add(id), why: /node \w+ was removed/ },
    { name: "demoted", end: (id: string) => demoted.set(id, "worker"), why: /is not for worker/ },
  ];
  for (const { name, end, why } of cases) {
    it(`cuts those of a ${name} node, and no others`, async () => {
      const gone = await open(`${name}1`);
      const stays = await open(`${name}2`);
      end(`${name}1`);
      const before = handlersEnded;
      server.recheck();
      const errors = await Promise.all(gone.ended);
      for (const error of errors) {
        assert.ok(isClusterError(error, "PERMISSION_DENIED"), String(error));
        assert.match(error.message, why);
      }
      assert.equal(handlersEnded - before, 1, "the handler has learnt of it");
      const state = await Promise.race([...stays.ended, Promise.resolve("open")]);
      assert.equal(state, "open");
      const again = await open(`${name}1`).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(isClusterError(again), "a new stream is refused too");
    });
  }
});
