import assert from "node:assert/strict";
import type { ImageData } from "../../../src/rest/backend/images.ts";
import { parseFilters } from "../../../src/rest/http/filters.ts";
import { type ImageRemoval, imageConflict } from "../../../src/rest/routes/image-conflict.ts";
import { matchesImage } from "../../../src/rest/routes/image-filters.ts";
import { layersSize, sharedSizes } from "../../../src/rest/translate/image-sizes.ts";

function anImage(more: Partial<ImageData> = {}): ImageData {
  return {
    id: `sha256:${"a".repeat(64)}`,
    repoTags: ["web:1"],
    repoDigests: [],
    created: "2026-01-01T00:00:00Z",
    sizeBytes: 10,
    architecture: "amd64",
    os: "linux",
    config: {
      ...{ entrypoint: [], cmd: [], env: [], workingDir: "", user: "", labels: { tier: "front" } },
      ...{ exposedPorts: [], volumes: [], stopSignal: "" },
    },
    layers: ["sha256:one", "sha256:two"],
    layerBytes: [4, 6],
    ...more,
  };
}

describe("removing an image", () => {
  const image = anImage();
  const running = { id: "c".repeat(64), imageId: image.id, state: "running" } as const;
  const stopped = { ...running, state: "exited" } as const;
  const other = { ...running, imageId: "sha256:other" };
  const twice = anImage({ repoTags: ["web:1", "web:2"] });
  const cases: {
    name: string;
    image?: ImageData;
    as: string;
    force?: boolean;
    containers?: ImageRemoval["containers"];
    want: string | undefined;
  }[] = [
    { name: "that nobody uses", as: "web:1", containers: [other], want: undefined },
    {
      name: "by the one name of it, in use",
      as: "web:1",
      containers: [stopped],
      want: 'conflict: unable to remove repository reference "web:1" (must force) - container cccccccccccc is using its referenced image aaaaaaaaaaaa',
    },
    {
      name: "by one name of two",
      image: twice,
      as: "web:1",
      containers: [running],
      want: undefined,
    },
    {
      name: "by the long form of its name, in use",
      as: "docker.io/library/web:1",
      containers: [running],
      want: 'conflict: unable to remove repository reference "docker.io/library/web:1" (must force) - container cccccccccccc is using its referenced image aaaaaaaaaaaa',
    },
    {
      name: "by its name, forced",
      as: "web:1",
      force: true,
      containers: [running],
      want: undefined,
    },
    {
      name: "by id, in use by a running container, forced or not",
      as: "aaaaaaaaaaaa",
      force: true,
      containers: [stopped, running],
      want: "conflict: unable to delete aaaaaaaaaaaa (cannot be forced) - image is being used by running container cccccccccccc",
    },
    {
      name: "by id, in use by a stopped container",
      as: "aaaaaaaaaaaa",
      containers: [stopped],
      want: "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is being used by stopped container cccccccccccc",
    },
    {
      name: "by id, with two names",
      image: twice,
      as: "aaaaaaaaaaaa",
      want: "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is referenced in multiple repositories",
    },
    {
      name: "by id, forced",
      image: twice,
      as: "aaaaaaaaaaaa",
      force: true,
      containers: [stopped],
      want: undefined,
    },
  ];
  for (const { name, image: given = image, as, force = false, containers = [], want } of cases) {
    it(`${name}: ${want === undefined ? "may be" : "must not be"}`, () => {
      assert.equal(imageConflict({ image: given, name: as, force, containers }), want);
    });
  }
});

describe("the images asked for", () => {
  const always = { afterMs: Number.NEGATIVE_INFINITY, beforeMs: Number.POSITIVE_INFINITY };
  const madeMs = Date.parse("2026-01-01T00:00:00Z");
  const cases: { filters?: object; age?: typeof always; image?: ImageData; want: boolean }[] = [
    { filters: { label: ["tier"] }, want: true },
    { filters: { label: ["tier=back"] }, want: false },
    { filters: { "label!": ["tier=back"] }, want: true },
    { filters: { "label!": ["tier"] }, want: false },
    { filters: { "label!": ["tier=front"] }, want: false },
    { filters: { reference: ["w*"] }, want: true },
    { filters: { reference: ["web:2"] }, want: false },
    { filters: { dangling: ["true"] }, want: false },
    { filters: { dangling: ["true"] }, image: anImage({ repoTags: [] }), want: true },
    { age: { ...always, afterMs: madeMs }, want: false },
    { age: { ...always, afterMs: madeMs - 1 }, want: true },
    { age: { ...always, beforeMs: madeMs }, want: false },
    { age: { ...always, beforeMs: madeMs + 1 }, want: true },
  ];
  for (const { filters = {}, age = always, image = anImage(), want } of cases) {
    it(`${JSON.stringify({ filters, age })}: ${want}`, () => {
      const query = new URLSearchParams({ filters: JSON.stringify(filters) });
      const parsed = parseFilters(query, ["label", "label!", "reference", "dangling"]);
      assert.equal(matchesImage(image, parsed, age), want);
    });
  }
});

describe("the sizes of images", () => {
  it("count a layer of two images once, and as shared", () => {
    const second = anImage({ id: "sha256:b", layers: ["sha256:one"], layerBytes: [4] });
    assert.equal(layersSize([anImage(), second]), 10);
    assert.deepEqual([...sharedSizes([anImage(), second]).values()], [4, 4]);
    assert.deepEqual([...sharedSizes([anImage()]).values()], [0]);
  });
});
