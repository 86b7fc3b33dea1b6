import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import type { ClusterSpec, ClusterSpecInput } from "../../../src/gen/skep/ClusterSpec.ts";
import type { ConfigSpec, ConfigSpecInput } from "../../../src/gen/skep/ConfigSpec.ts";
import type { ContainerSpecInput } from "../../../src/gen/skep/ContainerSpec.ts";
import type { NetworkSpec, NetworkSpecInput } from "../../../src/gen/skep/NetworkSpec.ts";
import type { SecretSpec, SecretSpecInput } from "../../../src/gen/skep/SecretSpec.ts";
import type { ServiceSpecInput } from "../../../src/gen/skep/ServiceSpec.ts";
import type { TaskSpecInput } from "../../../src/gen/skep/TaskSpec.ts";
import { validateAddressPools, validateClusterSpec } from "../../../src/model/validate/cluster.ts";
import { validateConfigSpec } from "../../../src/model/validate/config.ts";
import { checkImageReference } from "../../../src/model/validate/image-reference.ts";
import { validateNetworkSpec } from "../../../src/model/validate/network.ts";
import { validateSecretSpec, validateSecretUpdate } from "../../../src/model/validate/secret.ts";
import { validateServiceSpec, validateServiceUpdate } from "../../../src/model/validate/service.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import { aService, aServiceSpec, aTaskSpec } from "../../support/builders.ts";

function full<I extends object, O>(name: string, input: I): O {
  const codec = messageCodec<I, O>(name);
  return codec.decode(codec.encode(input));
}

/** Runs it; the text of the refusal, or "" when there is none. */
function refusal(fn: () => void, code = "INVALID_ARGUMENT"): string {
  try {
    fn();
  } catch (error) {
    assert.ok(isClusterError(error, code as "INVALID_ARGUMENT"), String(error));
    return error.message;
  }
  return "";
}

const task = (given: TaskSpecInput): ServiceSpecInput => ({ task: aTaskSpec(given) });
const container = (given: ContainerSpecInput): ServiceSpecInput =>
  task({ container: { image: "web:1", ...given } });
const ports = (mode: "VIP" | "DNSRR", ...list: object[]): ServiceSpecInput => ({
  endpoint: { mode, ports: list },
});

