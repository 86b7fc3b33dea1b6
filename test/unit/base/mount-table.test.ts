import assert from "node:assert/strict";
import { mountOf, parseMountTable } from "../../../src/base/mount-table.ts";

const text = `22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:26 / /run rw,nosuid - tmpfs tmpfs rw,size=1024k
31 22 0:27 /sub /data/my\\040volume rw master:4 shared:9 - none /srv/a\\134b rw
32 30 0:28 / /run rw shared:7 - tmpfs second rw
`;

describe("the mount table", () => {
  const table = parseMountTable(text);

  it("names places, kinds, sources and how mounts spread", () => {
    assert.deepEqual(table.slice(0, 3), [
      { mountPoint: "/", propagation: ["shared:1"], fileSystem: "ext4", source: "/dev/root" },
      { mountPoint: "/run", propagation: [], fileSystem: "tmpfs", source: "tmpfs" },
      {
        mountPoint: "/data/my volume",
        propagation: ["master:4", "shared:9"],
        fileSystem: "none",
        source: "/srv/a\\b",
      },
    ]);
  });

  const cases: { path: string; want: string | undefined }[] = [
    { path: "/", want: "/dev/root" },
    { path: "/runner", want: "/dev/root" },
    { path: "/data/my volume", want: "/srv/a\\b" },
    { path: "/data/my volume/x", want: "/srv/a\\b" },
    { path: "/run/x", want: "second" },
  ];
  for (const { path, want } of cases) {
    it(`${path} is on ${want}`, () => {
      assert.equal(mountOf(table, path)?.source, want);
    });
  }
});
