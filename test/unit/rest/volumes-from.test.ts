import assert from "node:assert/strict";
import { must } from "../../../src/base/assert.ts";
import type { ContainerData, ContainerMountData } from "../../../src/rest/backend/containers.ts";
import { askedHostConfigJson } from "../../../src/rest/translate/container-asked.ts";
import { readContainerCreate } from "../../../src/rest/translate/container-create.ts";
import { readVolumesFrom, withVolumesFrom } from "../../../src/rest/translate/volumes-from.ts";
import { restBench } from "./support.ts";

const read = (host: object = {}, config: object = {}) =>
  readContainerCreate({ Image: "busybox", ...config, HostConfig: host });

const volume: ContainerMountData = {
  ...{ type: "volume", name: "data", source: "/v/data", target: "/data" },
  ...{ readOnly: false, propagation: "" },
};
const bind: ContainerMountData = {
  ...{ type: "bind", name: "", source: "/etc/x", target: "/x" },
  ...{ readOnly: true, propagation: "rprivate" },
};
const tmpfs: ContainerMountData = { ...volume, type: "tmpfs", name: "", target: "/tmp" };

describe("--volumes-from", () => {
  let db: ContainerData;
  before(async () => {
    const [any] = await restBench().backend.node.containers.list();
    db = { ...must(any, "a container"), name: "db", mounts: [volume, bind, tmpfs] };
  });
  const shown = (options: ReturnType<typeof withVolumesFrom>) =>
    options.mounts.map(({ type, source, target, readOnly }) => [type, source, target, readOnly]);

  it("gives volumes and bound paths of a container, and says so by inspect", () => {
    const got = withVolumesFrom(read({ VolumesFrom: ["db"], Binds: ["v:/v"] }), [
      { container: db, readOnly: false },
    ]);
    assert.deepEqual(shown(got), [
      ["VOLUME", "v", "/v", false],
      ["VOLUME", "data", "/data", false],
      ["BIND", "/etc/x", "/x", true],
    ]);
    const host = askedHostConfigJson(got) as { VolumesFrom: string[]; Mounts?: object[] };
    assert.deepEqual([host.VolumesFrom, host.Mounts], [["db"], undefined]);
  });

  it("leaves what the container has of its own, but for volumes without a name", () => {
    const asked = read({ Binds: ["own:/data"] }, { Volumes: { "/x": {}, "/y": {} } });
    const got = withVolumesFrom(asked, [{ container: db, readOnly: true }]);
    assert.deepEqual(shown(got), [
      ["VOLUME", "own", "/data", false],
      ["BIND", "/etc/x", "/x", true],
    ]);
    assert.deepEqual(got.volumes, ["/y"]);
  });

  it("takes the last of two containers, read-only when asked", () => {
    const other = { ...db, mounts: [{ ...volume, name: "other" }] };
    const got = withVolumesFrom(read(), [
      { container: db, readOnly: false },
      { container: other, readOnly: true },
    ]);
    assert.deepEqual(shown(got)[0], ["VOLUME", "other", "/data", true]);
  });

  it("takes what a container that never ran asked for, if that has names", () => {
    const never = { ...db, startedAtMs: 0, mounts: [] };
    const named = { ...never, asked: read({ Binds: ["v:/v"], Tmpfs: { "/t": "" } }) };
    const source = { container: named, readOnly: true };
    assert.deepEqual(shown(withVolumesFrom(read(), [source])), [["VOLUME", "v", "/v", true]]);
    const nameless = { ...never, asked: read({}, { Volumes: { "/v": {} } }) };
    assert.throws(
      () => withVolumesFrom(read(), [{ container: nameless, readOnly: false }]),
      /volumes-from db: .*start it once/,
    );
  });

  it("does not pass for a missing image when there is no such container", async () => {
    const { request, backend } = restBench();
    const create = () => assert.fail("nothing is made");
    Object.assign(backend.node.containers, { create });
    const body = { Image: "busybox", HostConfig: { VolumesFrom: ["nosuch"] } };
    const answer = await request("POST", "/containers/create", body);
    assert.equal(answer.status, 400);
    assert.match(answer.text(), /No such container: nosuch/);
  });

  for (const [text, want] of [
    ["db", { ref: "db", readOnly: false }],
    ["db:ro", { ref: "db", readOnly: true }],
    ["db:z,rw", { ref: "db", readOnly: false }],
    ["", /invalid volumes-from ""/],
    ["db:fast", /invalid mode: fast/],
    ["db:ro:x", /invalid volumes-from/],
  ] as const) {
    it(`reads "${text}"`, () => {
      if (want instanceof RegExp) assert.throws(() => readVolumesFrom(text), want);
      else assert.deepEqual(readVolumesFrom(text), want);
    });
  }
});
