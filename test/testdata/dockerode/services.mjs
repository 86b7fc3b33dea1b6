// Services, their tasks and their containers.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { docker, refused, running, textOf, until } from "./common.mjs";

const created = await docker.createService({
  Name: "dk-web",
  Labels: { of: "dockerode" },
  TaskTemplate: {
    ContainerSpec: { Image: "skep-web:1", Env: ["COLOR=blue"] },
    Placement: { Constraints: ["node.role==manager"] },
    RestartPolicy: { Condition: "any", Delay: 100_000_000 },
  },
  Mode: { Replicated: { Replicas: 2 } },
  UpdateConfig: { Parallelism: 2, Monitor: 500_000_000 },
  EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8086 }] },
});
const service = docker.getService(created.id);
const tasks = await running("dk-web", 2);
assert.equal((await docker.getTask(tasks[0].ID).inspect()).ServiceID, created.id);
const filters = JSON.stringify({ label: ["of=dockerode"] });
const [listed] = await docker.listServices({ filters, status: true });
assert.deepEqual(listed.ServiceStatus, { RunningTasks: 2, DesiredTasks: 2, CompletedTasks: 0 });

// Logs: at once they are a buffer, followed they are a stream.
await until("logs", async () => String(await service.logs({ stdout: true })).match(/serving 1/g)?.length === 2);
const follow = await service.logs({ stdout: true, follow: true });
await until("the followed log", async () => {
  const chunk = follow.read();
  return chunk !== null && String(chunk).includes("serving 1");
});
follow.destroy();

// Update, then roll back by the API's own way.
const before = await service.inspect();
const changed = structuredClone(before.Spec);
changed.TaskTemplate.ContainerSpec.Image = "skep-web:2";
await service.update({ ...changed, version: before.Version.Index });
await refused(500, "out of sequence", service.update({ ...changed, version: before.Version.Index }));
const state = async () => (await service.inspect()).UpdateStatus?.State;
await until("the update", async () => (await state()) === "completed", 40_000);
const updated = await service.inspect();
await service.update({ ...updated.Spec, version: updated.Version.Index, rollback: "previous" });
await until("the rollback", async () => (await state()) === "rollback_completed", 40_000);
assert.equal((await service.inspect()).Spec.TaskTemplate.ContainerSpec.Image, "skep-web:1");

// A container of it.
const label = ["com.docker.swarm.service.name=dk-web"];
const rows = await docker.listContainers({ filters: JSON.stringify({ label }) });
assert.equal(rows.length, 2);
const container = docker.getContainer(rows[0].Id);
const details = await container.inspect();
assert.equal(details.State.Running, true);
assert.ok(details.Config.Env.includes("COLOR=blue"));
assert.match(String(await container.logs({ stdout: true, stderr: true })), /serving 1/);
assert.ok((await container.top()).Processes.length >= 1);
assert.ok((await container.stats({ stream: false })).memory_stats.usage > 0);

// exec: hijacked with input, and demultiplexed.
const exec = await container.exec({ Cmd: ["sh", "-c", "cat; echo err >&2; exit 4"], AttachStdin: true, AttachStdout: true, AttachStderr: true });
const duplex = await exec.start({ hijack: true, stdin: true });
const out = new PassThrough();
const err = new PassThrough();
docker.modem.demuxStream(duplex, out, err);
duplex.on("end", () => {
  out.end();
  err.end();
});
const outText = textOf(out);
const errText = textOf(err);
duplex.write("typed\n");
duplex.end();
assert.equal(await outText, "typed\n");
assert.equal(await errText, "err\n");
await until("its exit code", async () => (await exec.inspect()).ExitCode === 4);

await service.remove();
await refused(404, "not found", service.inspect());
await until("its containers are gone", async () => {
  return (await docker.listContainers({ all: true, filters: JSON.stringify({ label }) })).length === 0;
});