describe("service specs", () => {
  const accepted: { name: string; given: ServiceSpecInput }[] = [
    { name: "the plain one", given: {} },
    { name: "no replicas", given: { replicated: { replicas: 0 } } },
    { name: "a stack's name", given: { annotations: { name: "stack_web-1" } } },
    {
      name: "host port with dnsrr",
      given: ports("DNSRR", { targetPort: 80, publishedPort: 80, publishMode: "HOST" }),
    },
    {
      name: "one port for tcp and udp",
      given: ports(
        "VIP",
        { targetPort: 53, publishedPort: 53 },
        { targetPort: 53, publishedPort: 53, protocol: "UDP" },
      ),
    },
    {
      name: "templates",
      given: container({
        hostname: "{{.Node.Hostname}}-{{.Task.Slot}}",
        mounts: [{ type: "VOLUME", source: "data-{{.Task.Slot}}", target: "/data" }],
      }),
    },
    {
      name: "rebalance",
      given: { annotations: { name: "web", labels: { "skep.rebalance": "auto" } } },
    },
    { name: "0 as default", given: task({ resources: { limits: { memoryBytes: 0 } } }) },
  ];
  for (const { name, given } of accepted) {
    it(`accepts ${name}`, () =>
      assert.equal(
        refusal(() => validateServiceSpec(aServiceSpec(given))),
        "",
      ));
  }

  const refused: { given: ServiceSpecInput; want: RegExp; code?: string }[] = [
    { given: { annotations: { name: "" } }, want: /service name: it must be given/ },
    { given: { annotations: { name: "a b" } }, want: /service name "a b": use letters/ },
    { given: { annotations: { name: "-a" } }, want: /service name "-a"/ },
    { given: { annotations: { name: "a".repeat(64) } }, want: /longer than 63/ },
    {
      given: { annotations: { name: "a", labels: { "skep.rebalance": "often" } } },
      want: /rebalance "often" \(label skep\.rebalance\): use auto or manual/,
    },
    {
      given: { annotations: { name: "a", labels: { "skep.rebalance": "auto" } }, global: {} },
      want: /only a replicated service can be rebalanced/,
    },
    {
      given: container({
        ulimits: [
          { name: "nofile", soft: 1, hard: 1 },
          { name: "nofile", soft: 2, hard: 2 },
        ],
      }),
      want: /ulimit "nofile": it is given twice/,
    },
    {
      given: { annotations: { name: "a/b_web", labels: { "com.docker.stack.namespace": "a/b" } } },
      want: /^stack name "a\/b": use letters/,
    },
    {
      given: {
        annotations: {
          name: `${"a".repeat(60)}_web`,
          labels: { "com.docker.stack.namespace": "a".repeat(60) },
        },
      },
      want: /^stack name "a+": with it "a+_web" is longer than 63 characters: give a shorter one/,
    },
    { given: { task: {} }, want: /needs a container/ },
    { given: container({ image: "" }), want: /image: name an image/ },
    { given: container({ image: "Web" }), want: /image "Web"/ },
    { given: container({ hostname: "{{.Nod.ID}}" }), want: /"{{\.Nod\.ID}}".*\.Node/ },
    { given: container({ env: ["A={{if}}"] }), want: /"A={{if}}".*cannot be read/ },
    { given: { replicated: { replicas: 2_000_000 } }, want: /replicas: 2000000 is not/ },
    {
      given: container({
        mounts: [
          { type: "VOLUME", source: "a", target: "/data" },
          { type: "TMPFS", target: "/data/" },
        ],
      }),
      want: /mount "\/data\/": two mounts have this target/,
    },
    { given: container({ mounts: [{ type: "BIND", target: "/a" }] }), want: /needs a source/ },
    {
      given: container({ mounts: [{ type: "BIND", source: "x", target: "/a" }] }),
      want: /absolute/,
    },
    {
      given: container({ mounts: [{ type: "VOLUME", source: "/x", target: "/a" }] }),
      want: /type=bind/,
    },
    {
      given: container({ mounts: [{ type: "TMPFS", source: "x", target: "/a" }] }),
      want: /no source/,
    },
    {
      given: container({ mounts: [{ type: "CLUSTER_VOLUME", source: "x", target: "/a" }] }),
      want: /use a mount of type/,
      code: "UNIMPLEMENTED",
    },
    { given: container({ env: ["=x"] }), want: /env "=x"/ },
    { given: container({ stopSignal: "; rm" }), want: /stop-signal/ },
    { given: container({ stopSignal: "SIGNOPE" }), want: /stop-signal "SIGNOPE": give a name/ },
    { given: container({ stopSignal: "65" }), want: /stop-signal/ },
    { given: container({ user: "a b" }), want: /user "a b": write it as user\[:group\]/ },
    { given: container({ user: "a:b:c" }), want: /user "a:b:c"/ },
    { given: container({ groups: ["a b"] }), want: /group "a b"/ },
    { given: container({ capabilityAdd: ["FLY"] }), want: /capability "FLY"/ },
    { given: container({ capabilityDrop: ["CAP_"] }), want: /capability "CAP_"/ },
    { given: container({ sysctls: { "vm.swappiness": "1" } }), want: /of the whole node/ },
    { given: container({ sysctls: { "kernel.hostname": "x" } }), want: /of the whole node/ },
    { given: container({ ulimits: [{ name: "luck", soft: 1, hard: 1 }] }), want: /ulimit "luck"/ },
    { given: container({ dns: { options: ["two words"] } }), want: /dns-option "two words"/ },
    { given: container({ dns: { search: ["two words"] } }), want: /dns-search "two words"/ },
    { given: container({ stopGracePeriod: { seconds: -1 } }), want: /stop-grace-period/ },
    { given: container({ dns: { nameservers: ["one"] } }), want: /dns "one"/ },
    { given: container({ hosts: ["web"] }), want: /host "web"/ },
    { given: container({ healthcheck: { test: ["curl"] } }), want: /NONE, CMD or CMD-SHELL/ },
    { given: container({ oomScoreAdj: 2000 }), want: /oom-score-adj/ },
    {
      given: container({ ulimits: [{ name: "nofile", soft: 2, hard: 1 }] }),
      want: /ulimit nofile/,
    },
    {
      given: container({
        secrets: [
          { secretId: "1", secretName: "a", file: { name: "x" } },
          { secretId: "2", secretName: "b", file: { name: "x" } },
        ],
      }),
      want: /secret target "x": two references/,
    },
    {
      given: container({ configs: [{ configId: "1", configName: "a", file: { name: "/../x" } }] }),
      want: /without '\.\.'/,
    },
    { given: task({ resources: { limits: { nanoCpus: 100 } } }), want: /limit-cpu: .*0\.001/ },
    {
      given: task({ resources: { reservations: { memoryBytes: 1024 } } }),
      want: /reserve-memory: .*4 MiB/,
    },
    { given: task({ resources: { limits: { nanoCpus: -1 } } }), want: /limit-cpu/ },
    {
      given: task({
        resources: { reservations: { generic: [{ named: { kind: "GPU", value: "1" } }] } },
      }),
      want: /generic-resource "GPU"/,
    },
    {
      given: task({ placement: { constraints: ["zone=a"] } }),
      want: /placement constraint "zone=a"/,
    },
    {
      given: task({ placement: { preferences: [{ spread: { descriptor: "zone" } }] } }),
      want: /placement-pref "zone"/,
    },
    {
      given: { ...task({ placement: { maxReplicasPerNode: 1 } }), global: {} },
      want: /replicas-max-per-node/,
    },
    { given: task({ restart: { delay: { seconds: -1 } } }), want: /restart-delay/ },
    {
      given: task({ networks: [{ target: "n" }, { target: "n" }] }),
      want: /network "n": it is attached twice/,
    },
    { given: { update: { maxFailureRatio: 1.5 } }, want: /update-max-failure-ratio/ },
    { given: { update: { delay: { seconds: -1 } } }, want: /update-delay/ },
    { given: { rollback: { failureAction: "ROLLBACK_UPDATE" } }, want: /rollback-failure-action/ },
    { given: { update: {}, replicatedJob: { totalCompletions: 1 } }, want: /a job is not updated/ },
    { given: ports("DNSRR", { targetPort: 80 }), want: /dnsrr has no virtual IP/ },
    { given: ports("VIP", { targetPort: 0 }), want: /publish target/ },
    { given: ports("VIP", { targetPort: 80, publishedPort: 70000 }), want: /publish published/ },
    {
      given: ports(
        "VIP",
        { targetPort: 80, publishedPort: 80 },
        { targetPort: 81, publishedPort: 80, publishMode: "HOST" },
      ),
      want: /publish 80\/tcp: this port is published twice/,
    },
  ];
  for (const { given, want, code } of refused) {
    it(`refuses ${want.source}`, () => {
      assert.match(
        refusal(() => validateServiceSpec(aServiceSpec(given)), code),
        want,
      );
    });
  }

  it("refuses less than no replicas", () => {
    const spec = { ...aServiceSpec(), replicated: { replicas: -1 } };
    assert.match(
      refusal(() => validateServiceSpec(spec)),
      /replicas: -1 is not a whole number/,
    );
  });

  it("keeps name and mode", () => {
    const service = aService();
    const check = (given: ServiceSpecInput) =>
      refusal(() => validateServiceUpdate(service, aServiceSpec(given)), "UNIMPLEMENTED");
    assert.equal(check({ replicated: { replicas: 9 } }), "");
    assert.match(check({ annotations: { name: "other" } }), /renaming services is not supported/);
    assert.match(check({ global: {} }), /service mode change is not allowed/);
  });
});

