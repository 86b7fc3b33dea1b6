import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { defaultCapabilities } from "../../../src/runtime/capabilities.ts";
import type { ContainerSpec } from "../../../src/runtime/container-spec.ts";
import { deviceNumbers, type HostDevice } from "../../../src/runtime/devices.ts";
import { buildExecProcess } from "../../../src/runtime/exec-process.ts";
import type { HostFacts } from "../../../src/runtime/host-facts.ts";
import { buildOciSpec, validateCwd } from "../../../src/runtime/oci-spec.ts";
import type { OciSpec } from "../../../src/runtime/oci-types.ts";

const host: HostFacts = {
  architecture: "x64",
  capabilities: new Set([...defaultCapabilities, "CAP_NET_ADMIN", "CAP_SYS_ADMIN"]),
  oomScoreAdj: 0,
  hardLimits: { RLIMIT_NOFILE: 4096 },
  cgroupVersion: "hybrid",
  swapLimit: true,
};
const user = { uid: 0, gid: 0, additionalGids: [], home: "/root" };
const base: ContainerSpec = {
  id: "c1",
  name: "c1",
  layerPaths: ["/l/a"],
  args: ["/bin/true"],
  env: ["A=1"],
  cwd: "",
  user: "",
  groups: [],
  hostname: "box",
  tty: false,
  openStdin: false,
  readOnly: false,
  init: false,
  mounts: [],
  files: [],
  resources: {},
  capabilities: { add: [], drop: [] },
  sysctls: {},
  ulimits: [],
  etcFiles: { hosts: "", resolvConf: "", hostname: "" },
  labels: {},
  stopSignal: "",
};

function build(
  more: Partial<ContainerSpec>,
  facts: Partial<HostFacts> = {},
  devices: readonly HostDevice[] = [],
): OciSpec {
  return buildOciSpec({
    spec: { ...base, ...more },
    rootfsPath: "/r",
    cgroupsPath: "/skep/c1",
    user,
    host: { ...host, ...facts },
    etcPaths: { hosts: "/e/hosts", hostname: "/e/hostname", resolvConf: "/e/resolv.conf" },
    filePaths: (more.files ?? []).map((_, index) => `/s/${index}`),
    devices,
  });
}

