import assert from "node:assert/strict";
import { imageHistory } from "../../../src/daemon/image-history.ts";
import type { Image } from "../../../src/image/image.ts";

function historyOf(rawConfig: unknown): [string, string, number][] {
  const image: Image = {
    id: "sha256:id",
    repoTags: ["web:1"],
    repoDigests: [],
    created: "",
    sizeBytes: 30,
    architecture: "amd64",
    os: "linux",
    config: {
      ...{ entrypoint: [], cmd: [], env: [], workingDir: "", user: "", labels: {} },
      ...{ exposedPorts: [], volumes: [], stopSignal: "" },
    },
    layers: ["sha256:base", "sha256:top"],
    layerBytes: [10, 20],
    rawConfig,
  };
  return imageHistory(image).map(({ id, createdBy, sizeBytes }) => [id, createdBy, sizeBytes]);
}

describe("an image's history", () => {
  it("gives each step with a layer its bytes, the newest first", () => {
    const history = [
      { created_by: "ADD base" },
      { created_by: "ENV A=1", empty_layer: true },
      { created_by: "COPY top" },
      { created_by: "CMD run", empty_layer: true },
    ];
    assert.deepEqual(historyOf({ history }), [
      ["sha256:id", "CMD run", 0],
      ["<missing>", "COPY top", 20],
      ["<missing>", "ENV A=1", 0],
      ["<missing>", "ADD base", 10],
    ]);
  });

  it("has a step a layer where the image tells none", () => {
    assert.deepEqual(historyOf({}), [
      ["sha256:id", "", 20],
      ["<missing>", "", 10],
    ]);
  });
});
