import assert from "node:assert/strict";
import { unusedRemovals } from "../../../../src/cli/service/removals.ts";
import { updatedSpec } from "../../../../src/cli/service/update-spec.ts";
import type { ServiceSpecJson } from "../../../../src/rest/wire/service.ts";

const before: ServiceSpecJson = {
  Name: "web",
  Labels: { tier: "front" },
  TaskTemplate: {
    ForceUpdate: 0,
    ContainerSpec: { Image: "a", Env: ["A=1"], Hosts: ["10.0.0.5 db"] },
  },
  Mode: { Replicated: { Replicas: 1 } },
  EndpointSpec: {
    Mode: "vip",
    Ports: [
      { TargetPort: 53, PublishedPort: 53, Protocol: "tcp" },
      { TargetPort: 53, PublishedPort: 53, Protocol: "udp" },
      { TargetPort: 80, PublishedPort: 8080, Protocol: "tcp" },
    ],
  },
};

describe("what service update takes away", () => {
  const ports: { name: string; publishRm: string[]; want: string[] }[] = [
    { name: "by target", publishRm: ["80"], want: ["53/tcp", "53/udp"] },
    { name: "of every protocol", publishRm: ["53"], want: ["80/tcp"] },
    { name: "of one protocol", publishRm: ["53/udp"], want: ["53/tcp", "80/tcp"] },
    { name: "as it was published", publishRm: ["8080:80"], want: ["53/tcp", "53/udp"] },
    { name: "in the long form", publishRm: ["target=80"], want: ["53/tcp", "53/udp"] },
    { name: "not by what is published", publishRm: ["8080"], want: ["53/tcp", "53/udp", "80/tcp"] },
  ];
  for (const { name, publishRm, want } of ports) {
    it(`is a port ${name}`, () => {
      const { EndpointSpec } = updatedSpec(before, { publishRm });
      const left = EndpointSpec?.Ports?.map(
        ({ TargetPort, Protocol }) => `${TargetPort}/${Protocol}`,
      );
      assert.deepEqual(left, want);
    });
  }

  it("is a host by its name, alone or with its address", () => {
    for (const text of ["db", "db:10.0.0.5", "db=10.0.0.5"]) {
      const { TaskTemplate } = updatedSpec(before, { hostRm: [text] });
      assert.deepEqual(TaskTemplate.ContainerSpec?.Hosts, []);
    }
  });

  it("is told when there is no such thing", () => {
    const flags = {
      labelRm: ["tier", "color"],
      envRm: ["A", "B"],
      hostRm: ["db:10.0.0.5"],
      publishRm: ["81", "80"],
      networkRm: ["any"],
    };
    assert.deepEqual(
      unusedRemovals(before, flags).map((text) => text.split(":")[0]),
      ["--env-rm B", "--label-rm color", "--publish-rm 81"],
    );
  });
});
