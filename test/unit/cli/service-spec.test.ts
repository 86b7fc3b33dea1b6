import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { registryAuthOf } from "../../../src/cli/registry-auth.ts";
import { specOfFlags } from "../../../src/cli/service/create-spec.ts";
import { parseFileRequest, secretReference } from "../../../src/cli/service/file-references.ts";
import type { ServiceFlags } from "../../../src/cli/service/flags.ts";
import { splitWords, withClientValue } from "../../../src/cli/service/items.ts";
import { updatedSpec } from "../../../src/cli/service/update-spec.ts";
import type { ServiceSpecJson } from "../../../src/rest/wire/service.ts";

/** What `path` ("TaskTemplate.ContainerSpec.Env") leads to. */
function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, key) => Object(inner)[key as keyof typeof inner], value);
}

const container = "TaskTemplate.ContainerSpec";

describe("service create", () => {
  const cases: { given: ServiceFlags; path: string; want: unknown }[] = [
    { given: {}, path: "Mode", want: { Replicated: { Replicas: 1 } } },
    { given: { replicas: "3" }, path: "Mode.Replicated.Replicas", want: 3 },
    { given: { mode: "global" }, path: "Mode", want: { Global: {} } },
    { given: { mode: "global-job" }, path: "Mode", want: { GlobalJob: {} } },
    {
      given: { mode: "replicated-job", replicas: "5", maxConcurrent: "2" },
      path: "Mode.ReplicatedJob",
      want: { MaxConcurrent: 2, TotalCompletions: 5 },
    },
    {
      given: { mode: "replicated-job", replicas: "5" },
      path: "Mode.ReplicatedJob.MaxConcurrent",
      want: 5,
    },
    { given: { name: "web" }, path: "Name", want: "web" },
    { given: { label: ["a=b"] }, path: "Labels", want: { a: "b" } },
    { given: {}, path: `${container}.Args`, want: ["serve", "-v"] },
    {
      given: { entrypoint: "/bin/sh -c 'a b'" },
      path: `${container}.Command`,
      want: ["/bin/sh", "-c", "a b"],
    },
    { given: { env: ["A=1"] }, path: `${container}.Env`, want: ["A=1"] },
    { given: { readOnly: true }, path: `${container}.ReadOnly`, want: true },
    { given: { stopGracePeriod: "3s" }, path: `${container}.StopGracePeriod`, want: 3e9 },
    { given: { host: ["db:10.0.0.9"] }, path: `${container}.Hosts`, want: ["10.0.0.9 db"] },
    {
      given: { capAdd: ["net_admin"] },
      path: `${container}.CapabilityAdd`,
      want: ["CAP_NET_ADMIN"],
    },
    {
      given: { capAdd: ["CAP_NET_ADMIN"], capDrop: ["NET_ADMIN", "ALL"] },
      path: `${container}.CapabilityDrop`,
      want: ["ALL"],
    },
    {
      given: { healthCmd: "true", healthInterval: "2s", healthRetries: "4" },
      path: `${container}.Healthcheck`,
      want: { Test: ["CMD-SHELL", "true"], Retries: 4, Interval: 2e9 },
    },
    { given: { healthcheck: false }, path: `${container}.Healthcheck`, want: { Test: ["NONE"] } },
    {
      given: { dns: ["1.1.1.1"], dnsSearch: ["x.y"] },
      path: `${container}.DNSConfig`,
      want: { Nameservers: ["1.1.1.1"], Search: ["x.y"] },
    },
    {
      given: { ulimit: ["nofile=10:20", "core=0"] },
      path: `${container}.Ulimits`,
      want: [
        { Name: "nofile", Soft: 10, Hard: 20 },
        { Name: "core", Soft: 0, Hard: 0 },
      ],
    },
    { given: { sysctl: ["a.b=1"] }, path: `${container}.Sysctls`, want: { "a.b": "1" } },
    {
      given: { mount: ["source=data,target=/d,readonly,volume-opt=o=x,volume-opt=type=nfs"] },
      path: `${container}.Mounts`,
      want: [
        {
          Type: "volume",
          Source: "data",
          Target: "/d",
          ReadOnly: true,
          VolumeOptions: { DriverConfig: { Options: { o: "x", type: "nfs" } } },
        },
      ],
    },
    {
      given: { mount: ["type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777"] },
      path: `${container}.Mounts`,
      want: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1777 } }],
    },
    {
      given: { network: ["front", "name=back,alias=db,alias=sql"] },
      path: "TaskTemplate.Networks",
      want: [{ Target: "front" }, { Target: "back", Aliases: ["db", "sql"] }],
    },
    {
      given: { constraint: ["node.role==worker"], placementPref: ["spread=node.labels.zone"] },
      path: "TaskTemplate.Placement",
      want: {
        Constraints: ["node.role==worker"],
        Preferences: [{ Spread: { SpreadDescriptor: "node.labels.zone" } }],
      },
    },
    {
      given: { limitCpu: "0.5", reserveMemory: "64m", genericResource: ["GPU=2"] },
      path: "TaskTemplate.Resources",
      want: {
        Limits: { NanoCPUs: 5e8 },
        Reservations: {
          MemoryBytes: 64 * 1024 ** 2,
          GenericResources: [{ DiscreteResourceSpec: { Kind: "GPU", Value: 2 } }],
        },
      },
    },
    {
      given: { restartCondition: "on-failure", restartDelay: "1s", restartMaxAttempts: "3" },
      path: "TaskTemplate.RestartPolicy",
      want: { Condition: "on-failure", Delay: 1e9, MaxAttempts: 3 },
    },
    { given: {}, path: "UpdateConfig", want: undefined },
    {
      given: {
        updateParallelism: "0",
        updateOrder: "start-first",
        updateFailureAction: "rollback",
      },
      path: "UpdateConfig",
      want: {
        Parallelism: 0,
        FailureAction: "rollback",
        Monitor: 5e9,
        MaxFailureRatio: 0,
        Order: "start-first",
      },
    },
    { given: { endpointMode: "dnsrr" }, path: "EndpointSpec.Mode", want: "dnsrr" },
    {
      given: { publish: ["80", "90:91"] },
      path: "EndpointSpec.Ports.length",
      want: 2,
    },
    {
      given: { logDriver: "json-file", logOpt: ["max-size=1m"] },
      path: "TaskTemplate.LogDriver",
      want: { Name: "json-file", Options: { "max-size": "1m" } },
    },
  ];
  for (const { given, path, want } of cases) {
    it(`${JSON.stringify(given)} -> ${path}`, () => {
      assert.deepEqual(at(specOfFlags("img:1", ["serve", "-v"], given), path), want);
    });
  }

  const wrong: { given: ServiceFlags; flag: string }[] = [
    { given: { mode: "global", replicas: "2" }, flag: "--replicas" },
    { given: { maxConcurrent: "2" }, flag: "--max-concurrent" },
    { given: { mode: "many" }, flag: "--mode" },
    { given: { rollbackFailureAction: "rollback" }, flag: "--rollback-failure-action" },
    { given: { updateMaxFailureRatio: "2" }, flag: "--update-max-failure-ratio" },
    { given: { mount: ["source=a"] }, flag: "--mount" },
    { given: { mount: ["type=npipe,target=/x"] }, flag: "--mount" },
    { given: { mount: ["target=/x,colour=red"] }, flag: "--mount" },
    { given: { network: ["alias=x"] }, flag: "--network" },
    { given: { placementPref: ["node.labels.zone"] }, flag: "--placement-pref" },
    { given: { host: ["db"] }, flag: "--host" },
    { given: { ulimit: ["nofile"] }, flag: "--ulimit" },
    { given: { healthcheck: false, healthCmd: "true" }, flag: "--no-healthcheck" },
    { given: { oomScoreAdj: "2000" }, flag: "--oom-score-adj" },
    { given: { limitMemory: "lots" }, flag: "--limit-memory" },
  ];
  for (const { given, flag } of wrong) {
    it(`refuses ${JSON.stringify(given)}`, () => {
      assert.throws(
        () => specOfFlags("img", [], given),
        (error: unknown) =>
          isClusterError(error, "INVALID_ARGUMENT") && error.message.includes(flag),
      );
    });
  }
});