describe("OCI spec", () => {
  it("has the devices asked for, with a rule for each", () => {
    const node = { type: "b", major: 7, minor: 0, fileMode: 0o660, uid: 0, gid: 6 } as const;
    const { linux } = build({}, {}, [{ ...node, path: "/dev/mine", access: "r" }]);
    assert.deepEqual(linux.devices, [{ ...node, path: "/dev/mine" }]);
    assert.deepEqual(linux.resources.devices, [
      { allow: false, access: "rwm" },
      { allow: true, type: "b", major: 7, minor: 0, access: "r" },
    ]);
  });

  it("reads the numbers of a device as glibc packs them", () => {
    assert.deepEqual(deviceNumbers(0x0103), { major: 1, minor: 3 });
    assert.deepEqual(deviceNumbers(0x12345678), { major: 0x456, minor: 0x12378 });
  });

  const table: {
    name: string;
    given: Partial<ContainerSpec>;
    facts?: Partial<HostFacts>;
    pick: (spec: OciSpec) => unknown;
    want: unknown;
  }[] = [
    {
      name: "fills the environment in",
      given: { env: ["PATH=/bin", "HOME=/x"], tty: true },
      pick: (spec) => spec.process.env,
      want: ["HOSTNAME=box", "TERM=xterm", "PATH=/bin", "HOME=/x"],
    },
    {
      name: "memory without swap, and a share of a processor",
      given: { resources: { memoryBytes: 1000, nanoCpus: 1.5e9, pids: 7 } },
      pick: ({ linux }) => [linux.resources.memory, linux.resources.cpu, linux.resources.pids],
      want: [{ limit: 1000, swap: 1000 }, { quota: 150_000, period: 100_000 }, { limit: 7 }],
    },
    {
      name: "a tiny processor share is the kernel's least",
      given: { resources: { nanoCpus: 1 } },
      pick: ({ linux }) => linux.resources.cpu?.quota,
      want: 1000,
    },
    {
      name: "drops and adds capabilities",
      given: { capabilities: { add: ["net_admin"], drop: ["ALL"] } },
      pick: ({ process }) => process.capabilities.bounding,
      want: ["CAP_NET_ADMIN"],
    },
    {
      name: "leaves out capabilities that this process lacks",
      given: { capabilities: { add: ["SYS_TIME"], drop: ["ALL"] } },
      pick: ({ process }) => process.capabilities.bounding,
      want: [],
    },
    {
      name: "joins a network namespace",
      given: { networkNamespacePath: "/run/netns/x" },
      pick: ({ linux }) => linux.namespaces.find(({ type }) => type === "network"),
      want: { type: "network", path: "/run/netns/x" },
    },
    {
      name: "the host's network has no sysctls",
      given: { hostNetwork: true },
      pick: ({ linux }) => [linux.namespaces.some(({ type }) => type === "network"), linux.sysctl],
      want: [false, {}],
    },
    {
      name: "the host's processes, memory and name",
      given: { hostNamespaces: ["pid", "ipc", "uts"] },
      pick: ({ hostname, linux, mounts }) => [
        hostname,
        linux.namespaces.map(({ type }) => type),
        mounts
          .filter(({ destination }) => /shm|mqueue/.test(destination))
          .map(({ type, source }) => `${type} ${source}`),
      ],
      want: [undefined, ["mount", "cgroup", "network"], ["mqueue mqueue", "bind /dev/shm"]],
    },
    {
      name: "does not lower the oom score without the capability",
      given: { oomScoreAdj: -500 },
      pick: ({ process }) => process.oomScoreAdj,
      want: 0,
    },
    {
      name: "keeps limits below our own",
      given: { ulimits: [{ name: "nofile", soft: 9000, hard: 9000 }] },
      pick: ({ process }) => process.rlimits,
      want: [{ type: "RLIMIT_NOFILE", soft: 4096, hard: 4096 }],
    },
    {
      name: "mounts outer folders before inner ones, the user's over our own",
      given: {
        mounts: [
          { type: "bind", source: "/h/b", target: "/a/b", readOnly: true, options: [] },
          { type: "tmpfs", source: "", target: "/a", readOnly: false, options: ["size=1m"] },
          {
            type: "bind",
            source: "/h/hosts",
            target: "/etc/hosts",
            readOnly: true,
            options: ["rslave"],
          },
        ],
      },
      pick: ({ mounts }) =>
        mounts
          .filter(({ destination }) => /^\/a|hosts$/.test(destination))
          .map(({ destination, options }) => [destination, ...options]),
      want: [
        ["/a", "nosuid", "nodev", "noexec", "rw", "size=1m"],
        ["/a/b", "rbind", "ro", "rprivate"],
        ["/etc/hosts", "rbind", "ro", "rslave"],
      ],
    },
    {
      name: "puts our own files over somebody's /etc",
      given: {
        mounts: [{ type: "bind", source: "/h/etc", target: "/etc/", readOnly: false, options: [] }],
      },
      pick: ({ mounts }) => mounts.slice(-4).map(({ destination }) => destination),
      want: ["/etc", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"],
    },
    {
      name: "leaves somebody's read-only /etc as it is",
      given: {
        mounts: [{ type: "bind", source: "/h/etc", target: "/etc", readOnly: true, options: [] }],
      },
      pick: ({ mounts }) => mounts.at(-1)?.destination,
      want: "/etc",
    },
    {
      name: "binds a folder alone, and lets mounts spread when asked to",
      given: {
        mounts: [
          {
            type: "bind",
            source: "/h",
            target: "/h",
            readOnly: false,
            options: ["bind", "rslave"],
          },
        ],
      },
      pick: ({ mounts, linux }) => [
        mounts.find(({ destination }) => destination === "/h")?.options,
        linux.rootfsPropagation,
      ],
      want: [["rw", "bind", "rslave"], "rslave"],
    },
    {
      name: "runs under an init",
      given: { init: true },
      facts: { initPath: "/usr/bin/tini" },
      pick: ({ process }) => process.args,
      want: ["/sbin/docker-init", "--", "/bin/true"],
    },
    {
      name: "namespaces cannot be made without SYS_ADMIN",
      given: {},
      pick: ({ linux }) =>
        linux.seccomp?.syscalls.filter(({ names }) => /^clone/.test(names.join())).length,
      want: 2,
    },
    {
      name: "privileged has no filter and no masks",
      given: { privileged: true },
      pick: ({ linux }) => [linux.seccomp, linux.maskedPaths, linux.readonlyPaths],
      want: [undefined, [], []],
    },
  ];
  for (const { name, given, facts, pick, want } of table) {
    it(name, () => assert.deepEqual(pick(build(given, facts)), want));
  }

  const bad: [string, Partial<ContainerSpec>, "INVALID_ARGUMENT" | "FAILED_PRECONDITION"][] = [
    ["no command", { args: [] }, "INVALID_ARGUMENT"],
    ["an unknown capability", { capabilities: { add: ["FLY"], drop: [] } }, "INVALID_ARGUMENT"],
    [
      "a relative mount source",
      { mounts: [{ type: "bind", source: "x", target: "/x", readOnly: true, options: [] }] },
      "INVALID_ARGUMENT",
    ],
    [
      "a mount over the root",
      { mounts: [{ type: "tmpfs", source: "", target: "/a/..", readOnly: true, options: [] }] },
      "INVALID_ARGUMENT",
    ],
    ["an init that is not there", { init: true }, "FAILED_PRECONDITION"],
  ];
  for (const [name, given, code] of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => build(given),
        (error) => isClusterError(error, code),
      );
    });
  }

  it("allows only working folders that stay inside", () => {
    const good = ["", "/", "/srv/../app/", "/process"].map(validateCwd);
    assert.deepEqual(good, ["/", "/", "/app", "/process"]);
    for (const cwd of ["/proc/self/fd/7", "/x/../proc", "/dev/fd/3", "/sys", "app", "../app"]) {
      assert.throws(
        () => validateCwd(cwd),
        (error) => isClusterError(error, "INVALID_ARGUMENT"),
        cwd,
      );
    }
  });

  it("an exec inherits the container's process but for what it names", () => {
    const { process } = build({ oomScoreAdj: 100 });
    const exec = {
      args: ["id"],
      env: ["A=2"],
      cwd: "/tmp",
      user: "web",
      tty: true,
      openStdin: false,
    };
    const web = { uid: 1000, gid: 1001, additionalGids: [5], home: "/home/web" };
    const got = buildExecProcess(process, exec, web, host);
    assert.deepEqual(got.env.slice(-3), ["HOME=/home/web", "A=2", "TERM=xterm"]);
    assert.deepEqual(got.capabilities.effective, []);
    assert.equal(got.user.uid, 1000);
    assert.equal("oomScoreAdj" in got, false);
  });
});
