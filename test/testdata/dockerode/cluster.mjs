// System, swarm and nodes.
import assert from "node:assert/strict";
import { clientOf, docker, managerAddress, refused, spareAddress } from "./common.mjs";

assert.equal(String(await docker.ping()), "OK");
assert.equal((await docker.version()).Os, "linux");
const info = await docker.info();
assert.equal(info.Swarm.LocalNodeState, "active");
assert.equal(info.Swarm.Nodes, 2);
assert.ok((await docker.df()).LayersSize > 0);

// Nodes.
const nodes = await docker.listNodes();
assert.deepEqual(nodes.map(({ Spec }) => Spec.Role).sort(), ["manager", "worker"]);
const filters = JSON.stringify({ role: ["worker"] });
const [found] = await docker.listNodes({ filters });
const node = docker.getNode(found.ID);
const { Spec, Version } = await node.inspect();
const version = Version.Index;
await node.update({ ...Spec, version, Labels: { rack: "r1" } });
await refused(500, "out of sequence", node.update({ ...Spec, version }));
const labelled = JSON.stringify({ "node.label": ["rack=r1"] });
assert.equal((await docker.listNodes({ filters: labelled })).length, 1);
const now = await node.inspect();
await node.update({ ...now.Spec, version: now.Version.Index, Labels: {} });
await refused(404, "not found", docker.getNode("nosuch").inspect());

// A swarm on the spare daemon, made and left; then it joins ours.
const spare = clientOf("SPARE_HOST");
await refused(503, "not a swarm manager", spare.swarmInspect());
const nodeId = await spare.swarmInit({
  AdvertiseAddr: spareAddress,
  ListenAddr: "0.0.0.0:2377",
  Spec: { Orchestration: { TaskHistoryRetentionLimit: 2 } },
});
assert.equal(nodeId, (await spare.info()).Swarm.NodeID);
const own = await spare.swarmInspect();
assert.equal(own.Spec.Orchestration.TaskHistoryRetentionLimit, 2);
await spare.swarmUpdate({
  ...own.Spec,
  Orchestration: { TaskHistoryRetentionLimit: 7 },
  version: own.Version.Index,
  rotateWorkerToken: true,
});
const changed = await spare.swarmInspect();
assert.equal(changed.Spec.Orchestration.TaskHistoryRetentionLimit, 7);
assert.notEqual(changed.JoinTokens.Worker, own.JoinTokens.Worker);
assert.equal(changed.JoinTokens.Manager, own.JoinTokens.Manager);
await refused(503, "--force", spare.swarmLeave());
await spare.swarmLeave({ force: true });

const { JoinTokens } = await docker.swarmInspect();
await spare.swarmJoin({
  AdvertiseAddr: spareAddress,
  ListenAddr: "0.0.0.0:2377",
  RemoteAddrs: [managerAddress],
  JoinToken: JoinTokens.Worker,
});
const joined = (await spare.info()).Swarm;
assert.equal(joined.LocalNodeState, "active");
assert.equal((await docker.getNode(joined.NodeID).inspect()).Spec.Role, "worker");
await spare.swarmLeave();
await docker.getNode(joined.NodeID).remove({ force: true });
await refused(404, "not found", docker.getNode(joined.NodeID).inspect());
