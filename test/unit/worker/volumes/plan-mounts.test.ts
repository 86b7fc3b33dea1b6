import assert from "node:assert/strict";
import { isClusterError } from "../../../../src/base/errors.ts";
import type { Mount, MountInput } from "../../../../src/gen/skep/Mount.ts";
import { messageCodec } from "../../../../src/rpc/load-proto.ts";
import { type PlannedMount, planMounts } from "../../../../src/worker/volumes/plan-mounts.ts";
import { anonymousLabel, anonymousVolumeName } from "../../../../src/worker/volumes/volume.ts";

const codec = messageCodec<MountInput, Mount>("Mount");

function plan(mounts: readonly MountInput[], imageVolumes: readonly string[] = []): PlannedMount[] {
  const decoded = mounts.map((mount) => codec.decode(codec.encode(mount)));
  return planMounts({ containerId: "c1", mounts: decoded, imageVolumes });
}

const volume = { kind: "volume", driver: "", driverOptions: {}, subpath: "", fill: true } as const;

function anonymous(target: string) {
  const name = anonymousVolumeName("c1", target);
  const labels = { [anonymousLabel]: "" };
  return { ...volume, name, isAnonymous: true, labels, target, readOnly: false };
}

describe("planMounts", () => {
  const cases: {
    name: string;
    given: readonly MountInput[];
    image?: readonly string[];
    want: readonly object[];
  }[] = [
    {
      name: "a folder of the host",
      given: [{ type: "BIND", source: "/srv//www/", target: "/www/", readOnly: true }],
      want: [
        {
          kind: "bind",
          source: "/srv/www/",
          target: "/www",
          readOnly: true,
          options: ["rbind", "rprivate"],
          makeSource: false,
        },
      ],
    },
    {
      name: "a folder of the host with options",
      given: [
        {
          type: "BIND",
          source: "/a",
          target: "/b",
          consistency: "delegated",
          bind: { propagation: "rslave", nonRecursive: true, createMountpoint: true },
        },
      ],
      want: [
        {
          kind: "bind",
          source: "/a",
          target: "/b",
          readOnly: false,
          options: ["bind", "rslave"],
          makeSource: true,
        },
      ],
    },
    {
      name: "a named volume",
      given: [{ type: "VOLUME", source: "data", target: "/data" }],
      want: [
        {
          ...volume,
          name: "data",
          isAnonymous: false,
          labels: {},
          target: "/data",
          readOnly: false,
        },
      ],
    },
    {
      name: "a named volume with options",
      given: [
        {
          type: "VOLUME",
          source: "data",
          target: "/data",
          readOnly: true,
          volume: {
            noCopy: true,
            labels: { a: "b" },
            driver: "local",
            driverOptions: { type: "tmpfs", device: "tmpfs" },
            subpath: "x/./y",
          },
        },
      ],
      want: [
        {
          kind: "volume",
          name: "data",
          isAnonymous: false,
          labels: { a: "b" },
          driver: "local",
          driverOptions: { type: "tmpfs", device: "tmpfs" },
          fill: false,
          subpath: "x/y",
          target: "/data",
          readOnly: true,
        },
      ],
    },
    {
      name: "a volume without a name",
      given: [{ type: "VOLUME", target: "/cache" }],
      want: [anonymous("/cache")],
    },
    {
      name: "the image's volumes, but for those where something is mounted",
      given: [{ type: "TMPFS", target: "/cache" }],
      image: ["/cache/", "/data", "data/../data", "logs"],
      want: [
        { kind: "tmpfs", target: "/cache", readOnly: false, options: [] },
        anonymous("/data"),
        anonymous("/logs"),
      ],
    },
    {
      name: "memory with a size and a mode",
      given: [{ type: "TMPFS", target: "/t", tmpfs: { sizeBytes: 65536, mode: 0o1770 } }],
      want: [
        { kind: "tmpfs", target: "/t", readOnly: false, options: ["size=65536", "mode=1770"] },
      ],
    },
  ];
  for (const { name, given, image, want } of cases) {
    it(`plans ${name}`, () => {
      assert.deepEqual(plan(given, image), want);
    });
  }

  const wrong: { name: string; given: readonly MountInput[]; image?: string[]; want: RegExp }[] = [
    {
      name: "two mounts of one target",
      given: [
        { type: "TMPFS", target: "/x" },
        { type: "VOLUME", source: "data", target: "/y/../x" },
      ],
      want: /Duplicate mount point: \/x/,
    },
    {
      name: "a source that is no path",
      given: [{ type: "BIND", source: "a/b", target: "/x" }],
      want: /'a\/b' mount path must be absolute/,
    },
    {
      name: "a target that is no path",
      given: [{ type: "TMPFS", target: "x" }],
      want: /'x' mount path must be absolute/,
    },
    {
      name: "a mount over everything",
      given: [{ type: "TMPFS", target: "/a/.." }],
      want: /destination can't be '\/'/,
    },
    {
      name: "an image's volume over everything",
      given: [],
      image: ["/"],
      want: /destination can't be '\/'/,
    },
    {
      name: "a part of a volume without a name",
      given: [{ type: "VOLUME", target: "/x", volume: { subpath: "a" } }],
      want: /must not set Subpath when using anonymous volumes/,
    },
    ...["/a", "..", "../a", "a/../../b"].map((subpath) => ({
      name: `the part ${subpath} of a volume`,
      given: [{ type: "VOLUME" as const, source: "data", target: "/x", volume: { subpath } }],
      want: /subpath must be a relative path within the volume/,
    })),
    {
      name: "a type that is not of this system",
      given: [{ type: "NPIPE", source: "x", target: "/x" }],
      want: /mounts of type npipe are not available/,
    },
  ];
  for (const { name, given, image, want } of wrong) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => plan(given, image),
        (error: unknown) => isClusterError(error, "INVALID_ARGUMENT") && want.test(error.message),
      );
    });
  }
});
