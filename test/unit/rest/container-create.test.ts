import assert from "node:assert/strict";
import { HttpError } from "../../../src/rest/http/http-error.ts";
import {
  askedConfigJson,
  askedHostConfigJson,
} from "../../../src/rest/translate/container-asked.ts";
import { readContainerCreate } from "../../../src/rest/translate/container-create.ts";
import { readBind } from "../../../src/rest/translate/container-mounts.ts";
import { goFileMode } from "../../../src/rest/translate/file-mode.ts";

const read = (config: object, host: object = {}) =>
  readContainerCreate({ Image: "busybox", ...config, HostConfig: host });

describe("POST /containers/create", () => {
  it("reads what docker run sends", () => {
    const got = read(
      {
        Cmd: ["ls"],
        Entrypoint: "/e",
        Env: ["A=1"],
        Healthcheck: { Test: ["CMD", "true"], Interval: 2e9 },
        StopTimeout: 3,
        ExposedPorts: { "80/tcp": {}, "90": {} },
        Volumes: { "/anon": {} },
        NetworkingConfig: {
          EndpointsConfig: { n1: { Aliases: ["a"], IPAMConfig: { IPv4Address: "10.1.0.2" } } },
        },
      },
      {
        NetworkMode: "n1",
        Binds: ["v:/v:ro", "/h:/h"],
        PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }, { HostPort: "" }] },
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
        PidsLimit: -1,
        Memory: 1e9,
        LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
      },
    );
    assert.deepEqual([got.cmd, got.entrypoint, got.env], [["ls"], ["/e"], ["A=1"]]);
    assert.equal(got.healthcheck?.intervalMs, 2000);
    assert.equal(got.stopTimeoutMs, 3000);
    assert.deepEqual(new Set(got.exposedPorts), new Set(["80/tcp", "90/tcp"]));
    assert.deepEqual(got.portBindings, [
      { containerPort: 80, protocol: "tcp", hostIp: "127.0.0.1", hostPort: 8080 },
      { containerPort: 80, protocol: "tcp", hostIp: "", hostPort: 0 },
    ]);
    assert.deepEqual(got.endpoints, [{ network: "n1", aliases: ["a"], ip: "10.1.0.2", mac: "" }]);
    assert.deepEqual(
      got.mounts.map(({ type, source, readOnly }) => [type, source, readOnly]),
      [
        ["VOLUME", "v", true],
        ["BIND", "/h", false],
      ],
    );
    assert.deepEqual(got.volumes, ["/anon"]);
    assert.deepEqual(got.restart, { name: "on-failure", retriesMax: 2 });
    assert.deepEqual([got.limits.pids, got.limits.memoryBytes], [0, 1e9]);
  });

  it("is shown by inspect as it was asked for", () => {
    const asked = read(
      {
        Cmd: ["ls"],
        Env: ["A=1"],
        Tty: true,
        Labels: { l: "1" },
        Volumes: { "/anon": {} },
        StopTimeout: 3,
        Domainname: "lan",
      },
      {
        NetworkMode: "n1",
        Binds: ["v:/v:ro"],
        Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 4096 } }],
        Tmpfs: { "/x": "size=1m" },
        PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
        RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
        CapAdd: ["NET_ADMIN"],
        Dns: ["10.0.0.1"],
        ExtraHosts: ["a:1.2.3.4"],
        Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }],
        SecurityOpt: ["no-new-privileges"],
        Init: true,
        Memory: 1e9,
        ShmSize: 1024,
      },
    );
    const again = readContainerCreate({
      ...askedConfigJson(asked),
      HostConfig: askedHostConfigJson(asked),
    });
    // Ports that are published are exposed, too.
    assert.deepEqual(again, asked);
  });

  const refused: { name: string; config?: object; host?: object; status: number; want: RegExp }[] =
    [
      { name: "no image", config: { Image: "" }, status: 400, want: /no image/ },
      {
        name: "a device that is no path",
        host: { Devices: [{ PathOnHost: "x" }] },
        status: 400,
        want: /device "x"/,
      },
      {
        name: "unknown permissions of a device",
        host: { Devices: [{ PathOnHost: "/dev/x", CgroupPermissions: "rx" }] },
        status: 400,
        want: /permissions "rx"/,
      },
      {
        name: "a name in the host's names",
        config: { Hostname: "a" },
        host: { UTSMode: "host" },
        status: 400,
        want: /conflicting options: hostname/,
      },
      { name: "links", host: { Links: ["a:b"] }, status: 501, want: /--link/ },
      {
        name: "another's processes",
        host: { PidMode: "container:x" },
        status: 501,
        want: /--pid container:x/,
      },
      {
        name: "another's memory",
        host: { IpcMode: "container:x" },
        status: 501,
        want: /--ipc container:x/,
      },
      { name: "a cgroup", host: { CgroupParent: "/x" }, status: 501, want: /--cgroup-parent/ },
      {
        name: "seccomp",
        host: { SecurityOpt: ["seccomp={}"] },
        status: 501,
        want: /--security-opt/,
      },
      {
        name: "a log driver",
        host: { LogConfig: { Type: "syslog" } },
        status: 501,
        want: /log driver syslog/,
      },
      {
        name: "a log option",
        host: { LogConfig: { Config: { tag: "x" } } },
        status: 501,
        want: /option tag/,
      },
      {
        name: "storage options",
        host: { StorageOpt: { size: "1g" } },
        status: 501,
        want: /--storage-opt/,
      },
      { name: "block devices", host: { BlkioWeight: 100 }, status: 501, want: /--blkio-weight/ },
      {
        name: "an unknown policy",
        host: { RestartPolicy: { Name: "often" } },
        status: 400,
        want: /often/,
      },
      {
        name: "a port that is none",
        host: { PortBindings: { "99999/tcp": null } },
        status: 400,
        want: /99999/,
      },
      {
        name: "a range of host ports",
        host: { PortBindings: { "80/tcp": [{ HostPort: "80-90" }] } },
        status: 400,
        want: /range/,
      },
      {
        name: "sctp on the host",
        host: { PortBindings: { "80/sctp": null } },
        status: 400,
        want: /sctp/,
      },
      {
        name: "two mounts at one place",
        host: { Binds: ["a:/x"], Tmpfs: { "/x": "" } },
        status: 400,
        want: /Duplicate mount point: \/x/,
      },
      {
        name: "a volume at no path",
        config: { Volumes: { x: {} } },
        status: 400,
        want: /absolute path/,
      },
      { name: "a wrong type", config: { Env: "A=1" }, status: 400, want: /Env/ },
    ];
  for (const { name, config = {}, host = {}, status, want } of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => read(config, host),
        (error) =>
          error instanceof HttpError && error.status === status && want.test(error.message),
      );
    });
  }

  it("takes every form of -v", () => {
    const table: [string, string, string, string, boolean][] = [
      ["v:/x", "VOLUME", "v", "/x", false],
      ["v:/x/:ro,nocopy", "VOLUME", "v", "/x", true],
      ["/h:/x:rslave,ro", "BIND", "/h", "/x", true],
      ["/x", "VOLUME", "", "/x", false],
    ];
    for (const [text, type, source, target, readOnly] of table) {
      const mount = readBind(text);
      assert.deepEqual(
        [mount.type, mount.source, mount.target, mount.readOnly],
        [type, source, target, readOnly],
        text,
      );
    }
    assert.equal(readBind("v:/x:nocopy").volume?.noCopy, true);
    assert.equal(readBind("/h:/x:rslave").bind?.propagation, "rslave");
    for (const text of ["v:", "v:x", "a:/b:c:d", "v:/x:bad", "v:/x:rslave", "v:/"]) {
      assert.throws(() => readBind(text), HttpError, text);
    }
  });
});

describe("file modes", () => {
  it("are written as Go does", () => {
    const table: [number, number][] = [
      [0o100644, 0o644],
      [0o040755, 2 ** 31 + 0o755],
      [0o041777, 2 ** 31 + 2 ** 20 + 0o777],
      [0o120777, 2 ** 27 + 0o777],
      [0o104755, 2 ** 23 + 0o755],
      [0o020666, 2 ** 26 + 2 ** 21 + 0o666],
    ];
    for (const [mode, want] of table) assert.equal(goFileMode(mode), want, mode.toString(8));
  });
});
