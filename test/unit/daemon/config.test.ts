import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isClusterError } from "../../../src/base/errors.ts";
import { type DaemonConfig, readConfig } from "../../../src/daemon/config.ts";
import { flags, ignoredFlags, refusedFlags } from "../../../src/daemon/flags.ts";

describe("the daemon's configuration", () => {
  let folder: string;
  let none: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "skep-config-"));
    none = file("{}");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(text: string): string {
    const path = join(folder, `${Buffer.from(text).toString("hex").slice(0, 100)}.json`);
    writeFileSync(path, text);
    return path;
  }

  function read(argv: string[], json = none) {
    return readConfig(["--config-file", json, ...argv]);
  }

  it("takes address pools as flags, and as objects of the file", () => {
    const want = [
      { base: { base: 0xac500000, prefix: 16, size: 65_536 }, prefix: 24 },
      { base: { base: 0x0a090000, prefix: 20, size: 4_096 }, prefix: 26 },
    ];
    const flag = "--default-address-pool";
    const given = [flag, "base=172.80.0.0/16,size=24", flag, "base=10.9.0.0/20,size=26"];
    assert.deepEqual(read(given).config.addressPools, want);
    const pools = '[{"base":"172.80.0.0/16","size":24},{"base":"10.9.0.0/20","size":26}]';
    const { config, warnings } = read([], file(`{"default-address-pools":${pools}}`));
    assert.deepEqual(config.addressPools, want);
    assert.deepEqual(warnings, []);
    assert.throws(() => read([flag, "10.9.0.0/20"]), { code: "INVALID_ARGUMENT" });
  });

  it("has defaults", () => {
    const { config, warnings } = read([]);
    assert.deepEqual(warnings, []);
    assert.deepEqual(config.hosts, ["unix:///var/run/skep.sock"]);
    assert.equal(config.dataRoot, "/var/lib/skep");
    assert.equal(config.execRoot, "/var/run/skep");
    assert.equal(config.logLevel, "info");
    assert.equal(config.cgroupParent, "/skep");
    assert.equal(config.validateOnly, false);
  });

  const cases: { argv: string[]; key: keyof DaemonConfig; want: unknown }[] = [
    {
      argv: ["-H", "unix:///a", "-H", "tcp://127.0.0.1:2375"],
      key: "hosts",
      want: ["unix:///a", "tcp://127.0.0.1:2375"],
    },
    { argv: ["--data-root=/srv"], key: "dataRoot", want: "/srv" },
    { argv: ["--exec-root", "/run/x"], key: "execRoot", want: "/run/x" },
    { argv: ["-p", "/run/x.pid"], key: "pidFile", want: "/run/x.pid" },
    { argv: ["-l", "warn"], key: "logLevel", want: "warn" },
    { argv: ["-D"], key: "logLevel", want: "debug" },
    { argv: ["--debug=false"], key: "logLevel", want: "info" },
    { argv: ["--label", "a=b=c", "--label", "d="], key: "labels", want: { a: "b=c", d: "" } },
    { argv: ["--insecure-registry", "r:5000"], key: "insecureRegistries", want: ["r:5000"] },
    { argv: ["--dns", "9.9.9.9"], key: "dns", want: ["9.9.9.9"] },
    { argv: ["--bip", "10.9.0.0/16"], key: "bridgeSubnet", want: "10.9.0.0/16" },
    { argv: ["-G", "docker"], key: "socketGroup", want: "docker" },
    { argv: ["--metrics-addr", "127.0.0.1:9323"], key: "metricsAddress", want: "127.0.0.1:9323" },
    {
      argv: ["--node-generic-resource", "SSD=3", "--node-generic-resource", "GPU=a,GPU=b"],
      key: "genericResources",
      want: [
        { discrete: { kind: "SSD", value: 3 } },
        { named: { kind: "GPU", value: "a" } },
        { named: { kind: "GPU", value: "b" } },
      ],
    },
    { argv: ["--validate"], key: "validateOnly", want: true },
  ];
  for (const { argv, key, want } of cases) {
    it(`${argv.join(" ")} -> ${key}`, () => {
      assert.deepEqual(read(argv).config[key], want);
    });
  }

  it("reads daemon.json by dockerd's keys", () => {
    const json = file('{"hosts":["unix:///b"],"labels":["a=b"],"debug":true,"log-opts":{"x":"y"}}');
    const { config, warnings } = read([], json);
    assert.deepEqual(config.hosts, ["unix:///b"]);
    assert.deepEqual(config.labels, { a: "b" });
    assert.equal(config.logLevel, "debug");
    assert.deepEqual(warnings, ["option --log-opt of dockerd means nothing here and is ignored"]);
  });

  const wrong: { name: string; argv?: string[]; json?: string; want: RegExp }[] = [
    {
      name: "an option in both places",
      argv: ["--label", "a=b"],
      json: '{"labels":["c=d"]}',
      want: /option label is given both/,
    },
    { name: "an unknown key", json: '{"hots":[]}', want: /option "hots" in .* is not known/ },
    {
      name: "a file that is no JSON",
      json: "nonsense",
      want: /cannot read the configuration file/,
    },
    { name: "a file with a list", json: "[]", want: /is not a JSON object/ },
    {
      name: "a missing file",
      argv: ["--config-file", "/does/not/exist"],
      want: /\/does\/not\/exist/,
    },
    { name: "a log level", argv: ["-l", "loud"], want: /--log-level: "loud" is not one of debug/ },
    { name: "a switch", argv: ["--debug=maybe"], want: /--debug: "maybe" is not true or false/ },
    { name: "a metrics address", argv: ["--metrics-addr", "9323"], want: /--metrics-addr: "9323"/ },
    ...["GPU", "GPU=0", "GPU=a,GPU=a", "GPU=2,GPU=3", "GPU=a,GPU=1"].map((text) => ({
      name: `the generic resource ${text}`,
      argv: ["--node-generic-resource", text],
      want: /--node-generic-resource: "GPU/,
    })),
    { name: "a label", argv: ["--label", "novalue"], want: /--label: "novalue" is not key=value/ },
    { name: "a subnet", argv: ["--bip", "10.0.0.0"], want: /--bip: "10.0.0.0" is not a subnet/ },
    {
      name: "a name server",
      argv: ["--dns", "ns.example"],
      want: /--dns: "ns.example" is not an IP/,
    },
    {
      name: "a relative folder",
      argv: ["--data-root", "x"],
      want: /--data-root: "x" is not an abs/,
    },
    {
      name: "a host that is none",
      argv: ["-H", "ftp://x"],
      want: /--host: "ftp:\/\/x" is neither/,
    },
    {
      name: "a socket whose path is too long",
      argv: ["-H", `unix:///${"a".repeat(120)}`],
      want: /--host: .* is not a path of at most 107 bytes/,
    },
    {
      name: "a port that there cannot be",
      argv: ["-H", "tcp://127.0.0.1:99999"],
      want: /--host: "tcp:\/\/127\.0\.0\.1:99999" is not a port up to 65535/,
    },
    {
      name: "a metrics port that there cannot be",
      argv: ["--metrics-addr", "127.0.0.1:99999"],
      want: /--metrics-addr: "127\.0\.0\.1:99999" is not a host:port/,
    },
    {
      name: "a log format",
      argv: ["--log-format", "xml"],
      want: /--log-format: "xml" is not text/,
    },
    {
      name: "two values of a label",
      argv: ["--label", "a=1", "--label", "a=2"],
      want: /--label: "a=2" is not the same as a=1: give one/,
    },
    ...["", "a b", "10.0.0.0/33", "host/8"].map((text) => ({
      name: `the insecure registry "${text}"`,
      argv: ["--insecure-registry", text],
      want: /--insecure-registry: ".*" is not host, host:port or a subnet/,
    })),
    ...["", "/", "skep", "/a/../b", "/a b"].map((text) => ({
      name: `the cgroup "${text}"`,
      argv: ["--cgroup-parent", text],
      want: /--cgroup-parent: ".*" is not an absolute path/,
    })),
    ...["x", "base=x,size=24", "base=10.0.0.0/16,size=99"].map((text) => ({
      name: `the pool ${text}`,
      argv: ["--default-address-pool", text],
      want: /--default-address-pool: ".*" is not a pool such as base=/,
    })),
    { name: "a number that is ignored", argv: ["--mtu", "x"], want: /--mtu: "x" is not a whole/ },
    { name: "a switch that is ignored", argv: ["--icc=x"], want: /--icc: "x" is not true or/ },
    {
      name: "a host for everyone",
      argv: ["-H", "tcp://0.0.0.0:2375"],
      want: /--host: .*use a unix/,
    },
  ];
  for (const { name, argv = [], json, want } of wrong) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => read(argv, json === undefined ? none : file(json)),
        (error: unknown) => {
          assert.ok(isClusterError(error, "INVALID_ARGUMENT"), String(error));
          assert.match(error.message, want);
          return true;
        },
      );
    });
  }

  for (const name of refusedFlags) {
    it(`refuses --${name}, which would seem to protect`, () => {
      assert.throws(() => read([`--${name}=x`]), new RegExp(`--${name} is not available`));
    });
  }

  for (const { name, kind } of ignoredFlags) {
    it(`warns of --${name}`, () => {
      const { warnings } = read([kind === "bool" ? `--${name}` : `--${name}=1`]);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? "", new RegExp(`--${name} `));
    });
  }

  it("knows each flag once", () => {
    const names = [...flags, ...ignoredFlags].map(({ name }) => name).concat(refusedFlags);
    assert.equal(new Set(names).size, names.length);
  });
});
