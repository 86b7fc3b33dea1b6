import assert from "node:assert/strict";
import { ApiClient } from "../../../../src/cli/client.ts";
import { resolveImages } from "../../../../src/cli/compose/deploy/resolve-images.ts";
import type { Session } from "../../../../src/cli/session.ts";
import type { ServiceSpecJson } from "../../../../src/rest/wire/service.ts";

function aSpec(name: string, image: string): ServiceSpecJson {
  return {
    Name: name,
    Labels: {},
    TaskTemplate: { ContainerSpec: { Image: image } },
  } as ServiceSpecJson;
}

describe("images of a stack", () => {
  it("are asked for once, so that services with one image run the same", async () => {
    const asked: string[] = [];
    const warnings: string[] = [];
    const client = new ApiClient("unix:///does/not/exist");
    // A registry whose tag moves with each question, and that does not know "gone".
    client.get = async <T>(path: string): Promise<T> => {
      asked.push(path);
      if (path.includes("gone")) throw new Error("not found");
      return {
        Descriptor: { digest: `sha256:${asked.length}` },
        Platforms: [{ os: "linux", architecture: "amd64" }],
      } as T;
    };
    const session: Session = {
      client,
      print: () => {},
      warn: (text) => void warnings.push(text),
      terminal: false,
      columns: 80,
      interrupted: new AbortController().signal,
      now: () => 0,
    };
    const specs = [
      aSpec("a", "i:1"),
      aSpec("b", "i:1"),
      aSpec("c", "gone:1"),
      aSpec("d", "gone:1"),
    ];
    const got = await resolveImages(session, specs, [], "always");
    assert.deepEqual(
      got.map(({ TaskTemplate }) => TaskTemplate.ContainerSpec?.Image),
      ["i:1@sha256:1", "i:1@sha256:1", "gone:1", "gone:1"],
    );
    assert.deepEqual(got[1]?.TaskTemplate.Placement?.Platforms, [
      { OS: "linux", Architecture: "amd64" },
    ]);
    assert.deepEqual(asked, ["/distribution/i:1/json", "/distribution/gone:1/json"]);
    assert.equal(warnings.length, 1);
  });
});