describe("image references", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const good = [
    "web",
    "web:1.2",
    "library/web",
    "localhost:5000/a/b:c",
    "r.io/a__b/c-d",
    `web:1@${digest}`,
  ];
  const bad = [
    "",
    "Web",
    "web:",
    "web@sha256:12",
    "a//b",
    "/a",
    "a b",
    "-a",
    "http://x/y",
    "a".repeat(64),
    "r_x.io/a",
  ];
  for (const text of good) it(`accepts ${text}`, () => checkImageReference("image", text));
  for (const text of bad) {
    it(`refuses "${text}"`, () => {
      assert.notEqual(
        refusal(() => checkImageReference("image", text)),
        "",
      );
    });
  }
});

describe("other specs", () => {
  const named = { annotations: { name: "one" } };
  const network = (given: NetworkSpecInput) => () =>
    validateNetworkSpec(full<NetworkSpecInput, NetworkSpec>("NetworkSpec", { ...named, ...given }));
  const secret = (given: SecretSpecInput) =>
    full<SecretSpecInput, SecretSpec>("SecretSpec", { ...named, ...given });
  const config = (given: ConfigSpecInput) => () =>
    validateConfigSpec(full<ConfigSpecInput, ConfigSpec>("ConfigSpec", { ...named, ...given }));
  const cluster = (given: ClusterSpecInput) => () =>
    validateClusterSpec(full<ClusterSpecInput, ClusterSpec>("ClusterSpec", given));
  const pools =
    (size: number, ...texts: string[]) =>
    () =>
      validateAddressPools(texts, size);
  const subnets = (...configs: object[]) => network({ ipam: { configs } });

  const cases: { name: string; given: () => void; want: RegExp; code?: string }[] = [
    { name: "pools", given: pools(26, "10.1.0.0/16", "10.2.0.0/26"), want: /^$/ },
    { name: "no pools", given: pools(0), want: /^$/ },
    {
      name: "a pool that is none",
      given: pools(0, "10.0.0.0/33"),
      want: /^default-addr-pool: "10\.0\.0\.0\/33" is not an IPv4 subnet/,
    },
    {
      name: "pieces larger than their pool",
      given: pools(8, "10.0.0.0/16"),
      want: /^default-addr-pool-mask-length: a subnet of \/8 does not fit into the pool 10\.0\.0\.0\/16/,
    },
    {
      name: "a pool smaller than the usual piece",
      given: pools(0, "10.0.0.0/25"),
      want: /a subnet of \/24 does not fit/,
    },
    { name: "pieces for nobody", given: pools(30), want: /mask-length: 30 is not .* from 1 to 29/ },
    {
      name: "pools that overlap",
      given: pools(0, "10.0.0.0/16", "10.0.128.0/17"),
      want: /default-addr-pool 10\.0\.128\.0\/17: it overlaps/,
    },
    {
      name: "a subnet that begins elsewhere",
      given: subnets({ subnet: "10.0.0.5/24" }),
      want: /^subnet 10\.0\.0\.5\/24: it begins elsewhere: write 10\.0\.0\.0\/24$/,
    },
    ...["0.0.0.0/0", "127.0.0.0/8", "224.0.0.0/8"].map((subnet) => ({
      name: `the subnet ${subnet}`,
      given: subnets({ subnet }),
      want: /no host can have these addresses/,
    })),
    ...["10.0.0.0", "10.0.0.255"].map((gateway) => ({
      name: `the gateway ${gateway}`,
      given: subnets({ subnet: "10.0.0.0/24", gateway }),
      want: /^gateway .*: it is the first or last address of 10\.0\.0\.0\/24/,
    })),
    ...["mtu=x", "mtu=10", "overlay.vxlanid_list=0", "overlay.vxlanid_list=4097,99999999"].map(
      (text) => {
        const [name = "", value = ""] = text.split("=");
        const options = { [`com.docker.network.driver.${name}`]: value };
        return {
          name: `the option ${text}`,
          given: network({ driver: { name: "overlay", options } }),
          want: /^network opt com\.docker\.network\.driver\..*: ".*" is not a whole number from/,
        };
      },
    ),
    { name: "network", given: network({ driver: { name: "overlay" } }), want: /^$/ },
    {
      name: "network driver",
      given: network({ driver: { name: "macvlan" } }),
      want: /use overlay/,
      code: "UNIMPLEMENTED",
    },
    {
      name: "external CA",
      given: cluster({ ca: { externalCas: [{ protocol: "cfssl", url: "https://ca/sign" }] } }),
      want: /^$/,
    },
    {
      name: "external CA of an unknown protocol",
      given: cluster({ ca: { externalCas: [{ protocol: "acme", url: "https://ca/" }] } }),
      want: /"acme" is not known; give cfssl/,
    },
    {
      name: "external CA over plain http",
      given: cluster({ ca: { externalCas: [{ protocol: "cfssl", url: "http://ca/" }] } }),
      want: /not https/,
    },
    {
      name: "external CA nowhere",
      given: cluster({ ca: { externalCas: [{ protocol: "cfssl", url: "ca" }] } }),
      want: /"ca" is no URL/,
    },
    {
      name: "too many external CAs",
      given: cluster({
        ca: { externalCas: Array(9).fill({ protocol: "cfssl", url: "https://ca/" }) },
      }),
      want: /at most 8/,
    },
    {
      name: "attachable ingress",
      given: network({ ingress: true, attachable: true }),
      want: /ingress/,
    },
    {
      name: "an option that would seem to protect",
      given: network({ driver: { name: "overlay", options: { encrypted: "" } } }),
      want: /opt encrypted: .*leave it out/,
      code: "UNIMPLEMENTED",
    },
    { name: "ipv6", given: network({ ipv6Enabled: true }), want: /ipv6/, code: "UNIMPLEMENTED" },
    { name: "subnet", given: subnets({ subnet: "10.1.0.0/24", gateway: "10.1.0.1" }), want: /^$/ },
    { name: "bad subnet", given: subnets({ subnet: "10.1.0.0" }), want: /subnet/ },
    { name: "small subnet", given: subnets({ subnet: "10.1.0.0/30" }), want: /too small/ },
    {
      name: "gateway outside",
      given: subnets({ subnet: "10.1.0.0/24", gateway: "10.2.0.1" }),
      want: /gateway 10\.2/,
    },
    {
      name: "range outside",
      given: subnets({ subnet: "10.1.0.0/24", range: "10.1.1.0/25" }),
      want: /ip-range/,
    },
    {
      name: "a second subnet",
      given: subnets({ subnet: "10.1.0.0/16" }, { subnet: "10.2.0.0/16" }),
      want: /^subnet 10\.2\.0\.0\/16: an overlay network has one: leave it out$/,
      code: "UNIMPLEMENTED",
    },
    { name: "gateway alone", given: subnets({ gateway: "10.1.0.1" }), want: /needs the subnet/ },
    {
      name: "secret",
      given: () => validateSecretSpec(secret({ data: Buffer.from("x") })),
      want: /^$/,
    },
    { name: "empty secret", given: () => validateSecretSpec(secret({})), want: /0 bytes given/ },
    {
      name: "big secret",
      given: () => validateSecretSpec(secret({ data: Buffer.alloc(600_000) })),
      want: /secret data/,
    },
    {
      name: "secret driver",
      given: () => validateSecretSpec(secret({ driver: { name: "vault" } })),
      want: /vault/,
      code: "UNIMPLEMENTED",
    },
    { name: "config", given: config({ data: Buffer.alloc(900_000) }), want: /^$/ },
    { name: "big config", given: config({ data: Buffer.alloc(1_100_000) }), want: /config data/ },
    {
      name: "config name",
      given: config({ annotations: { name: "a/b" } }),
      want: /config name "a\/b"/,
    },
    {
      name: "Go template",
      given: config({ templating: { name: "golang" }, data: Buffer.from("x") }),
      want: /^$/,
    },
    {
      name: "config template",
      given: config({ templating: { name: "jinja" } }),
      want: /template-driver/,
    },
    { name: "cluster", given: cluster({}), want: /^$/ },
    {
      name: "heartbeat",
      given: cluster({ dispatcher: { heartbeatPeriod: { nanos: 1 } } }),
      want: /at least 1s/,
    },
    {
      name: "certificate expiry",
      given: cluster({ ca: { nodeCertExpiry: { seconds: 60 } } }),
      want: /at least 1h/,
    },
    {
      name: "election tick",
      given: cluster({ raft: { electionTick: 1, heartbeatTick: 1 } }),
      want: /election-tick/,
    },
  ];
  for (const { name, given, want, code } of cases) {
    it(name, () => assert.match(refusal(given, code), want));
  }

  it("lets a secret change its labels only", () => {
    const spec = secret({ data: Buffer.from("x") });
    const stored = { id: "s", meta: null, spec };
    const labels = { name: "one", labels: { a: "b" } };
    assert.equal(
      refusal(() => validateSecretUpdate(stored, secret({ annotations: labels }))),
      "",
    );
    const other = secret({ data: Buffer.from("y") });
    assert.match(
      refusal(() => validateSecretUpdate(stored, other)),
      /only updates to Labels/,
    );
  });
});
