import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import type { StoredImage } from "../../../src/image/image-index.ts";
import { withImage, withTag } from "../../../src/image/image-index.ts";
import { findStored, planRemoval } from "../../../src/image/image-lookup.ts";
import {
  familiarDigest,
  familiarTag,
  isLoopbackRegistry,
  parseReference,
  registryHost,
} from "../../../src/image/reference.ts";
import { parseChallenge, parseRegistryAuth } from "../../../src/image/registry-auth.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("image references", () => {
  const table = [
    { given: "busybox", want: ["docker.io", "library/busybox", "latest", undefined] },
    { given: "me/app:1.2", want: ["docker.io", "me/app", "1.2", undefined] },
    { given: "docker.io/busybox", want: ["docker.io", "library/busybox", "latest", undefined] },
    { given: "index.docker.io/me/app", want: ["docker.io", "me/app", "latest", undefined] },
    { given: "localhost/app", want: ["localhost", "app", "latest", undefined] },
    { given: "127.0.0.1:5000/app", want: ["127.0.0.1:5000", "app", "latest", undefined] },
    { given: "[::1]:5000/a/b:x", want: ["[::1]:5000", "a/b", "x", undefined] },
    { given: `ghcr.io/a/b/c@${digest}`, want: ["ghcr.io", "a/b/c", undefined, digest] },
    { given: `app:v1@${digest}`, want: ["docker.io", "library/app", "v1", digest] },
    { given: "a__b/c.d-e--f", want: ["docker.io", "a__b/c.d-e--f", "latest", undefined] },
  ];
  for (const { given, want } of table) {
    it(given, () => {
      const { registry, repository, tag, digest: found } = parseReference(given);
      assert.deepEqual([registry, repository, tag, found], want);
    });
  }

  const bad = [
    "",
    "App",
    "a//b",
    "/a",
    "a:",
    "a:b:c",
    "a@sha256:12",
    `a@${digest}@${digest}`,
    "-a",
    "a b",
    "../a",
    "http://x/y",
    "a.b:99999999/c",
    `${"a".repeat(256)}`,
  ];
  for (const given of bad) {
    it(`refuses "${given.slice(0, 30)}"`, () => {
      assert.throws(
        () => parseReference(given),
        (error) => isClusterError(error, "INVALID_ARGUMENT"),
      );
    });
  }

  it("shows names as people write them", () => {
    const names = ["busybox", "me/app:1", "127.0.0.1:5000/app"]
      .map(parseReference)
      .map(familiarTag);
    assert.deepEqual(names, ["busybox:latest", "me/app:1", "127.0.0.1:5000/app:latest"]);
    assert.equal(familiarDigest(parseReference("busybox"), digest), `busybox@${digest}`);
    assert.equal(registryHost("docker.io"), "registry-1.docker.io");
  });

  it("knows registries on this machine", () => {
    const hosts = [
      "localhost",
      "localhost:5000",
      "127.8.9.1:1",
      "[::1]:5000",
      "127.0.0.1.evil.com",
      "10.0.0.1",
    ];
    assert.deepEqual(hosts.map(isLoopbackRegistry), [true, true, true, true, false, false]);
  });
});

describe("registry authentication", () => {
  it("reads challenges", () => {
    assert.deepEqual(
      parseChallenge('Bearer realm="https://a/t",service="s",scope="x:y:pull,push"'),
      {
        scheme: "bearer",
        realm: "https://a/t",
        service: "s",
        scope: "x:y:pull,push",
      },
    );
    assert.deepEqual(parseChallenge('Basic realm="x"'), { scheme: "basic" });
    for (const other of ["", "Digest a=b", "Bearer service=x"]) {
      assert.equal(parseChallenge(other), undefined);
    }
  });

  it("reads X-Registry-Auth", () => {
    const text = Buffer.from(JSON.stringify({ username: "u", password: "p?>" })).toString("base64");
    assert.equal(parseRegistryAuth(text)?.password, "p?>");
    assert.equal(parseRegistryAuth(""), undefined);
    assert.equal(parseRegistryAuth(Buffer.from("{}").toString("base64")), undefined);
    assert.throws(
      () => parseRegistryAuth("%%%"),
      (error) => isClusterError(error, "INVALID_ARGUMENT"),
    );
  });
});

describe("the image index", () => {
  const image = (letter: string, tags: string[], digests: string[] = []): StoredImage => ({
    id: `sha256:${letter.repeat(64)}`,
    layers: [],
    tags,
    digests,
  });
  const a = image("a", ["app:1", "app:2"], [`app@${digest}`]);
  const b = image("b", ["lib:latest"]);

  it("finds by name, digest, id and prefix; names win", () => {
    const abba = image("c", ["abba:latest"]);
    const images = [a, b, abba, { ...image("d", []), id: `sha256:abba${"d".repeat(60)}` }];
    const given = ["app:1", "lib", `app@${digest}`, a.id, "bbbb", "abba", "absent", "a"];
    const want = [a, b, a, a, b, abba, undefined, undefined];
    assert.deepEqual(
      given.map((text) => findStored(images, text)),
      want,
    );
  });

  it("a tag moves from image to image, and a pull joins what is known", () => {
    assert.deepEqual(
      withTag([a, b], b.id, "app:1").map(({ tags }) => tags),
      [["app:2"], ["lib:latest", "app:1"]],
    );
    const joined = withImage([a, b], { ...a, tags: ["lib:latest"], digests: ["x"] });
    assert.deepEqual(
      joined.map(({ tags, digests }) => [tags, digests]),
      [
        [[], []],
        [
          ["app:1", "app:2", "lib:latest"],
          [`app@${digest}`, "x"],
        ],
      ],
    );
  });

  it("removes names before images", () => {
    assert.deepEqual(planRemoval(a, "app:1", false).kept?.tags, ["app:2"]);
    assert.equal(planRemoval(b, "lib", false).kept, undefined);
    assert.throws(
      () => planRemoval(a, a.id, false),
      (error) => isClusterError(error, "FAILED_PRECONDITION"),
    );
    assert.deepEqual(planRemoval(a, "aaaa", true).untagged, ["app:1", "app:2", `app@${digest}`]);
    assert.deepEqual(planRemoval(a, `app@${digest}`, false).kept?.tags, ["app:1", "app:2"]);
  });
});