describe("service update", () => {
  const before: ServiceSpecJson = specOfFlags("img:1", [], {
    name: "web",
    label: ["a=1", "b=2"],
    env: ["A=1", "B=2"],
    constraint: ["node.role==worker"],
    publish: ["8080:80", "53:53/udp"],
    mount: ["source=data,target=/d"],
    readOnly: true,
    capDrop: ["CHOWN"],
    updateParallelism: "2",
    host: ["db:10.0.0.9"],
  });
  before.TaskTemplate.Networks = [{ Target: "net1" }];
  const secret = secretReference(parseFileRequest("--secret", "s1"), "secret1");
  before.TaskTemplate.ContainerSpec = { ...before.TaskTemplate.ContainerSpec, Secrets: [secret] };

  const cases: { given: ServiceFlags; path: string; want: unknown }[] = [
    { given: { image: "img:2" }, path: `${container}.Image`, want: "img:2" },
    { given: { args: "a 'b c'" }, path: `${container}.Args`, want: ["a", "b c"] },
    { given: { replicas: "4" }, path: "Mode.Replicated.Replicas", want: 4 },
    { given: { force: true }, path: "TaskTemplate.ForceUpdate", want: 1 },
    { given: { labelAdd: ["c=3"], labelRm: ["a"] }, path: "Labels", want: { b: "2", c: "3" } },
    { given: { envAdd: ["A=9"], envRm: ["B"] }, path: `${container}.Env`, want: ["A=9"] },
    { given: { readOnly: false }, path: `${container}.ReadOnly`, want: false },
    { given: { capAdd: ["CHOWN"] }, path: `${container}.CapabilityDrop`, want: [] },
    {
      given: { constraintRm: ["node.role==worker"], constraintAdd: ["node.id==x"] },
      path: "TaskTemplate.Placement.Constraints",
      want: ["node.id==x"],
    },
    {
      given: { publishRm: ["80"] },
      path: "EndpointSpec.Ports",
      want: [{ Protocol: "udp", TargetPort: 53, PublishedPort: 53, PublishMode: "ingress" }],
    },
    { given: { publishRm: ["53/tcp"] }, path: "EndpointSpec.Ports.length", want: 2 },
    { given: { publishRm: ["53/udp"] }, path: "EndpointSpec.Ports.length", want: 1 },
    { given: { publishAdd: ["8080:80"] }, path: "EndpointSpec.Ports.length", want: 2 },
    { given: { publishAdd: ["9090:90"] }, path: "EndpointSpec.Ports.length", want: 3 },
    { given: { endpointMode: "dnsrr" }, path: "EndpointSpec.Mode", want: "dnsrr" },
    { given: { mountRm: ["/d"] }, path: `${container}.Mounts`, want: [] },
    { given: { hostRm: ["db"] }, path: `${container}.Hosts`, want: [] },
    { given: { secretRm: ["s1"] }, path: `${container}.Secrets`, want: [] },
    {
      given: { networkRm: ["net1"], networkAdd: ["net2"] },
      path: "TaskTemplate.Networks",
      want: [{ Target: "net2" }],
    },
    { given: { updateDelay: "1s" }, path: "UpdateConfig.Parallelism", want: 2 },
    { given: { updateDelay: "1s" }, path: "UpdateConfig.Delay", want: 1e9 },
    {
      given: { dnsAdd: ["9.9.9.9"] },
      path: `${container}.DNSConfig.Nameservers`,
      want: ["9.9.9.9"],
    },
    { given: {}, path: `${container}.Sysctls`, want: undefined },
  ];
  for (const { given, path, want } of cases) {
    it(`${JSON.stringify(given)} -> ${path}`, () => {
      assert.deepEqual(at(updatedSpec(before, given), path), want);
    });
  }

  it("changes nothing without flags, and never its input", () => {
    const copy = structuredClone(before);
    assert.deepEqual(updatedSpec(before, {}), copy);
    updatedSpec(before, { envAdd: ["X=1"], labelAdd: ["x=1"], publishAdd: ["1:1"] });
    assert.deepEqual(before, copy);
  });

  it("has no replicas to change in a global service", () => {
    const spec = specOfFlags("img", [], { mode: "global" });
    assert.throws(() => updatedSpec(spec, { replicas: "2" }), /--replicas/);
  });
});

