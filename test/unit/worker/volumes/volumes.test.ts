import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../../src/base/errors.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import type { Mount, MountInput } from "../../../../src/gen/skep/Mount.ts";
import { messageCodec } from "../../../../src/rpc/load-proto.ts";
import { anonymousLabel, anonymousVolumeName } from "../../../../src/worker/volumes/volume.ts";
import type { VolumeUser } from "../../../../src/worker/volumes/volume-users.ts";
import { Volumes } from "../../../../src/worker/volumes/volumes.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const codec = messageCodec<MountInput, Mount>("Mount");

describe("Volumes", () => {
  let folder: string;
  let users: VolumeUser[];
  let events: string[];
  let volumes: Volumes;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-volumes-"));
    users = [];
    events = [];
    volumes = open();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function open(): Volumes {
    return new Volumes(
      { root: join(folder, "volumes"), execRoot: join(folder, "exec") },
      {
        users: () => users,
        onVolume: (action, name) => events.push(`${action} ${name.slice(0, 8)}`),
        clock: new FakeClock(),
        log: silentLogger,
      },
    );
  }

  /** An image of one layer with these files. */
  function image(files: Record<string, string>): string[] {
    const layer = mkdtempSync(join(folder, "layer"));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(layer, path, ".."), { recursive: true });
      writeFileSync(join(layer, path), text);
    }
    return [layer];
  }

  async function prepare(
    mount: MountInput,
    { containerId = "c1", layerPaths = [] as string[], imageVolumes = [] as string[] } = {},
  ) {
    const mounts = mount.target === undefined ? [] : [codec.decode(codec.encode(mount))];
    return await volumes.prepare({ containerId, layerPaths, mounts, imageVolumes });
  }

  const data = { type: "VOLUME", source: "data", target: "/data" } as const;

  it("makes one once, and keeps it until it is removed", async () => {
    const made = await volumes.ensure("data", { labels: { a: "b" } });
    assert.ok(existsSync(made.mountpoint));
    assert.deepEqual(await volumes.ensure("data", { labels: { a: "other" } }), made);
    assert.deepEqual(await open().list(), [made]);
    await volumes.remove("data");
    assert.equal(existsSync(made.mountpoint), false);
    assert.deepEqual(await volumes.list(), []);
    await assert.rejects(volumes.remove("data"), /no such volume/);
    assert.deepEqual(events, ["create data", "destroy data"]);
  });

  it("keeps one that a container names, also one that has ended", async () => {
    await volumes.ensure("data");
    users = [{ containerId: "c9", volumes: ["data"], isActive: false }];
    await assert.rejects(
      volumes.remove("data"),
      (error: unknown) =>
        isClusterError(error, "FAILED_PRECONDITION") &&
        error.message === "remove data: volume is in use - [c9]",
    );
    users = [];
    volumes.addUsers(() => [{ containerId: "c8", volumes: ["data"], isActive: false }]);
    assert.deepEqual(volumes.usersOf("data"), ["c8"]);
    await assert.rejects(volumes.remove("data"), /in use - \[c8\]/);
  });

  it("keeps one that is being prepared for a container", async () => {
    const [mount] = await prepare(data);
    assert.deepEqual(mount, {
      type: "bind",
      source: join(folder, "volumes/data/_data"),
      target: "/data",
      readOnly: false,
      options: [],
      volume: "data",
    });
    await assert.rejects(volumes.remove("data"), /in use - \[c1\]/);
    await volumes.release("c1");
    await volumes.remove("data");
    assert.deepEqual(events, ["create data", "mount data", "unmount data", "destroy data"]);
  });

  it("fills an empty one with what the image has there, with modes", async () => {
    const layerPaths = image({ "data/sub/file": "text" });
    chmodSync(join(layerPaths[0] ?? "", "data"), 0o2750);
    const [mount] = await prepare(data, { layerPaths });
    const source = mount?.source ?? "";
    assert.equal(readFileSync(join(source, "sub/file"), "utf8"), "text");
    assert.equal(statSync(source).mode & 0o7777, 0o2750);
    assert.deepEqual(readdirSync(join(folder, "volumes/data")), ["_data", "volume.json"]);
  });

  it("fills none that has something in it, nor one that shall not be", async () => {
    const { mountpoint } = await volumes.ensure("data");
    writeFileSync(join(mountpoint, "own"), "");
    await prepare(data, { layerPaths: image({ "data/file": "text" }) });
    assert.deepEqual(readdirSync(mountpoint), ["own"]);
    const plain = { ...data, source: "plain", volume: { noCopy: true } };
    const [mount] = await prepare(plain, { layerPaths: image({ "data/file": "text" }) });
    assert.deepEqual(readdirSync(mount?.source ?? ""), []);
  });

  it("fills none from outside the image, nor from a file", async () => {
    writeFileSync(join(folder, "outside"), "secret");
    const layerPaths = image({ file: "text" });
    symlinkSync("../..", join(layerPaths[0] ?? "", "up"));
    symlinkSync(folder, join(layerPaths[0] ?? "", "absolute"));
    for (const target of ["/absolute", "/file", "/none"]) {
      const name = `to${target.slice(1)}`;
      const [mount] = await prepare({ ...data, source: name, target }, { layerPaths });
      assert.deepEqual(readdirSync(mount?.source ?? ""), [], target);
    }
    const [mount] = await prepare({ ...data, source: "up", target: "/up" }, { layerPaths });
    assert.ok(!existsSync(join(mount?.source ?? "", "outside")), "the image's root at most");
  });

  it("starts anew with filling what an earlier daemon had begun", async () => {
    await volumes.ensure("data");
    mkdirSync(join(folder, "volumes/data/fill"));
    writeFileSync(join(folder, "volumes/data/fill/half"), "");
    const [mount] = await prepare(data, { layerPaths: image({ "data/file": "text" }) });
    assert.deepEqual(readdirSync(mount?.source ?? ""), ["file"]);
  });

  it("makes the image's volumes, finds them again, and removes them with the container", async () => {
    const given = { imageVolumes: ["/cache"] };
    const [first] = await prepare({}, given);
    writeFileSync(join(first?.source ?? "", "kept"), "");
    await volumes.release("c1");
    users = [{ containerId: "c1", volumes: [first?.volume ?? ""], isActive: false }];
    const [again] = await prepare({}, given);
    assert.deepEqual(again, first);
    assert.ok(existsSync(join(again?.source ?? "", "kept")));
    const [volume] = await volumes.list();
    assert.equal(volume?.name, anonymousVolumeName("c1", "/cache"));
    assert.deepEqual(volume?.labels, { [anonymousLabel]: "" });
    await volumes.abandon("c1");
    assert.equal((await volumes.list()).length, 1, "as long as the container is there");
    users = [];
    await volumes.release("c1");
    assert.deepEqual(await volumes.list(), []);
  });

  it("removes no named volume, and none that was made for another, with a container", async () => {
    await prepare({}, { containerId: "c2", imageVolumes: ["/cache"] });
    const other = anonymousVolumeName("c2", "/cache");
    await prepare(data);
    await prepare({ ...data, source: other });
    await volumes.abandon("c1");
    await volumes.release("c1");
    assert.deepEqual(
      new Set((await volumes.list()).map(({ name }) => name)),
      new Set([other, "data"]),
    );
  });

  it("removes at the next start what was abandoned, when the daemon died in between", async () => {
    await prepare({}, { imageVolumes: ["/cache"] });
    await volumes.abandon("c1");
    volumes = open();
    await volumes.sweep();
    assert.deepEqual(await volumes.list(), []);
  });

  it("leaves nothing behind of a container whose mounts cannot be", async () => {
    const missing = { type: "BIND", source: join(folder, "none"), target: "/x" } as const;
    const mounts = [codec.decode(codec.encode({ type: "VOLUME", target: "/a" }))];
    mounts.push(codec.decode(codec.encode(missing)));
    await assert.rejects(
      volumes.prepare({ containerId: "c1", layerPaths: [], mounts, imageVolumes: [] }),
      /invalid mount config for type "bind": bind source path does not exist: .*none/,
    );
    assert.deepEqual(await volumes.list(), []);
  });

  it("makes a folder to bind only where that was asked for", async () => {
    const source = join(folder, "made/here");
    await prepare({ type: "BIND", source, target: "/x", bind: { createMountpoint: true } });
    assert.ok(statSync(source).isDirectory());
  });

  it("refuses a driver that is none, before anything is made", async () => {
    const mount = { ...data, volume: { driver: "nosuch" } };
    await assert.rejects(prepare(mount), /plugin "nosuch" not found/);
    await assert.rejects(volumes.ensure("data", { driver: "nosuch" }), /plugin "nosuch" not found/);
    assert.deepEqual(await volumes.list(), []);
  });

  it("refuses a part of a volume that is not there", async () => {
    const mount = { ...data, volume: { subpath: "none" } };
    await assert.rejects(prepare(mount), /volume data: cannot access path .*_data\/none: no such/);
  });

  it("counts a file with two names once", async () => {
    const volume = await volumes.ensure("data");
    writeFileSync(join(volume.mountpoint, "a"), "12345");
    mkdirSync(join(volume.mountpoint, "sub"));
    linkSync(join(volume.mountpoint, "a"), join(volume.mountpoint, "sub/b"));
    assert.equal(await volumes.sizeOf(volume), 5);
  });
});
