import assert from "node:assert/strict";
import { restBench } from "./support.ts";

const key = { "x-skep-backup-key": "SKBAK-1-fake" };

describe("rest: backup and restore of the swarm", () => {
  it("sends the backup as it comes, with its key in the header", async () => {
    const { request, backend } = restBench();
    const answer = await request("POST", "/swarm/backup");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["Content-Type"], "application/octet-stream");
    assert.equal(answer.headers["X-Skep-Backup-Key"], "SKBAK-1-fake");
    assert.equal(answer.text(), "sealed bytes");
    await request("POST", "/swarm/backup?stale=1");
    assert.deepEqual(backend.calls, ["backup", "backup stale"]);
  });

  it("is for managers only", async () => {
    const { request, backend } = restBench();
    backend.swarm = { ...backend.swarm, manager: false };
    const answer = await request("POST", "/swarm/backup");
    assert.equal(answer.status, 503);
    assert.match(answer.text(), /This node is not a swarm manager/);
  });

  it("takes the file as the body, key and addresses beside it", async () => {
    const { request, backend } = restBench();
    backend.swarm = { ...backend.swarm, state: "inactive", manager: false };
    const path = "/swarm/restore?advertiseAddr=eth0&listenAddr=10.0.0.1:2377";
    const answer = await request("POST", path, Buffer.from("the file"), { headers: key });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json(), {
      NodeID: "n1",
      ClusterID: "c1",
      BackupCreatedAt: "2026-01-02T03:04:05.000Z",
    });
    assert.deepEqual(backend.calls, ["restore the file eth0 10.0.0.1:2377"]);
  });

  it("refuses a restore without the right key", async () => {
    const { request } = restBench();
    const without = await request("POST", "/swarm/restore", Buffer.from("x"));
    assert.deepEqual([without.status, /set X-Skep-Backup-Key/.test(without.text())], [400, true]);
    const headers = { "x-skep-backup-key": "SKBAK-1-other" };
    const wrong = await request("POST", "/swarm/restore", Buffer.from("x"), { headers });
    assert.deepEqual(
      [wrong.status, wrong.json()],
      [400, { message: "the key is not this backup's" }],
    );
  });
});