describe("references to secrets and configs", () => {
  it("reads a name alone", () => {
    assert.deepEqual(parseFileRequest("--config", "site"), {
      source: "site",
      target: "/site",
      uid: "0",
      gid: "0",
      mode: 0o444,
    });
    assert.equal(parseFileRequest("--secret", "key").target, "key");
  });

  it("reads all fields", () => {
    const request = parseFileRequest("--secret", "source=k,target=/a/b,uid=5,gid=6,mode=0400");
    assert.deepEqual(secretReference(request, "id1"), {
      SecretID: "id1",
      SecretName: "k",
      File: { Name: "/a/b", UID: "5", GID: "6", Mode: 0o400 },
    });
  });

  for (const given of ["target=x", "source=a,mode=999", "source=a,color=red"]) {
    it(`refuses ${given}`, () => {
      assert.throws(() => parseFileRequest("--secret", given), /--secret/);
    });
  }
});

describe("words and credentials", () => {
  it("splits words at blanks outside of quotes", () => {
    assert.deepEqual(splitWords(`a "b c" 'd e' f`, "--args"), ["a", "b c", "d e", "f"]);
  });

  it("takes variables of the client", () => {
    assert.equal(withClientValue("A", { A: "1" }), "A=1");
    assert.equal(withClientValue("A=2", { A: "1" }), "A=2");
    assert.equal(withClientValue("B", {}), "B");
  });

  const auth = Buffer.from("user:pa:ss").toString("base64");
  const config = JSON.stringify({
    auths: { "reg.example:5000": { auth }, "https://index.docker.io/v1/": { auth } },
  });
  const cases = [
    { image: "reg.example:5000/a/b:1", found: true },
    { image: "busybox", found: true },
    { image: "library/busybox", found: true },
    { image: "other.example/a", found: false },
  ];
  for (const { image, found } of cases) {
    it(`${found ? "finds" : "has no"} credentials for ${image}`, () => {
      const header = registryAuthOf(config, image);
      assert.equal(header !== undefined, found);
      if (header === undefined) return;
      const { username, password } = JSON.parse(Buffer.from(header, "base64url").toString());
      assert.deepEqual([username, password], ["user", "pa:ss"]);
    });
  }

  it("has none in a file that is not docker's", () => {
    assert.equal(registryAuthOf("nonsense", "busybox"), undefined);
  });
});
