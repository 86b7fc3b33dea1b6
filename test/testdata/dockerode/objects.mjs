// Secrets, configs, networks, volumes, images, and the events that tell of them.
import assert from "node:assert/strict";
import { docker, refused, textOf, until } from "./common.mjs";

const types = { type: ["secret", "config", "network", "volume"] };
const stream = await docker.getEvents({ filters: JSON.stringify(types) });
let told = "";
stream.on("data", (chunk) => {
  told += chunk;
});

const Data = Buffer.from("hush").toString("base64");
const Labels = { of: "dockerode" };
const filters = JSON.stringify({ label: ["of=dockerode"] });

const secret = await docker.createSecret({ Name: "dk-secret", Data, Labels });
const seen = await docker.getSecret(secret.id).inspect();
assert.equal(seen.Spec.Name, "dk-secret");
assert.equal(seen.Spec.Data, undefined);
await docker.getSecret(secret.id).update({ ...seen.Spec, version: seen.Version.Index, Labels: { ...Labels, more: "yes" } });
assert.deepEqual((await docker.listSecrets({ filters }))[0].Spec.Labels, { of: "dockerode", more: "yes" });
await refused(409, "already exists", docker.createSecret({ Name: "dk-secret", Data }));
await docker.getSecret(secret.id).remove();
await refused(404, "not found", docker.getSecret(secret.id).inspect());

const config = await docker.createConfig({ Name: "dk-config", Data, Labels });
assert.equal((await docker.getConfig(config.id).inspect()).Spec.Data, Data);
assert.equal((await docker.listConfigs({ filters })).length, 1);
await docker.getConfig(config.id).remove();

const network = await docker.createNetwork({
  Name: "dk-net",
  Driver: "overlay",
  Attachable: true,
  Labels,
  IPAM: { Driver: "default", Config: [{ Subnet: "10.98.0.0/24" }] },
});
const net = await docker.getNetwork(network.id).inspect();
assert.equal(net.Scope, "swarm");
assert.equal(net.IPAM.Config[0].Subnet, "10.98.0.0/24");
assert.deepEqual((await docker.listNetworks({ filters })).map(({ Name }) => Name), ["dk-net"]);
await network.remove();
await refused(404, "not found", network.inspect());

const volume = await docker.createVolume({ Name: "dk-volume", Labels });
assert.equal(volume.Driver ?? (await docker.getVolume("dk-volume").inspect()).Driver, "local");
assert.equal((await docker.listVolumes({ filters })).Volumes.length, 1);
await docker.getVolume("dk-volume").remove();

const image = docker.getImage("skep-web:1");
const { Id, RepoTags } = await image.inspect();
assert.ok(RepoTags.includes("skep-web:1"));
assert.ok((await docker.listImages()).some((one) => one.Id === Id));
assert.equal((await image.history())[0].Id, Id);
await image.tag({ repo: "dk-copy", tag: "v1" });
const archive = await docker.getImage("dk-copy:v1").get();
const loaded = await docker.loadImage(archive);
assert.match(await textOf(loaded), /Loaded image: dk-copy:v1/);
await docker.getImage("dk-copy:v1").remove();
await refused(404, "dk-copy", docker.getImage("dk-copy:v1").inspect());
await refused(500, "127.0.0.1:9", docker.pull("127.0.0.1:9/nosuch:1"));

const wanted = ["secret", "config", "network"].flatMap((type) => [`${type} create`, `${type} remove`]);
wanted.push("secret update", "volume create", "volume destroy");
await until("all events", () => {
  const lines = told.split("\n").filter((line) => line.endsWith("}"));
  const words = new Set(lines.map((line) => JSON.parse(line)).map(({ Type, Action }) => `${Type} ${Action}`));
  return wanted.every((one) => words.has(one));
});
stream.destroy();
