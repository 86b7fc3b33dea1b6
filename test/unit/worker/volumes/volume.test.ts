import assert from "node:assert/strict";
import { isClusterError } from "../../../../src/base/errors.ts";
import { mountArgs, withServerAddress } from "../../../../src/worker/volumes/driver-mount.ts";
import {
  anonymousVolumeName,
  checkVolumeDriver,
  checkVolumeName,
  checkVolumeOptions,
} from "../../../../src/worker/volumes/volume.ts";

describe("a volume", () => {
  for (const name of ["", "../x", "/etc", "a/b", ".hidden", "a".repeat(256)]) {
    it(`cannot be called "${name.slice(0, 10)}"`, () => {
      assert.throws(() => checkVolumeName(name), /includes invalid characters/);
    });
  }

  it("has a name of two characters or more", () => {
    assert.throws(() => checkVolumeName("a"), /too short/);
    checkVolumeName("ab");
    checkVolumeName(anonymousVolumeName("c1", "/data"));
  });

  it("without a name has one of its own for each container and path", () => {
    const names = [
      anonymousVolumeName("c1", "/a"),
      anonymousVolumeName("c1", "/b"),
      anonymousVolumeName("c2", "/a"),
    ];
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, /^[0-9a-f]{64}$/);
    assert.equal(anonymousVolumeName("c1", "/a"), names[0]);
  });

  it("has the local driver only", () => {
    checkVolumeDriver("data", "");
    checkVolumeDriver("data", "local");
    assert.throws(
      () => checkVolumeDriver("data", "nfs"),
      (error: unknown) =>
        isClusterError(error, "NOT_FOUND") &&
        error.message === 'create data: error looking up volume plugin nfs: plugin "nfs" not found',
    );
  });

  const options: { given: Record<string, string>; want: RegExp | undefined }[] = [
    { given: {}, want: undefined },
    { given: { type: "tmpfs", device: "tmpfs" }, want: undefined },
    { given: { type: "none", device: "/srv", o: "bind" }, want: undefined },
    { given: { o: "bind" }, want: /missing required option: "device"/ },
    { given: { device: "/srv", o: "bind" }, want: /missing required option: "type"/ },
    { given: { type: "tmpfs" }, want: /missing required option: "device"/ },
    { given: { colour: "red" }, want: /invalid option: "colour"/ },
    { given: { toString: "x" }, want: /invalid option: "toString"/ },
    { given: { size: "1G" }, want: /no quota support/ },
  ];
  for (const { given, want } of options) {
    it(`${want === undefined ? "takes" : "refuses"} the options ${JSON.stringify(given)}`, () => {
      const check = (): void => checkVolumeOptions("data", given);
      if (want === undefined) check();
      else assert.throws(check, want);
    });
  }
});

describe("what a volume's options mount", () => {
  const base = { name: "v", mountpoint: "/v/_data", labels: {}, createdAtMs: 0 };
  const cases: { given: Record<string, string>; want: string }[] = [
    { given: { type: "tmpfs", device: "tmpfs" }, want: "-n -i -t tmpfs -- tmpfs /v/_data" },
    {
      given: { type: "none", device: "/srv", o: "bind,ro" },
      want: "-n -i -t none -o bind,ro -- /srv /v/_data",
    },
    { given: { type: "", device: "-x", o: "bind" }, want: "-n -i -o bind -- -x /v/_data" },
  ];
  for (const { given, want } of cases) {
    it(`mount ${want}`, () => {
      assert.equal(mountArgs({ ...base, options: given }, given["o"] ?? "").join(" "), want);
    });
  }

  const servers: { type: string; flags: string; want: string }[] = [
    { type: "nfs", flags: "addr=files,rw", want: "addr=192.0.2.1,rw" },
    { type: "cifs", flags: "user=a,addr=files", want: "user=a,addr=192.0.2.1" },
    { type: "nfs", flags: "addr=192.0.2.7", want: "addr=192.0.2.7" },
    { type: "nfs4", flags: "rw", want: "rw" },
    { type: "nfs", flags: "mountaddr=files", want: "mountaddr=files" },
    { type: "none", flags: "bind,addr=files", want: "bind,addr=files" },
  ];
  for (const { type, flags, want } of servers) {
    it(`${type} with ${flags}: ${want}`, async () => {
      const found = await withServerAddress(type, flags, async (host) => {
        assert.equal(host, "files");
        return "192.0.2.1";
      });
      assert.equal(found, want);
    });
  }
});
