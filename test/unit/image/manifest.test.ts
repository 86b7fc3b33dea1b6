import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { checkPlatform, parseImageConfig } from "../../../src/image/image-config.ts";
import { choosePlatform, type ImageIndex, parseManifest } from "../../../src/image/manifest.ts";

const digest = `sha256:${"1".repeat(64)}`;
const descriptor = { mediaType: "m", digest, size: 3 };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe("manifests", () => {
  it("reads an image and an index", () => {
    const image = parseManifest(bytes({ config: descriptor, layers: [descriptor] }));
    assert.deepEqual(image, {
      kind: "image",
      mediaType: "",
      config: descriptor,
      layers: [descriptor],
    });
    const platform = { os: "linux", architecture: "arm64", variant: "v8", extra: 1 };
    const index = parseManifest(
      bytes({ mediaType: "i", manifests: [{ ...descriptor, platform }] }),
    );
    assert.equal(index.kind === "index" && index.manifests[0]?.platform?.variant, "v8");
  });

  const bad: [string, unknown][] = [
    ["what is both", { manifests: [], layers: [] }],
    ["what is neither", { schemaVersion: 2 }],
    ["null", null],
    [
      "a digest that is a path",
      { config: { ...descriptor, digest: "sha256:../../x" }, layers: [] },
    ],
    ["another hash", { config: { ...descriptor, digest: `md5:${"1".repeat(32)}` }, layers: [] }],
    ["a negative size", { config: { ...descriptor, size: -1 }, layers: [] }],
    ["too many layers", { config: descriptor, layers: Array(128).fill(descriptor) }],
  ];
  for (const [name, document] of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseManifest(bytes(document)),
        (error) => isClusterError(error, "DATA_LOSS"),
      );
    });
  }

  it("chooses the wanted build, or says which there are", () => {
    const entry = (architecture: string, variant?: string) => ({
      ...descriptor,
      platform: { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) },
    });
    const manifests = [entry("amd64"), entry("arm", "v6"), entry("arm", "v7")];
    const index: ImageIndex = { kind: "index", mediaType: "", manifests };
    const choose = (architecture: string, variant?: string) =>
      choosePlatform("app", index, entry(architecture, variant).platform);
    assert.equal(choose("arm"), manifests[1]);
    assert.equal(choose("arm", "v7"), manifests[2]);
    assert.throws(
      () => choose("mips"),
      /no build for linux\/mips; it has linux\/amd64, linux\/arm\/v6/,
    );
  });

  it("reads a configuration, whatever else it holds", () => {
    const raw = {
      architecture: "amd64",
      os: "linux",
      rootfs: { diff_ids: [digest] },
      config: {
        Cmd: ["a", 5],
        Labels: { x: "y", z: 1 },
        ExposedPorts: { "80/tcp": {} },
        Healthcheck: { Test: ["CMD", "x"], Interval: 2_000_000_000, Retries: 3 },
      },
    };
    const { config, diffIds } = parseImageConfig(raw);
    assert.deepEqual(diffIds, [digest]);
    assert.deepEqual(
      [config.cmd, config.labels, config.exposedPorts],
      [["a"], { x: "y" }, ["80/tcp"]],
    );
    assert.deepEqual([config.healthcheck?.intervalMs, config.healthcheck?.retries], [2000, 3]);
    for (const other of [null, {}, { rootfs: { diff_ids: ["x"] } }]) {
      assert.throws(
        () => parseImageConfig(other),
        (error) => isClusterError(error, "DATA_LOSS"),
      );
    }
  });

  it("refuses another machine's image", () => {
    checkPlatform("app", { os: "linux", architecture: "amd64" }, "amd64");
    const windows = { os: "windows", architecture: "amd64" };
    assert.throws(
      () => checkPlatform("app", windows, "amd64"),
      /app is for windows\/amd64, this node is linux\/amd64/,
    );
  });
});
